"""change-correlation and change-error: has the image changed where, and as much as, it should have?"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import ClassVar

import numpy as np

from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import MetricRecord
from pcgm_bench.contracts import TrueChanges
from pcgm_bench.contracts import TruthMetric
from pcgm_bench.statistics.change_maps import LEAST_ENERGY
from pcgm_bench.statistics.change_maps import change_maps
from pcgm_bench.statistics.pooled import pooled


class ChangeCorrelation(TruthMetric):
    """Correlation (through 0) of the change map with the true one: where, whatever the dose.

    ``sum(made true) / sqrt(sum(made^2) sum(true^2))`` over all voxels inside the head of all people; ``made`` and
    ``true`` are image minus scan, smoothed by 3 mm. What white noise adds to ``sum(made^2)`` is taken away, so that an
    image with fresh noise is compared with one that keeps the scan's. A copy of the input scores 0. Bias: noise that
    is not white is not taken away, and lowers it. Known failure: it does not see the dose; half of the change has 1.

    >>> from pcgm_bench.contracts import TrueChange
    >>> scan = np.ones((16, 16, 16))
    >>> oracle = np.concatenate([scan[:4] - 0.3, scan[4:]])
    >>> band = oracle < scan
    >>> tissue, parcels = np.where(band, -1, 3), np.where(band, 1035, 0)
    >>> truth = TrueChange("01", "sub-01", scan, oracle, scan > 0, band, tissue, parcels)
    >>> [round(ChangeCorrelation()([truth], [made]).value, 2) for made in ((scan + oracle) / 2, oracle[::-1], scan)]
    [1.0, 0.0, 0.0]
    """

    record: ClassVar[MetricRecord] = MetricRecord(
        name="change-correlation",
        version="1",
        direction="higher",
        range=(-1.0, 1.0),
        unit="1",
        reference="pcgm-bench",
        perfect=1.0,
        useless=0.0,
    )

    def measure(self, data: TrueChanges, seed: int = 0) -> Estimate:
        """Score counterfactuals; ``by_unit``: correlation of every person, ``n``: images.

        Raises:
            ValueError: shapes differ, or a truth has no change.
        """
        return pooled(data.subjects, _sums(data), _correlation, seed, -1.0, 1.0)


class ChangeError(TruthMetric):
    """Normalised error of the change map: ``sqrt(sum((made - true)^2) / sum(true^2))``, as in `ChangeCorrelation`.

    0: the true change, voxel by voxel; 1: no nearer than the scan; half of the true change has 0.5, twice 1. The part
    ``gain`` is the dose, ``sum(made true) / sum(true^2)``: 1 is right. Bias: none by white noise, in expectation; near
    0 it is cut there, and so a little too large. Known failure: a copy (1) is better than a large change elsewhere.

    >>> from pcgm_bench.contracts import TrueChange
    >>> scan = np.ones((16, 16, 16))
    >>> oracle = np.concatenate([scan[:4] - 0.3, scan[4:]])
    >>> band = oracle < scan
    >>> tissue, parcels = np.where(band, -1, 3), np.where(band, 1035, 0)
    >>> truth = TrueChange("01", "sub-01", scan, oracle, scan > 0, band, tissue, parcels)
    >>> [round(ChangeError()([truth], [made]).value, 2) for made in (oracle, (scan + oracle) / 2, scan, oracle[::-1])]
    [0.0, 0.5, 1.0, 1.41]
    """

    record: ClassVar[MetricRecord] = MetricRecord(
        name="change-error",
        version="1",
        direction="lower",
        range=(0.0, float("inf")),
        unit="1",
        reference="pcgm-bench",
        perfect=0.0,
        useless=1.0,
    )

    def measure(self, data: TrueChanges, seed: int = 0) -> Estimate:
        """Score counterfactuals; ``by_unit``: error of every person, ``n``: images.

        Raises:
            ValueError: shapes differ, or a truth has no change.
        """
        sums = _sums(data)
        gain = pooled(data.subjects, sums, lambda total: float(total[1] / total[2]), seed)
        return replace(pooled(data.subjects, sums, _error, seed, 0.0), parts={"gain": gain})


def _sums(data: TrueChanges) -> list[list[float]]:
    """Of every image: energy of the made change, its product with the true one, energy of the true one."""
    maps = change_maps(data)
    if not all(one.true_energy for one in maps):
        raise ValueError("change maps: there is a truth without any change")
    return [[m.made_energy for m in maps], [m.product for m in maps], [m.true_energy for m in maps]]


def _correlation(total: np.ndarray) -> float:
    made, product, true = total
    return float(np.clip(product / math.sqrt(max(made, LEAST_ENERGY * true) * true), -1, 1))


def _error(total: np.ndarray) -> float:
    made, product, true = total
    return math.sqrt(max(made - 2 * product + true, 0.0) / true)
