"""PCGM without images: the PGM says how large the lobes would be, the CMG draws the mask."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import ClassVar

import pandas as pd

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Generator
from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import Job
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import UserError
from pcgm_bench.methods.pcgm.cmg.change import CLIP
from pcgm_bench.methods.pcgm.cmg.change import VENTRICLE_CLIP
from pcgm_bench.methods.pcgm.cmg.change import VENTRICLES
from pcgm_bench.methods.pcgm.cmg.fractional import FractionalMask
from pcgm_bench.methods.pcgm.cmg.fractional import counterfactual_fractions
from pcgm_bench.methods.pcgm.mask_settings import MaskSettings
from pcgm_bench.methods.pcgm.pgm.linear import linear_counterfactuals
from pcgm_bench.methods.pcgm.pgm.model import PGM
from pcgm_bench.methods.pcgm.pgm.table import leaves_of
from pcgm_bench.methods.pcgm.pgm.table import row_of
from pcgm_bench.methods.pcgm.pgm.table import segmentation_of
from pcgm_bench.methods.pcgm.pgm.table import volume_table

LOBES = pd.Index(LOBE_NAMES)
"""Made once: a bootstrap answers thousands of times."""


class CausalMasks(Generator):
    """PGM and CMG: the volumes and the mask of a counterfactual. What draws the image is the subclass's.

    Attributes:
        limit: largest change of a lobe, as a share of its volume.
        allocation: how the CMG divides a change among voxels, see `counterfactual_fractions`.
        kind: of the PGM, see `PGM.fit`.
        pgm: fitted on a training fold; None before `adapt`.
    """

    limit: ClassVar[float] = CLIP
    settings_type: ClassVar[type[Any]] = MaskSettings
    allocation: str = MaskSettings().cmg
    kind: str = MaskSettings().pgm
    refit_replicates: ClassVar[int] = 1000
    """Bootstrap replicates in which a study may refit the PGM."""
    pgm: PGM | None = None

    def configure(self, settings: Any) -> None:
        """Take the kind of PGM and the rule of the CMG."""
        self.allocation, self.kind = settings.cmg, settings.pgm

    def adapt(self, cohort: Cohort, context: Context) -> None:
        """Fit the PGM on the fold's people.

        Raises:
            UserError: too few people, or a diagnosis with fewer than two.
        """
        table = volume_table(cohort)
        self.pgm = PGM.fit(table, context.seed, lobes=leaves_of(table), kind=self.kind)
        self.to(context.device)

    def save(self, folder: Path) -> None:
        """Write what the subclass writes, and the PGM, where there is one."""
        super().save(folder)
        if self.pgm is not None:
            self.pgm.save(folder)

    def load(self, folder: Path) -> None:
        """Read what `save` wrote."""
        super().load(folder)
        if (folder / "pgm.safetensors").exists():
            self.pgm = PGM.load(folder)

    def notes(self) -> Mapping[str, str]:
        """Which causal model the fold's people chose, and why."""
        if self.pgm is None:
            return {}
        again = "; intervals refit the linear model" if self.pgm.about["steps"] else ""
        return {"PGM": f"{self.pgm.about['choice']}{again}"}

    def refit_volumes(
        self, train: pd.DataFrame, asked: pd.DataFrame, interventions: Sequence[Intervention], seed: int
    ) -> pd.DataFrame | None:
        """Fit the PGM's closed form on one table of people and answer about another: for bootstraps.

        The closed form is exactly the linear-Gaussian case of `adapt`'s flow, in milliseconds.

        Args:
            train: subject, age, sex, diagnosis, head_size (mL) and the lobes (mL), one row a person.
            asked: the people to answer about, same columns.
            interventions: theirs, one a row of ``asked``.
            seed: unused by the closed form.

        Returns:
            The lobes of ``asked`` under their interventions, same order.
        """
        answer = linear_counterfactuals(train, asked, interventions, LOBE_NAMES)
        return pd.DataFrame(answer, index=asked.index, columns=LOBES)

    def counterfactual_volumes(self, scan: Scan, do: Intervention, seed: int) -> dict[str, float]:
        """Lobes (mL) of this person under ``do``, and ventricles under another age: abduction, action, prediction.

        A region named in ``do`` is set to that factor of its factual volume. Regions are leaves of the graph, so that
        nothing else answers to it, and a ``do`` of regions alone does without the PGM. Ventricles are a leaf of ours:
        the paper's graph of a disease has cortical leaves alone, so that a diagnosis does not move them.

        Raises:
            UserError: `adapt` has not been called, the scan is not segmented, or ``do`` is not understood.
        """
        factors, rest = self.split(scan, do)
        factual = segmentation_of(scan).volumes
        if factors and not rest:
            answer = {lobe: float(factual[lobe]) for lobe in LOBE_NAMES}
        else:
            if self.pgm is None:
                msg = f"{self.card.name}: no PGM yet: adapt it to a training fold, or load a fitted one"
                raise UserError(msg)
            row = self.pgm.counterfactual(row_of(scan), rest)
            leaves = [leaf for leaf in self.pgm.lobes if leaf != VENTRICLES or "age" in rest]
            answer = {leaf: float(row[leaf].iloc[0]) for leaf in leaves}
        return answer | {region: factor * float(factual[region]) for region, factor in factors.items()}

    def split(self, scan: Scan, do: Intervention) -> tuple[dict[str, float], dict[str, Any]]:
        """Factors of regions, and what is left of ``do`` for the PGM.

        Raises:
            UserError: ventricles, where the card does not list them, or a factor that the CMG would not carry out in
                full.
        """
        limits = dict.fromkeys(LOBE_NAMES, self.limit)
        if Job.VENTRICLES in self.card.jobs:
            limits[VENTRICLES] = VENTRICLE_CLIP
        elif VENTRICLES in do:
            msg = f"{scan.key}: {self.card.name} cannot set the ventricles: only {', '.join(LOBE_NAMES)}"
            raise UserError(msg)
        factors = {}
        for region, limit in limits.items():
            if region not in do:
                continue
            try:
                factors[region] = float(do[region])
            except (TypeError, ValueError):
                factors[region] = float("nan")
            if not abs(factors[region] - 1) <= limit + 1e-9:
                what = f"{self.card.name} changes {region} by a factor from {1 - limit:g} to {1 + limit:g}"
                raise UserError(f"{scan.key}: do {dict(do)}: {what}")
        return factors, {key: value for key, value in do.items() if key not in factors}

    def counterfactual_mask(self, scan: Scan, do: Intervention, seed: int) -> FractionalMask:
        """The mask of this person under ``do``: volumes, then CMG.

        Raises:
            UserError: as `counterfactual_volumes`.
        """
        wanted = self.counterfactual_volumes(scan, do, seed)
        segmentation = segmentation_of(scan)
        ratios = {region: volume / segmentation.volumes[region] for region, volume in wanted.items()}
        return counterfactual_fractions(segmentation.fractions, ratios, allocation=self.allocation, limit=self.limit)
