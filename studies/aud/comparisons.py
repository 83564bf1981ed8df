"""The paper's five columns (Table 3): which two groups of measured volumes each of them compares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pcgm_bench.studies.aud.sample import LOBES
from pcgm_bench.studies.aud.sample import Sample

ALPHA = 0.05

BOUND_INDEPENDENT = 0.30
BOUND_PAIRED = 0.15
"""Declared equivalence bounds on abs(d): just under the smallest published effect (0.31), and half of that for the
same people measured twice (there d is d_av, its spread that of people, not of changes)."""


@dataclass(frozen=True)
class Comparison:
    """One column: two groups of volumes, second minus first.

    Attributes:
        name: as in Table 3: ``1`` to ``5``; ``real`` is the replication on real scans.
        title: in words.
        first: (which volumes, of which people): ``("cf", "patients")`` are counterfactual controls, made from patients.
        second: likewise; the patient-like group is always the second.
        effect: whether the diagnosis differs between the two.
    """

    name: str
    title: str
    first: tuple[str, str]
    second: tuple[str, str]
    effect: bool

    @property
    def same_people(self) -> bool:
        """Both groups are the same persons, measured twice."""
        return self.first[1] == self.second[1]

    @property
    def bound(self) -> float:
        """The declared equivalence bound, in units of d."""
        return BOUND_PAIRED if self.same_people else BOUND_INDEPENDENT


COLUMNS: dict[str, Comparison] = {
    c.name: c
    for c in (
        Comparison("real", "real controls vs real AUD", ("real", "controls"), ("real", "patients"), True),
        Comparison("1", "CF controls vs CF AUD", ("cf", "patients"), ("cf", "controls"), True),
        Comparison("2", "real controls vs their CF AUD", ("real", "controls"), ("cf", "controls"), True),
        Comparison("3", "CF controls vs their real AUD", ("cf", "patients"), ("real", "patients"), True),
        Comparison("4", "real controls vs CF controls", ("real", "controls"), ("cf", "patients"), False),
        Comparison("5", "real AUD vs CF AUD", ("real", "patients"), ("cf", "controls"), False),
    )
}
"""The replication on real scans first, then the columns of Table 3 in its order."""

COUNTED: tuple[str, ...] = tuple(name for name in COLUMNS if name != "real")
"""The columns that say something about a row."""

CELLS = len(COUNTED) * len(LOBES)


def columns_of(sample: Sample) -> list[Comparison]:
    """The columns a sample can fill: real scans alone fill only the first."""
    return [c for c in COLUMNS.values() if c.name == "real" or sample.counterfactual is not None]


def group(which: tuple[str, str], patient: np.ndarray, real: np.ndarray, cf: np.ndarray | None) -> np.ndarray:
    """The volumes of one side of a comparison: ``(..., n, k)`` to ``(..., m, k)``."""
    source = real if which[0] == "real" else cf
    if source is None:
        raise ValueError("a comparison of counterfactuals needs counterfactuals")
    return source[..., patient if which[1] == "patients" else ~patient, :]
