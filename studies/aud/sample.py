"""Measurements to numbers: one row a person, averaged over visits, real beside counterfactual."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace

import numpy as np
import pandas as pd

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import Measurement
from pcgm_bench.statistics.matched_folds import Levels

LOBES: tuple[str, ...] = ("frontal", "insula", "parietal", "cingulate", "temporal", "occipital")
"""In the paper's order."""

EXTRA: tuple[str, ...] = ("white_matter", "ventricles")
"""Regions that diagnosis must leave alone, besides the occipital lobe."""

REGIONS: tuple[str, ...] = LOBES + EXTRA

assert set(LOBES) == set(LOBE_NAMES)


@dataclass(frozen=True)
class Sample:
    """People of both groups, with the real and the counterfactual volumes of each (mL, means over visits).

    Attributes:
        subjects: ``(n,)`` names.
        patient: ``(n,)`` True for the factual patients (after permutation, in rows that permute labels).
        covariates: ``(n, 3)`` age in years, female (0 or 1), factual head size in mL.
        real: ``(n, 8)`` volumes of `REGIONS` in the factual scans.
        counterfactual: ``(n, 8)`` volumes under the other diagnosis; None in the row "real". NaN where the row does
            not say (a volume-level row has no white matter).
        people: the same as a table (subject, age, sex, diagnosis, head_size, lobes), for refitting.
        dropped: people without a counterfactual or a head size, left out.
    """

    subjects: np.ndarray
    patient: np.ndarray
    covariates: np.ndarray
    real: np.ndarray
    counterfactual: np.ndarray | None
    people: pd.DataFrame
    dropped: int

    @property
    def lobes(self) -> np.ndarray:
        """``(n, 6)`` real volumes of `LOBES`."""
        return self.real[:, : len(LOBES)]

    @property
    def other_lobes(self) -> np.ndarray:
        """``(n, 6)`` counterfactual volumes of `LOBES`."""
        if self.counterfactual is None:
            raise ValueError("the row of real scans has no counterfactuals")
        return self.counterfactual[:, : len(LOBES)]

    def unchanged(self) -> Sample:
        """The same people with their factual volumes in place of the counterfactual ones."""
        return replace(self, counterfactual=self.real)


def visits_of(measurements: Sequence[Measurement]) -> dict[str, pd.DataFrame]:
    """Measurements as one table a row name, a line a visit, indexed by (subject, session)."""
    rows: dict[str, list[dict[str, object]]] = {}
    for m in measurements:
        line: dict[str, object] = {
            "subject": m.subject,
            "session": m.session,
            "age": m.age,
            "sex": m.sex,
            "diagnosis": m.factual_diagnosis,
            "head_size": m.head_size,
        }
        line.update({region: float(m.volumes.get(region, float("nan"))) for region in REGIONS})
        rows.setdefault(m.row, []).append(line)
    return {row: pd.DataFrame(lines).set_index(["subject", "session"]).sort_index() for row, lines in rows.items()}


def sample_of(frames: Mapping[str, pd.DataFrame], row: str, levels: Levels) -> Sample:
    """Set the real scans beside the counterfactuals of one row (``real``: the scans alone).

    Only visits that have both take part, so that the two means of a person are over the same visits. Labels come
    from the row's own measurements: a row that permutes them before everything carries the permuted ones.
    """
    real = frames["real"]
    real = real[real["diagnosis"].isin([levels.control, levels.patient])]
    everybody = real.index.get_level_values("subject").nunique()
    other = None
    if row != "real":
        shared = real.index.intersection(frames[row].index)
        real, other = real.loc[shared].copy(), frames[row].loc[shared]
        real["diagnosis"] = other["diagnosis"]
    real = _with_head_size(real)
    people = _means(real)
    counterfactual = None if other is None else _means(other.loc[real.index])[list(REGIONS)].to_numpy(float)
    covariates = np.column_stack(
        [people["age"], people["sex"].str.upper().str.startswith("F").astype(float), people["head_size"]]
    )
    return Sample(
        subjects=people["subject"].to_numpy(),
        patient=(people["diagnosis"] == levels.patient).to_numpy(),
        covariates=covariates,
        real=people[list(REGIONS)].to_numpy(float),
        counterfactual=counterfactual,
        # Plain Python strings: a bootstrap draws from this table thousands of times, and Arrow's are slow to draw.
        people=people[["subject", "age", "sex", "diagnosis", "head_size", *LOBES]].astype(
            {"subject": object, "sex": object, "diagnosis": object}
        ),
        dropped=everybody - len(people),
    )


def _with_head_size(real: pd.DataFrame) -> pd.DataFrame:
    known = real["head_size"].notna()
    if known.any():
        return real[known]
    return real.assign(head_size=1.0)  # none at all: a constant, which every later step ignores


def _means(visits: pd.DataFrame) -> pd.DataFrame:
    numbers = ["age", "head_size", *REGIONS]
    groups = visits.reset_index().groupby("subject", sort=True)
    means = groups[numbers].mean()
    means.insert(0, "sex", groups["sex"].first())
    means.insert(1, "diagnosis", groups["diagnosis"].first())
    return means.reset_index()
