"""The paper's five columns, and its rule for counting them (Table 3 and section 4.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcgm_bench.statistics.effects import student
from pcgm_bench.statistics.head_size import fit_head_size
from pcgm_bench.studies.aud_sample import LOBES
from pcgm_bench.studies.aud_sample import Sample

UNAFFECTED = "occipital"
"""The lobe in which Sullivan et al. 2018 found no deficit."""

ALPHA = 0.05


@dataclass(frozen=True)
class Comparison:
    """One column: two groups of readings, second minus first.

    ``first`` and ``second`` are (which volumes, of which people): ``("cf", "patients")`` are counterfactual controls,
    made from patients. ``effect`` says whether the diagnosis differs between them; patient-like is always second.
    """

    name: str
    title: str
    first: tuple[str, str]
    second: tuple[str, str]
    effect: bool

    @property
    def same_people(self) -> bool:
        """Both groups are the same persons, read twice."""
        return self.first[1] == self.second[1]


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


def columns_of(sample: Sample) -> list[Comparison]:
    """The columns a sample can fill: real scans alone fill only the first."""
    return [c for c in COLUMNS.values() if c.name == "real" or sample.counterfactual is not None]


def group(which: tuple[str, str], patient: np.ndarray, real: np.ndarray, cf: np.ndarray | None) -> np.ndarray:
    """The readings of one side of a comparison: ``(..., n, k)`` to ``(..., m, k)``."""
    source = real if which[0] == "real" else cf
    if source is None:
        raise ValueError("a comparison of counterfactuals needs counterfactuals")
    return source[..., patient if which[1] == "patients" else ~patient, :]


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
    must not; in ``4`` and ``5`` no lobe may. Significant is p <= 0.05 / 6 (caption of Table 3). The sign is not
    looked at, and a missing p-value is never correct.

    >>> count_correct({"frontal": "<0.0001", "insula": 0.0122, "parietal": 0.0012, "cingulate": 0.0059,
    ...                "temporal": 0.0093, "occipital": 0.5241}, "1")
    4
    """
    correct = 0
    for lobe in LOBES:
        p = as_number(p_values.get(lobe))
        if np.isnan(p):
            continue
        expected = COLUMNS[column].effect and lobe != UNAFFECTED
        correct += (p <= ALPHA / len(LOBES)) == expected
    return correct


def paper_rule(sample: Sample) -> dict[str, dict[str, Any]]:
    """Apply the paper's rule to one row, column by column.

    Head size is regressed out with an intercept fitted on real controls, with the factual head size for
    counterfactuals; then Student's t for independent samples in all columns, the ones with the same people in both
    groups included (the printed p-values of columns 2 and 3 cannot come from paired tests).

    Returns:
        Column -> ``p`` and ``difference`` (mL, AUD-like minus control-like) by lobe, ``correct`` (0-6), and the
        signs, which the paper does not report: ``significant``, and of these ``wrong_sign`` (AUD not smaller).
    """
    head = sample.covariates[:, 2]
    fit = fit_head_size(sample.lobes[~sample.patient], head[~sample.patient])
    real = fit.residuals(sample.lobes, head)
    cf = None if sample.counterfactual is None else fit.residuals(sample.other_lobes, head)
    result: dict[str, dict[str, Any]] = {}
    for column in columns_of(sample):
        first = group(column.first, sample.patient, real, cf)
        second = group(column.second, sample.patient, real, cf)
        p = dict(zip(LOBES, student(first, second).tolist(), strict=True))
        difference = dict(zip(LOBES, (second.mean(axis=0) - first.mean(axis=0)).tolist(), strict=True))
        significant = [lobe for lobe in LOBES if p[lobe] <= ALPHA / len(LOBES)]
        result[column.name] = {
            "p": p,
            "difference": difference,
            "correct": count_correct(p, column.name),
            "significant": significant,
            "wrong_sign": [lobe for lobe in significant if column.effect and difference[lobe] >= 0],
            "n": [len(first), len(second)],
        }
    return result
