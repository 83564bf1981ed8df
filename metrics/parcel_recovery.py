"""parcel-recovery: does each of the 34 x 2 parcels change as much as it should have?"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import ClassVar

import numpy as np

from pcgm_bench.anatomy import PARCELS
from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import MetricRecord
from pcgm_bench.contracts import TrueChange
from pcgm_bench.contracts import TrueChanges
from pcgm_bench.contracts import TruthMetric
from pcgm_bench.statistics.change_maps import change_maps
from pcgm_bench.statistics.pooled import pooled

LARGEST = 2036
"""Numbers of parcels are smaller."""
LEAST_SHARE = 0.1
"""A parcel is judged on its own where its change is this much of the mean parcel's, at least."""


class ParcelRecovery(TruthMetric):
    """Normalised error of the parcels' changes: ``sqrt(sum((made - true)^2) / sum(true^2))`` over parcels and people.

    A parcel's change is the sum of image minus scan over its territory (its cortex, and the voxels that touch it): what
    a border between two tissues moves, times their contrast. ``true`` is that of the oracle with the scan's noise. 0:
    every parcel right; 1: as a copy; a lobe's change in one place of it scores far more. Parts: ``slope``,
    ``sum(made true) / sum(true^2)``, and by parcel (``lh-insula``) its slope over people. What white noise adds is
    taken away. Bias: near 0 it is cut there, and so a little too large. Known failure: a parcel that is darkened and
    one that has lost cortex look alike (see grey-level-drift).

    >>> scan = np.ones((16, 16, 16))
    >>> oracle = np.concatenate([scan[:4] - 0.3, scan[4:]])
    >>> band = oracle < scan
    >>> tissue, parcels = np.where(band, -1, 3), np.where(band, 1035, 0)
    >>> truth = TrueChange("01", "sub-01", scan, oracle, scan > 0, band, tissue, parcels)
    >>> [round(ParcelRecovery()([truth], [made]).value, 2) for made in (oracle, (scan + oracle) / 2, scan)]
    [0.0, 0.5, 1.0]
    """

    record: ClassVar[MetricRecord] = MetricRecord(
        name="parcel-recovery",
        version="1",
        direction="lower",
        range=(0.0, float("inf")),
        unit="1",
        reference="pcgm-bench; parcels of Desikan et al. 2006, doi 10.1016/j.neuroimage.2006.01.021",
        perfect=0.0,
        useless=1.0,
    )

    def measure(self, data: TrueChanges, seed: int = 0) -> Estimate:
        """Score counterfactuals; ``by_unit``: error of every person, ``n``: images.

        Raises:
            ValueError: shapes differ, or a truth in which no parcel changes.
        """
        if not all(truth.parcels.any() for truth in data.truths):
            return Estimate(n=len(data.truths), reason="the truth names no parcels")
        noises = [one.raw_noise for one in change_maps(data)]
        rows = [_changes(truth, data.made[k], noises[k]) for k, truth in enumerate(data.truths)]
        measured, true, noise = (np.stack(column) for column in zip(*rows, strict=True))
        if not true.any(axis=1).all():
            raise ValueError("parcel-recovery: there is a truth in which no parcel changes")
        columns = [((measured - true) ** 2 - noise).sum(1), (measured * true).sum(1), (true**2).sum(1)]
        sums = [column.tolist() for column in columns]
        slope = pooled(data.subjects, sums, lambda total: float(total[1] / total[2]), seed)
        parts = {"slope": slope, **_by_parcel(measured, true)}
        return replace(pooled(data.subjects, sums, _error, seed, 0.0), parts=parts)


def _changes(truth: TrueChange, made: np.ndarray, raw_noise: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Measured and true change of every parcel, and the variance that noise gives the measured one; ``(68,)`` each."""
    territory = truth.parcels.ravel()
    numbers = list(PARCELS.values())

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(territory, values.ravel().astype(np.float64), LARGEST)[numbers]

    change = np.asarray(made, np.float32) - truth.factual
    return total(change), total(truth.oracle - truth.factual), raw_noise * total(truth.head.astype(np.float32))


def _error(total: np.ndarray) -> float:
    difference, _, true = total
    return math.sqrt(max(difference, 0.0) / true)


def _by_parcel(measured: np.ndarray, true: np.ndarray) -> dict[str, Estimate]:
    """Slope of measured on true change over images, of parcels that truly change."""
    energy = (true**2).sum(axis=0)
    judged = energy > LEAST_SHARE**2 * energy.mean()
    slopes = (measured * true).sum(axis=0)[judged] / energy[judged]
    names = np.array(list(PARCELS))[judged]
    return {str(name): Estimate(float(slope), n=len(true)) for name, slope in zip(names, slopes, strict=True)}
