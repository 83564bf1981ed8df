"""The tissue edit with the cohort's planted effect in place of a causal model."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import ClassVar

import pandas as pd

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import Card
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import UserError
from pcgm_bench.methods.cheats.card import card as card_of
from pcgm_bench.methods.cheats.tissue import TissueEdit
from pcgm_bench.methods.pcgm.pgm.table import segmentation_of
from pcgm_bench.statistics.matched_folds import find_levels


class PlantedEdit(TissueEdit):
    """Takes from every lobe what the cohort was made with: nothing is learnt from anybody."""

    card: ClassVar[Card] = card_of(
        "planted-edit", "Planted edit", "tissue-edit with the cohort's planted effect; no causal model"
    )
    refit_replicates: ClassVar[int] = 0
    _planted: Mapping[str, float] | None = None
    _patient: str = ""

    def adapt(self, cohort: Cohort, context: Context) -> None:
        """Look up the planted effect."""
        self._planted = cohort.planted
        self._patient = find_levels(cohort.table["diagnosis"].tolist()).patient

    def refit_volumes(
        self, train: pd.DataFrame, asked: pd.DataFrame, interventions: Sequence[Intervention], seed: int
    ) -> pd.DataFrame | None:
        """There is nothing to fit."""
        return None

    def counterfactual_volumes(self, scan: Scan, do: Intervention, seed: int) -> dict[str, float]:
        """Lobes (mL): the factual ones, with the planted loss taken away, or given back.

        Raises:
            UserError: the cohort's effect is not known, or the ``do`` is not of diagnosis or lobes.
        """
        factors, rest = self.split(scan, do)
        if strange := set(rest) - {"diagnosis"}:
            raise UserError(f"{scan.key}: {self.card.name} knows no effect of {', '.join(sorted(strange))}")
        steps = int(rest.get("diagnosis", scan.diagnosis) == self._patient) - int(scan.diagnosis == self._patient)
        if rest and not self._planted:
            raise UserError(f"{scan.key}: {self.card.name} needs a cohort with a planted effect")
        lost = self._planted or {}
        factual = segmentation_of(scan).volumes
        volumes = {lobe: float(factual[lobe]) * (1 - lost.get(lobe, 0.0) / 100) ** steps for lobe in LOBE_NAMES}
        return volumes | {lobe: factor * float(factual[lobe]) for lobe, factor in factors.items()}
