"""PCGM trained on disagreement: the noisy scan shows one anatomy, the mask another, and the mask's is to be drawn."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np

from pcgm_bench.contracts import Card
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import UserError
from pcgm_bench.methods.pcgm.aligned.card import CARD
from pcgm_bench.methods.pcgm.aligned.change import told
from pcgm_bench.methods.pcgm.aligned.config import ALIGNED
from pcgm_bench.methods.pcgm.masks import CausalMasks
from pcgm_bench.methods.pcgm.mgd.conditions import mask_of
from pcgm_bench.methods.pcgm.mgd.config import MGDConfig
from pcgm_bench.methods.pcgm.mgd.controlnet import control_mask
from pcgm_bench.methods.pcgm.mgd.model import MGD
from pcgm_bench.methods.pcgm.mgd.trained import TrainedMGD
from pcgm_bench.training.people import conditions_under


class PCGMAligned(CausalMasks, TrainedMGD):
    """PGM and CMG as in `pcgm`; an MGD that is told the change of the mask, and needs no guidance."""

    card: ClassVar[Card] = CARD
    weights_folder: ClassVar[Path | None] = Path(__file__).parent / "weights"
    config: MGDConfig = ALIGNED
    trained_networks: ClassVar[tuple[str, ...]] = ()

    def train(self, cohort: Cohort, context: Context, work: Path) -> MGD:
        """Not on a cohort: these networks learn from pairs of states of one person.

        Raises:
            UserError: always; it names the command that trains them.
        """
        raise UserError(
            "pcgm-aligned learns from pairs of states of one person, which a cohort does not have; its weights are "
            "made with `python -m pcgm_bench.methods.pcgm.fitting.make`"
        )

    def counterfactual(self, scan: Scan, do: Intervention, seed: int) -> np.ndarray:
        """The image of this person under ``do``, ``(X, Y, Z)``.

        Raises:
            UserError: no weights, another grid than the configuration's, or as `counterfactual_volumes`.
        """
        self.check_grid(scan)
        before = mask_of(scan)
        after = control_mask(self.counterfactual_mask(scan, do, seed).fractions)
        _, rest = self.split(scan, do)
        old, new = conditions_under(scan, rest, self.config.metadata)
        image = self.networks.counterfactual(scan.image, old, told(before, before), new, told(before, after), seed)
        return np.maximum(image, 0)

    def save(self, folder: Path) -> None:
        """Write the networks, read now if they have not been needed yet, and the PGM, where there is one."""
        _ = self.networks
        super().save(folder)
