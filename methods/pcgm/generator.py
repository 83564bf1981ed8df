"""PCGM as a generator: the PGM says how large the lobes would be, the CMG draws the mask, the MGD draws the image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import ClassVar

import numpy as np
import pandas as pd

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import Card
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import UserError
from pcgm_bench.methods.pcgm.card import CARD
from pcgm_bench.methods.pcgm.cmg.change import CLIP
from pcgm_bench.methods.pcgm.cmg.fractional import FractionalMask
from pcgm_bench.methods.pcgm.cmg.fractional import counterfactual_fractions
from pcgm_bench.methods.pcgm.mgd.conditions import mask_of
from pcgm_bench.methods.pcgm.mgd.config import MGDConfig
from pcgm_bench.methods.pcgm.mgd.controlnet import control_mask
from pcgm_bench.methods.pcgm.mgd.phantom import PHANTOM
from pcgm_bench.methods.pcgm.mgd.trained import TrainedMGD
from pcgm_bench.methods.pcgm.pgm.linear import linear_counterfactuals
from pcgm_bench.methods.pcgm.pgm.model import PGM
from pcgm_bench.methods.pcgm.pgm.table import row_of
from pcgm_bench.methods.pcgm.pgm.table import segmentation_of
from pcgm_bench.methods.pcgm.pgm.table import volume_table
from pcgm_bench.training.people import conditions_under

LOBES = pd.Index(LOBE_NAMES)
"""Made once: a bootstrap answers thousands of times."""


class PCGM(TrainedMGD):
    """Li et al. 2025: probabilistic graph module, counterfactual mask generator, mask-guided diffusion.

    `fit` trains the MGD once; `adapt` fits the PGM on a fold's people; `counterfactual_volumes` is the PGM alone.
    """

    card: ClassVar[Card] = CARD
    weights_folder: ClassVar[Path | None] = Path(__file__).parent / "weights"
    regions: ClassVar[frozenset[str]] = frozenset(LOBE_NAMES)
    """Regions whose volume a ``do`` can set; ventricles are neither in the PGM nor moved by the CMG."""
    config: ClassVar[MGDConfig] = PHANTOM
    trained_networks: ClassVar[tuple[str, ...]] = ("encoder", "decoder", "unet", "controlnet")
    refit_replicates: ClassVar[int] = 1000
    """Bootstrap replicates in which a study may refit the PGM."""

    def __init__(self) -> None:
        """A model that has seen nobody yet."""
        super().__init__()
        self.pgm: PGM | None = None

    def adapt(self, cohort: Cohort, context: Context) -> None:
        """Fit the PGM on the fold's people.

        Raises:
            UserError: too few people, or a diagnosis with fewer than two.
        """
        self.pgm = PGM.fit(volume_table(cohort), context.seed)
        self.to(context.device)

    def refit_volumes(
        self, train: pd.DataFrame, asked: pd.DataFrame, interventions: Sequence[Intervention], seed: int
    ) -> pd.DataFrame:
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
        factors, rest = self._split(scan, do)
        factual = segmentation_of(scan).volumes
        if factors and not rest:
            answer = {lobe: float(factual[lobe]) for lobe in LOBE_NAMES}
        else:
            if self.pgm is None:
                msg = "pcgm: no PGM yet: adapt it to a training fold, or load a fitted one"
                raise UserError(msg)
            row = self.pgm.counterfactual(row_of(scan), rest)
            answer = {lobe: float(row[lobe].iloc[0]) for lobe in self.pgm.lobes}
        return answer | {lobe: factor * factual[lobe] for lobe, factor in factors.items()}

    def _split(self, scan: Scan, do: Intervention) -> tuple[dict[str, float], dict[str, Any]]:
        """Factors of lobes, and what is left of ``do`` for the PGM.

        Raises:
            UserError: ventricles, or a factor that the CMG would not carry out in full.
        """
        if "ventricles" in do:
            msg = f"{scan.key}: pcgm cannot set the ventricles: only {', '.join(LOBE_NAMES)}"
            raise UserError(msg)
        try:
            factors = {lobe: float(do[lobe]) for lobe in LOBE_NAMES if lobe in do}
        except (TypeError, ValueError):
            factors = {"": float("nan")}
        if any(not abs(factor - 1) <= CLIP + 1e-9 for factor in factors.values()):
            msg = f"{scan.key}: do {dict(do)}: pcgm changes a lobe by a factor from {1 - CLIP:g} to {1 + CLIP:g}"
            raise UserError(msg)
        return factors, {name: value for name, value in do.items() if name not in factors}

    def counterfactual_mask(self, scan: Scan, do: Intervention, seed: int) -> FractionalMask:
        """The mask of this person under ``do``: PGM, then CMG.

        Raises:
            UserError: as `counterfactual_volumes`.
        """
        wanted = self.counterfactual_volumes(scan, do, seed)
        segmentation = segmentation_of(scan)
        ratios = {lobe: volume / segmentation.volumes[lobe] for lobe, volume in wanted.items()}
        return counterfactual_fractions(segmentation.fractions, ratios)

    def counterfactual(self, scan: Scan, do: Intervention, seed: int) -> np.ndarray:
        """The image of this person under ``do``, ``(X, Y, Z)``: PGM, CMG, then MGD from the scan's own inversion.

        Raises:
            UserError: no weights, another grid than the configuration's, or as `counterfactual_volumes`.
        """
        self.check_grid(scan)
        mask = self.counterfactual_mask(scan, do, seed).fractions
        _, rest = self._split(scan, do)
        old, new = conditions_under(scan, rest, self.config.metadata)
        image = self.networks.counterfactual(scan.image, old, mask_of(scan), new, control_mask(mask), seed)
        return np.maximum(image, 0)

    def save(self, folder: Path) -> None:
        """Write the MGD, whom it was trained on, and the PGM, where there are any."""
        super().save(folder)
        if self.pgm is not None:
            self.pgm.save(folder)

    def load(self, folder: Path) -> None:
        """Read what `save` wrote; the networks themselves when they are first needed."""
        super().load(folder)
        if (folder / "pgm.safetensors").exists():
            self.pgm = PGM.load(folder)
