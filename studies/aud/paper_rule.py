"""The paper's rule for counting lobes (Table 3 and section 4.4)."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field

import numpy as np

from pcgm_bench.statistics.effects import student
from pcgm_bench.statistics.head_size import fit_head_size
from pcgm_bench.studies.aud.comparisons import ALPHA
from pcgm_bench.studies.aud.comparisons import COLUMNS
from pcgm_bench.studies.aud.comparisons import columns_of
from pcgm_bench.studies.aud.comparisons import group
from pcgm_bench.studies.aud.pattern import UNAFFECTED
from pcgm_bench.studies.aud.sample import LOBES
from pcgm_bench.studies.aud.sample import Sample

THRESHOLD = ALPHA / len(LOBES)
"""Significant is p <= 0.05 / 6 (caption of Table 3)."""

AFFECTED = tuple(lobe for lobe in LOBES if lobe != UNAFFECTED)
"""Lobes that must differ by the paper's count; planted effects and other diagnoses do not change it."""


@dataclass(frozen=True)
class PaperColumn:
    """One column by the paper's rule.

    Attributes:
        p: lobe -> two-sided p; NaN where the lobe was not measured.
        difference: lobe -> mL, AUD-like minus control-like, head size taken out.
        correct: lobes, of six, whose significance is the expected one.
        wrong_sign: significant lobes that differ the wrong way round. The paper does not look at signs.
        n: volumes compared, both groups together.
    """

    p: Mapping[str, float]
    difference: Mapping[str, float]
    correct: int
    wrong_sign: tuple[str, ...]
    n: int

    @property
    def significant(self) -> tuple[str, ...]:
        """Lobes whose p is at most `THRESHOLD`."""
        return tuple(lobe for lobe in LOBES if self.p[lobe] <= THRESHOLD)


@dataclass(frozen=True)
class PaperPattern:
    """Which lobes the paper's count wants significant, and which way; AUD's as published unless said otherwise.

    Attributes:
        affected: lobes that must differ between the diagnoses.
        larger: lobes of which patients have more; less of all others.
    """

    affected: Collection[str] = AFFECTED
    larger: Collection[str] = field(default=())

    @classmethod
    def of_real(cls, real: PaperColumn) -> PaperPattern:
        """What the cohort's real groups show by the same rule."""
        return cls(real.significant, tuple(lobe for lobe in LOBES if real.difference[lobe] > 0))

    def is_wrong_sign(self, p: float, difference: float, column: str, lobe: str) -> bool:
        """Whether a lobe is significant the wrong way round, in a column in which the diagnosis differs."""
        is_wrong_way = difference <= 0 if lobe in self.larger else difference >= 0
        return p <= THRESHOLD and COLUMNS[column].effect and is_wrong_way


def as_number(p: float | str | None) -> float:
    """A p-value as printed; ``"<0.0001"`` stands for its upper bound, a missing one for NaN.

    >>> as_number("<0.0001"), as_number(0.5)
    (0.0001, 0.5)
    """
    if p is None:
        return float("nan")
    return float(p.lstrip("< ")) if isinstance(p, str) else float(p)


def count_correct(p_values: Mapping[str, float | str | None], column: str, affected: Collection[str] = AFFECTED) -> int:
    """The paper's "# Correct": lobes, of six, whose significance is the expected one.

    In the columns that compare the diagnoses (``real``, ``1``, ``2``, ``3``) five lobes must differ and the occipital
    must not; in ``4`` and ``5`` no lobe may. The sign is not looked at, and a missing p-value is never correct.

    >>> count_correct({"frontal": "<0.0001", "insula": 0.0122, "parietal": 0.0012, "cingulate": 0.0059,
    ...                "temporal": 0.0093, "occipital": 0.5241}, "1")
    4
    """
    correct = 0
    for lobe in LOBES:
        p = as_number(p_values.get(lobe))
        correct += not np.isnan(p) and (p <= THRESHOLD) == (COLUMNS[column].effect and lobe in affected)
    return int(correct)


def paper_rule(sample: Sample, pattern: PaperPattern | None = None) -> dict[str, PaperColumn]:
    """Apply the paper's rule to one row, column by column.

    Head size is regressed out with an intercept fitted on real controls, with the factual head size for
    counterfactuals; then Student's t for independent samples in all columns, the ones with the same people in both
    groups included (the printed p-values of columns 2 and 3 cannot come from paired tests).

    Args:
        sample: the row.
        pattern: which lobes must differ; AUD's as published without one.
    """
    pattern = pattern or PaperPattern()
    head = sample.covariates[:, 2]
    fit = fit_head_size(sample.lobes[~sample.patient], head[~sample.patient])
    real = fit.residuals(sample.lobes, head)
    cf = None if sample.counterfactual is None else fit.residuals(sample.other_lobes, head)
    result: dict[str, PaperColumn] = {}
    for column in columns_of(sample):
        first = group(column.first, sample.patient, real, cf)
        second = group(column.second, sample.patient, real, cf)
        p = dict(zip(LOBES, student(first, second).tolist(), strict=True))
        difference = dict(zip(LOBES, (second.mean(axis=0) - first.mean(axis=0)).tolist(), strict=True))
        wrong = tuple(lobe for lobe in LOBES if pattern.is_wrong_sign(p[lobe], difference[lobe], column.name, lobe))
        correct = count_correct(p, column.name, pattern.affected)
        result[column.name] = PaperColumn(p, difference, correct, wrong, len(first) + len(second))
    return result
