"""PCGM as a generator: the PGM says how large the lobes would be, the CMG draws the mask, the MGD draws the image."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from typing import ClassVar

import numpy as np

from pcgm_bench.contracts import Card
from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import Scan
from pcgm_bench.methods.pcgm.card import CARD
from pcgm_bench.methods.pcgm.masks import CausalMasks
from pcgm_bench.methods.pcgm.mgd.conditions import mask_of
from pcgm_bench.methods.pcgm.mgd.config import MGDConfig
from pcgm_bench.methods.pcgm.mgd.controlnet import control_mask
from pcgm_bench.methods.pcgm.mgd.phantom import PHANTOM
from pcgm_bench.methods.pcgm.mgd.trained import TrainedMGD
from pcgm_bench.methods.pcgm.settings import PCGMSettings
from pcgm_bench.training.people import conditions_under


class PCGM(CausalMasks, TrainedMGD):
    """Li et al. 2025: probabilistic graph module, counterfactual mask generator, mask-guided diffusion.

    `fit` trains the MGD once; `adapt` fits the PGM on a fold's people; `counterfactual_volumes` is the PGM alone.
    """

    card: ClassVar[Card] = CARD
    weights_folder: ClassVar[Path | None] = Path(__file__).parent / "weights"
    config: MGDConfig = PHANTOM
    trained_networks: ClassVar[tuple[str, ...]] = ("encoder", "decoder", "unet", "controlnet")
    settings_type: ClassVar[type[Any]] = PCGMSettings
    training_settings: ClassVar[frozenset[str]] = frozenset({"config"})
    settings: PCGMSettings = PCGMSettings()
    allocation: str = settings.cmg

    def configure(self, settings: PCGMSettings) -> None:
        """Take the configuration, the kind of PGM, the rule of the CMG, and ablations of the MGD."""
        super().configure(settings)
        self.settings = settings
        self.config = settings.configured(self.config)

    def counterfactual(self, scan: Scan, do: Intervention, seed: int) -> np.ndarray:
        """The image of this person under ``do``, ``(X, Y, Z)``: PGM, CMG, then MGD from the scan's own inversion.

        Raises:
            UserError: no weights, another grid than the configuration's, or as `counterfactual_volumes`.
        """
        self.check_grid(scan)
        _, rest = self.split(scan, do)
        old, new = conditions_under(scan, rest, self.config.metadata)
        if not self.settings.metadata:
            old = new = np.full_like(old, np.nan)
        old_mask, new_mask = self._masks(scan, do, seed)
        return np.maximum(self.networks.counterfactual(scan.image, old, old_mask, new, new_mask, seed), 0)

    def _masks(self, scan: Scan, do: Intervention, seed: int) -> tuple[np.ndarray, np.ndarray] | tuple[None, None]:
        """Factual and counterfactual channels of the ControlNet; none where it is off."""
        counterfactual = self.counterfactual_mask(scan, do, seed).fractions
        if not self.settings.controlnet:
            return None, None
        factual = mask_of(scan)
        return factual, factual if self.settings.mask == "factual" else control_mask(counterfactual)
