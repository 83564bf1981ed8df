"""Fréchet distance between two sets of features."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import FeatureMetric
from pcgm_bench.contracts import MetricRecord
from pcgm_bench.statistics.feature_sets import check_features
from pcgm_bench.statistics.resampling import Statistic
from pcgm_bench.statistics.resampling import half_interval


class FID(FeatureMetric):
    """``|mu_r - mu_m|^2 + tr S_r + tr S_m - 2 tr (S_r S_m)^(1/2)``: Gaussians fitted to the features.

    The last trace is the nuclear norm of ``A B^T / sqrt((n - 1)(m - 1))`` with A and B the centred features: exact at
    any n, no matrix square root, no regularisation. Features with a singular covariance (n < d) are no trouble.

    Bias: upward, about C / n, and at n = 400 in 2048 dimensions mostly bias: two halves of one population do not score
    0. Read it beside the floor at the same n, never against another n. Known failure: only means and covariances
    count, and only what the feature space sees: copies of the training people score as the other half does.

    >>> x = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 2.0]])
    >>> round(FID()(x, x + [3.0, 4.0]).value, 6)
    25.0
    """

    record: ClassVar[MetricRecord] = MetricRecord(
        name="fid",
        version="2",
        direction="lower",
        range=(0.0, float("inf")),
        unit="1",
        reference="Heusel et al. 2017, arXiv 1706.08500; nuclear-norm form",
        perfect=float("nan"),
        useless=float("inf"),
    )

    def __call__(self, real: np.ndarray, made: np.ndarray, seed: int = 0, people: np.ndarray | None = None) -> Estimate:
        """Score made features.

        Args:
            real: ``(n, d)``.
            made: ``(m, d)``.
            seed: of the interval's halves.
            people: the person of each real row, where people have several.

        Returns:
            The distance with its interval; ``n``: made images; details ``n_real`` and ``d``.

        Raises:
            ValueError: fewer than two rows on a side, another number of features, or one that is not a number.
        """
        check_features(real, made)
        value, low, high = half_interval(frechet(real, made), len(real), len(made), seed, least=0.0, real_units=people)
        return Estimate(value, low, high, len(made), details={"n_real": len(real), "d": real.shape[1]})


def frechet(real: np.ndarray, made: np.ndarray) -> Statistic:
    """The distance as a function of rows. All inner products are taken once; a subset costs no features."""
    centre = real.mean(axis=0, dtype=np.float64)
    x, y = np.subtract(real, centre, dtype=np.float64), np.subtract(made, centre, dtype=np.float64)
    xx, yy, xy = x @ x.T, y @ y.T, x @ y.T

    def distance(rows: np.ndarray, columns: np.ndarray) -> float:
        a, b, c = xx[np.ix_(rows, rows)], yy[np.ix_(columns, columns)], xy[np.ix_(rows, columns)]
        n, m = len(rows), len(columns)
        shift = a.mean() + b.mean() - 2 * c.mean()
        spread = (np.trace(a) - n * a.mean()) / (n - 1) + (np.trace(b) - m * b.mean()) / (m - 1)
        centred = c - c.mean(axis=0) - c.mean(axis=1, keepdims=True) + c.mean()
        shared = np.linalg.svd(centred, compute_uv=False).sum() / np.sqrt((n - 1) * (m - 1))
        return max(float(shift + spread - 2 * shared), 0.0)

    return distance
