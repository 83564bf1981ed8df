"""The paper's rule for counting lobes (Table 3 and section 4.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pcgm_bench.statistics.effects import student
from pcgm_bench.statistics.head_size import fit_head_size
from pcgm_bench.studies.aud.comparisons import ALPHA
from pcgm_bench.studies.aud.comparisons import COLUMNS
from pcgm_bench.studies.aud.comparisons import columns_of
from pcgm_bench.studies.aud.comparisons import group
from pcgm_bench.studies.aud.sample import LOBES
from pcgm_bench.studies.aud.sample import Sample

THRESHOLD = ALPHA / len(LOBES)
"""Significant is p <= 0.05 / 6 (caption of Table 3)."""


@dataclass(frozen=True)
class PaperColumn:
    """One column by the paper's rule.

    Attributes:
        p: lobe -> two-sided p; NaN where the lobe was not measured.
        difference: lobe -> mL, AUD-like minus control-like, head size taken out.
        correct: lobes, of six, whose significance is the expected one.
        wrong_sign: significant lobes where AUD is not smaller, though it should be. The paper does not look at signs.
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


def as_number(p: float | str | None) -> float:
    """A p-value as printed; ``"<0.0001"`` stands for its upper bound, a missing one for NaN.

    >>> as_number("<0.0001"), as_number(0.5)
    (0.0001, 0.5)
    """
    if p is None:
        return float("nan")
    return float(p.lstrip("< ")) if isinstance(p, str) else float(p)


def count_correct(p_values: Mapping[str, float | str | None], column: str) -> int:
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
        correct += not np.isnan(p) and (p <= THRESHOLD) == COLUMNS[column].expects_effect(lobe)
    return int(correct)


def is_wrong_sign(p: float, difference: float, column: str) -> bool:
    """Whether a lobe is significant with AUD not smaller, in a column in which the diagnosis differs."""
    return p <= THRESHOLD and COLUMNS[column].effect and difference >= 0


def paper_rule(sample: Sample) -> dict[str, PaperColumn]:
    """Apply the paper's rule to one row, column by column.

    Head size is regressed out with an intercept fitted on real controls, with the factual head size for
    counterfactuals; then Student's t for independent samples in all columns, the ones with the same people in both
    groups included (the printed p-values of columns 2 and 3 cannot come from paired tests).
    """
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
        wrong = tuple(lobe for lobe in LOBES if is_wrong_sign(p[lobe], difference[lobe], column.name))
        correct = count_correct(p, column.name)
        result[column.name] = PaperColumn(p, difference, correct, wrong, len(first) + len(second))
    return result
