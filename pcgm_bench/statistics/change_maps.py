"""How an image has changed, voxel by voxel, beside how it should have: smoothed, and the noise told from the change.

A made image may keep the scan's noise or draw fresh noise, and both are right. Fresh noise changes every voxel, by as
much as a disease does, so that the map is smoothed, and what white noise adds to a sum of squares is estimated from the
map itself and taken away. Noise that stays in a sum of products averages out: the truth has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from scipy.ndimage import gaussian_filter

from pcgm_bench.contracts import TrueChange
from pcgm_bench.contracts import TrueChanges

SMOOTHING_MM = 3.0
"""S.d. of the Gaussian: a voxel of the 3 mm grid. The change of a thin cortex stays, a fiftieth of the noise's variance
does."""
REACH = 4.0
"""The Gaussian ends after this many s.d."""
LEAST_ENERGY = 0.05
"""Share of the truth's sum of squares (22 % of its size) below which a change cannot be told from none."""


@dataclass(frozen=True)
class ChangeMap:
    """Changes of intensity of one counterfactual, in the voxels inside the head ``(voxels,)``.

    Attributes:
        made: made image minus scan, smoothed.
        true: oracle with the scan's noise minus scan, smoothed.
        band: bool: where the truth changes.
        deep: bool: in one tissue, away from the band.
        noise: variance that white noise gives ``made``.
        raw_noise: variance of that noise before smoothing.
    """

    made: np.ndarray
    true: np.ndarray
    band: np.ndarray
    deep: np.ndarray
    noise: float
    raw_noise: float

    @property
    def made_energy(self) -> float:
        """Sum of squares of ``made``, without what noise adds; may be a little below 0 where nothing changed."""
        return float((self.made**2).sum()) - self.noise * len(self.made)

    @property
    def true_energy(self) -> float:
        """Sum of squares of ``true``."""
        return float((self.true**2).sum())

    @property
    def product(self) -> float:
        """Sum of ``made * true``."""
        return float((self.made * self.true).sum())

    @property
    def band_energy(self) -> float:
        """`made_energy` inside the band."""
        return float((self.made[self.band] ** 2).sum()) - self.noise * int(self.band.sum())


_MAPS: WeakKeyDictionary[TrueChanges, list[ChangeMap]] = WeakKeyDictionary()
_TRUE: WeakKeyDictionary[TrueChange, dict[float, np.ndarray]] = WeakKeyDictionary()
"""Of every truth: s.d. of the Gaussian in voxels -> true change, smoothed ``(voxels,)``; the same for all rows."""


def change_maps(data: TrueChanges) -> list[ChangeMap]:
    """The change map of every image: made when first asked for, and kept as long as ``data`` is.

    Raises:
        ValueError: shapes differ.
    """
    if data not in _MAPS:
        _MAPS[data] = [change_map(truth, data.made[k], data.voxel_mm) for k, truth in enumerate(data.truths)]
    return _MAPS[data]


def change_map(truth: TrueChange, made: np.ndarray, voxel_mm: float) -> ChangeMap:
    """The change map of a made image ``(X, Y, Z)``.

    Raises:
        ValueError: shapes differ.
    """
    if np.shape(made) != truth.factual.shape:
        raise ValueError(f"{truth.name}: an image of {np.shape(made)} voxels for a scan of {truth.factual.shape}")
    sigma = SMOOTHING_MM / voxel_mm
    change = (np.asarray(made, np.float32) - truth.factual) * truth.head
    smooth = smoothed(change, sigma)
    deep = truth.tissue >= 0
    noise, raw = _noise(change[deep], smooth[deep], sigma)
    head = truth.head
    return ChangeMap(smooth[head], _true_map(truth, sigma), truth.band[head], deep[head], noise, raw)


def _true_map(truth: TrueChange, sigma: float) -> np.ndarray:
    known = _TRUE.setdefault(truth, {})
    if sigma not in known:
        known[sigma] = smoothed((truth.oracle - truth.factual) * truth.head, sigma)[truth.head]
    return known[sigma]


def smoothed(values: np.ndarray, sigma: float) -> np.ndarray:
    """``values (X, Y, Z)`` after a Gaussian of ``sigma`` voxels; zero beyond the edges."""
    return np.asarray(gaussian_filter(values.astype(np.float32), sigma, mode="constant", truncate=REACH))


def _noise(change: np.ndarray, smooth: np.ndarray, sigma: float) -> tuple[float, float]:
    """Variance of white noise in the smoothed and in the raw map, from voxels in which the truth is no change.

    What smoothing takes away there is noise, and says how large it is. It is never more than what is seen after
    smoothing: a map without its low frequencies (a blurred image) has lost noise, not gained it.
    """
    if not len(change):
        return 0.0, 0.0
    centre, energy = kernel(sigma)
    raw = float(((change - smooth) ** 2).mean()) / (1 - 2 * centre + energy)
    return min(raw * energy, float((smooth**2).mean())), raw


def kernel(sigma: float) -> tuple[float, float]:
    """Centre of the Gaussian kernel, and the sum of its squares: what it leaves of the variance of white noise.

    >>> centre, energy = kernel(1.0)
    >>> round(centre, 4), round(energy, 4)
    (0.0635, 0.0225)
    """
    reach = int(REACH * sigma + 0.5)
    one = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    one /= one.sum()
    return float(one[reach] ** 3), float((one**2).sum() ** 3)
