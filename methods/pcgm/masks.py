"""PCGM without images: the PGM says how large the lobes would be, the CMG draws the mask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from typing import ClassVar

import pandas as pd

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Generator
from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import UserError
from pcgm_bench.methods.pcgm.cmg.change import CLIP
from pcgm_bench.methods.pcgm.cmg.fractional import FractionalMask
from pcgm_bench.methods.pcgm.cmg.fractional import counterfactual_fractions
from pcgm_bench.methods.pcgm.pgm.linear import linear_counterfactuals
from pcgm_bench.methods.pcgm.pgm.model import PGM
from pcgm_bench.methods.pcgm.pgm.table import row_of
from pcgm_bench.methods.pcgm.pgm.table import segmentation_of
from pcgm_bench.methods.pcgm.pgm.table import volume_table

LOBES = pd.Index(LOBE_NAMES)
"""Made once: a bootstrap answers thousands of times."""


class CausalMasks(Generator):
    """PGM and CMG: the volumes and the mask of a counterfactual. What draws the image is the subclass's.

    Attributes:
        regions: whose volume a ``do`` can set; ventricles are neither in the PGM nor moved by the CMG.
        limit: largest change of a lobe, as a share of its volume.
        pgm: fitted on a training fold; None before `adapt`.
    """

    regions: ClassVar[frozenset[str]] = frozenset(LOBE_NAMES)
    limit: ClassVar[float] = CLIP
    refit_replicates: ClassVar[int] = 1000
    """Bootstrap replicates in which a study may refit the PGM."""
    pgm: PGM | None = None

    def adapt(self, cohort: Cohort, context: Context) -> None:
        """Fit the PGM on the fold's people.

        Raises:
            UserError: too few people, or a diagnosis with fewer than two.
        """
        self.pgm = PGM.fit(volume_table(cohort), context.seed)
        self.to(context.device)

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
        """Lobes (mL) of this person under ``do``: abduction, action, prediction.

        A lobe named in ``do`` is set to that factor of its factual volume. Lobes are leaves of the graph, so that
        nothing else answers to it, and a ``do`` of lobes alone does without the PGM.

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
            answer = {lobe: float(row[lobe].iloc[0]) for lobe in self.pgm.lobes}
        return answer | {lobe: factor * factual[lobe] for lobe, factor in factors.items()}

    def split(self, scan: Scan, do: Intervention) -> tuple[dict[str, float], dict[str, Any]]:
        """Factors of lobes, and what is left of ``do`` for the PGM.

        Raises:
            UserError: ventricles, or a factor that the CMG would not carry out in full.
        """
        name, limit = self.card.name, self.limit
        if "ventricles" in do:
            msg = f"{scan.key}: {name} cannot set the ventricles: only {', '.join(LOBE_NAMES)}"
            raise UserError(msg)
        try:
            factors = {lobe: float(do[lobe]) for lobe in LOBE_NAMES if lobe in do}
        except (TypeError, ValueError):
            factors = {"": float("nan")}
        if any(not abs(factor - 1) <= limit + 1e-9 for factor in factors.values()):
            msg = f"{scan.key}: do {dict(do)}: {name} changes a lobe by a factor from {1 - limit:g} to {1 + limit:g}"
            raise UserError(msg)
        return factors, {key: value for key, value in do.items() if key not in factors}

    def counterfactual_mask(self, scan: Scan, do: Intervention, seed: int) -> FractionalMask:
        """The mask of this person under ``do``: volumes, then CMG.

        Raises:
            UserError: as `counterfactual_volumes`.
        """
        wanted = self.counterfactual_volumes(scan, do, seed)
        segmentation = segmentation_of(scan)
        ratios = {lobe: volume / segmentation.volumes[lobe] for lobe, volume in wanted.items()}
        return counterfactual_fractions(segmentation.fractions, ratios, limit=self.limit)
