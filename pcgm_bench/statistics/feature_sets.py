"""Two sets of features: whether they can be compared, and their squared MMD from kernels."""

from __future__ import annotations

import numpy as np

from pcgm_bench.statistics.resampling import Statistic


def check_features(real: np.ndarray, made: np.ndarray) -> None:
    """Raises ValueError where two sets of features cannot be compared."""
    if real.ndim != 2 or made.ndim != 2 or real.shape[1] != made.shape[1]:
        raise ValueError(f"features {real.shape} and {made.shape}: need (n, d) and (m, d)")
    if min(len(real), len(made)) < 2:
        raise ValueError(f"{len(real)} real and {len(made)} made: need at least two of each")
    for name, rows in (("real", real), ("made", made)):
        if len(bad := np.flatnonzero(~np.isfinite(rows).all(axis=1))):
            raise ValueError(f"the features of {name} image {bad[0]} are no numbers ({len(bad)} of {len(rows)} images)")


def squared_mmd(xx: np.ndarray, yy: np.ndarray, xy: np.ndarray) -> Statistic:
    """Unbiased squared MMD of rows, from the three kernel matrices."""

    def distance(rows: np.ndarray, columns: np.ndarray) -> float:
        a, b, c = xx[np.ix_(rows, rows)], yy[np.ix_(columns, columns)], xy[np.ix_(rows, columns)]
        n, m = len(rows), len(columns)
        within = (a.sum() - np.trace(a)) / (n * (n - 1)) + (b.sum() - np.trace(b)) / (m * (m - 1))
        return float(within - 2 * c.mean())

    return distance
