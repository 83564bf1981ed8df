"""The pattern of lobes that counts as right: the planted truth, AUD's published one, or the cohort's own groups'."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pcgm_bench.contracts import UserError
from pcgm_bench.statistics import equivalence
from pcgm_bench.statistics.adjusted_effects import AdjustedEffect
from pcgm_bench.statistics.matched_folds import PATIENT
from pcgm_bench.statistics.matched_folds import Levels
from pcgm_bench.studies.aud.sample import LOBES

AUD, COHORT, NOTHING = "aud", "cohort", "nothing"
EXPECTATIONS = (AUD, COHORT)

UNAFFECTED = "occipital"
"""The lobe in which Sullivan et al. 2018 found no deficit."""

PUBLISHED = dict(zip(LOBES, (-2.8, -3.1, -2.7, -2.2, -1.5, 0.0), strict=True))
"""Per cent by lobe in AUD (Sullivan et al. 2018, doi 10.1001/jamapsychiatry.2018.0021)."""


@dataclass(frozen=True)
class Pattern:
    """What the diagnosis does to each lobe.

    Attributes:
        name: ``aud``, ``cohort``, or ``nothing`` (permuted labels).
        percent: lobe -> change of a patient's volume in per cent; 0: it stays; NaN: nobody knows.
    """

    name: str
    percent: Mapping[str, float]

    @property
    def affected(self) -> tuple[str, ...]:
        """Lobes that the diagnosis changes."""
        return tuple(lobe for lobe in LOBES if self.sign(lobe))

    @property
    def still(self) -> tuple[str, ...]:
        """Lobes that it leaves alone."""
        return tuple(lobe for lobe in LOBES if self.percent[lobe] == 0)

    @property
    def unknown(self) -> tuple[str, ...]:
        """Lobes of which the cohort's own groups do not tell."""
        return tuple(lobe for lobe in LOBES if np.isnan(self.percent[lobe]))

    def sign(self, lobe: str) -> int:
        """-1 where patients have less, +1 where they have more, 0 where they have the same or nobody knows."""
        return int(np.sign(np.nan_to_num(self.percent[lobe])))

    @property
    def log_change(self) -> np.ndarray:
        """``(6,)`` change as a difference of logarithms; NaN where nobody knows."""
        return np.log1p(np.array([self.percent[lobe] for lobe in LOBES]) / 100)


NO_EFFECT = Pattern(NOTHING, dict.fromkeys(LOBES, 0.0))
"""Of a row whose labels were permuted before everything."""


def expectation(wish: str, table: pd.DataFrame, levels: Levels, *, is_phantom: bool) -> str:
    """``aud`` or ``cohort``: the user's wish; without one, ``aud`` for phantoms and where the patients are called AUD.

    The name is the one in the cohort's own files: a map of columns may have renamed the patients.

    Raises:
        UserError: the study knows no such pattern.
    """
    if wish:
        if wish not in EXPECTATIONS:
            raise UserError(f"--expect {wish}: the AUD study knows {' and '.join(EXPECTATIONS)}")
        return wish
    names = patients_called(table, levels.patient)
    return AUD if is_phantom or all(name.upper() == PATIENT for name in names) else COHORT


def patients_called(table: pd.DataFrame, patient: str) -> Sequence[str]:
    """What the cohort's own files call its patients."""
    names = table["diagnosis_original"] if "diagnosis_original" in table else table["diagnosis"]
    return sorted({str(name) for name in names[table["diagnosis"] == patient]})


def aud_pattern(planted: Mapping[str, float]) -> Pattern:
    """AUD's: the planted loss where it is known, else the published one."""
    return Pattern(AUD, {lobe: -planted.get(lobe, 0.0) if planted else PUBLISHED[lobe] for lobe in LOBES})


def cohort_pattern(real: Mapping[str, AdjustedEffect]) -> Pattern:
    """What the real groups show: a difference, or that there is none; a lobe of which they show neither is not known.

    Args:
        real: lobe -> effect between real controls and real patients.
    """
    percent = dict.fromkeys(LOBES, float("nan"))
    for lobe, effect in real.items():
        if effect.verdict == equivalence.DIFFERENT:
            percent[lobe] = effect.percent
        elif effect.verdict in (equivalence.EQUIVALENT, equivalence.BOTH):
            percent[lobe] = 0.0
    return Pattern(COHORT, percent)
