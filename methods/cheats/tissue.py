"""Edits of the scan under PCGM's own volumes and masks: the whole of the dose, half, twice, or all from one place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import pandas as pd

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import Card
from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import Scan
from pcgm_bench.methods.cheats.card import card as card_of
from pcgm_bench.methods.cheats.edit import edited
from pcgm_bench.methods.cheats.edit import noise_level
from pcgm_bench.methods.cheats.patch import from_one_place
from pcgm_bench.methods.pcgm.cmg.fractional import WHITE
from pcgm_bench.methods.pcgm.masks import CausalMasks
from pcgm_bench.methods.pcgm.pgm.table import segmentation_of

PURE = 0.95
"""Share of white matter in a voxel whose noise is looked at."""


class TissueEdit(CausalMasks):
    """PCGM's volumes (PGM) and mask (CMG), drawn by mixing tissue means: a line of arithmetic in place of the network.

    Attributes:
        dose: share of the log-change of every lobe that is drawn, and said.
    """

    card: ClassVar[Card] = card_of(
        "tissue-edit", "Tissue edit", "PCGM's volumes and masks, mixed into the scan by tissue means; no network"
    )
    limit: ClassVar[float] = 0.3
    """Twice what PCGM changes, so that the double dose is not cut."""
    dose: ClassVar[float] = 1.0

    def counterfactual_volumes(self, scan: Scan, do: Intervention, seed: int) -> dict[str, float]:
        """Those of `CausalMasks` at this dose; raises as there."""
        factual = segmentation_of(scan).volumes
        wanted = super().counterfactual_volumes(scan, do, seed)
        return {lobe: float(factual[lobe] * (volume / factual[lobe]) ** self.dose) for lobe, volume in wanted.items()}

    def refit_volumes(
        self, train: pd.DataFrame, asked: pd.DataFrame, interventions: Sequence[Intervention], seed: int
    ) -> pd.DataFrame | None:
        """Those of `CausalMasks` at this dose."""
        wanted = super().refit_volumes(train, asked, interventions, seed)
        if wanted is None:
            return None
        factual = asked[list(LOBE_NAMES)]
        return factual * (wanted[list(LOBE_NAMES)] / factual) ** self.dose

    def counterfactual(self, scan: Scan, do: Intervention, seed: int) -> np.ndarray:
        """The edited scan; raises UserError as `counterfactual_volumes`."""
        mask = self.counterfactual_mask(scan, do, seed)
        return edited(scan.image, segmentation_of(scan).fractions, mask.fractions)


class HalfDose(TissueEdit):
    """Half of the change."""

    card: ClassVar[Card] = card_of("half-dose", "Half the dose", "tissue-edit with half of the asked log-change")
    dose: ClassVar[float] = 0.5


class DoubleDose(TissueEdit):
    """Twice the change."""

    card: ClassVar[Card] = card_of("double-dose", "Twice the dose", "tissue-edit with twice the asked log-change")
    dose: ClassVar[float] = 2.0


class OnePatch(TissueEdit):
    """The right volume of every lobe, all of the change in one place of it."""

    card: ClassVar[Card] = card_of("one-patch", "One patch", "tissue-edit with all of a lobe's change in one place")

    def counterfactual(self, scan: Scan, do: Intervention, seed: int) -> np.ndarray:
        """The edited scan; raises UserError as `counterfactual_volumes`."""
        before = segmentation_of(scan).fractions
        changes = self.counterfactual_mask(scan, do, seed).changes
        quotas = {lobe: change.achieved for lobe, change in changes.items()}
        return edited(scan.image, before, from_one_place(before, quotas, seed))


class DoNothing(CausalMasks):
    """Says PCGM's volumes, and draws the same scan a second time: fresh noise, no change."""

    card: ClassVar[Card] = card_of("do-nothing", "Nothing, with fresh noise", "PCGM's volumes in words; the scan again")

    def counterfactual(self, scan: Scan, do: Intervention, seed: int) -> np.ndarray:
        """The scan with noise of its own size added.

        Raises:
            UserError: the scan has not been segmented.
        """
        white = segmentation_of(scan).fractions[WHITE] >= PURE  # the least detail of its own
        noise = np.random.default_rng(seed).normal(0, noise_level(scan.image, white), scan.image.shape)
        return np.where(scan.image > 0, np.maximum(scan.image + noise, 0), 0).astype(np.float32)
