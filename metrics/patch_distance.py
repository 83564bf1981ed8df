"""patch-distance: do the places that were redrawn look like real scans?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import MetricRecord
from pcgm_bench.contracts import TrueChange
from pcgm_bench.contracts import TrueChanges
from pcgm_bench.contracts import TruthMetric
from pcgm_bench.statistics.change_maps import ChangeMap
from pcgm_bench.statistics.change_maps import change_maps
from pcgm_bench.statistics.pooled import pooled

HALF = 2
"""A patch has ``2 * HALF + 1`` voxels a side."""
SEARCH = 1
"""Voxels by which a real patch may lie elsewhere: heads are not alike."""
PLACES = 48
"""Patches of an image."""
MOST_CHANGED = 0.02
"""Share of the head's voxels from which places are drawn: those that changed most."""
REFERENCES = 20
"""Other people's scans in which a patch is looked for."""


class PatchDistance(TruthMetric):
    """Distance of redrawn patches to real scans, over that of the scan's own patches at the same places.

    A patch (5 x 5 x 5 voxels, mean 0, s.d. 1) is looked for in 20 other people's scans, at the same place and a voxel
    around; its distance is the root mean square to the nearest. Places are drawn among the voxels that changed most.
    1: as far from other people as a real scan; more: a texture that scans do not have. The places are chosen by the
    image itself: compare with the oracle's row. Bias: an image that changes smooth places is compared with smooth
    patches, so 1 is not exact. Known failure: it says how a patch looks, never whether it is the right one. A copy has
    no value.

    >>> scans = np.random.default_rng(0).random((2, 16, 16, 16), np.float32)
    >>> inside, none = np.ones(scans[0].shape, bool), np.zeros(scans[0].shape, np.int16)
    >>> truths = [TrueChange(name, name, scan, scan, inside, inside, none, none) for name, scan in zip("ab", scans)]
    >>> PatchDistance()(truths, scans).reason
    'nothing changed'
    >>> round(PatchDistance()(truths, scans[::-1]).value, 2)  # the other person's scan: no distance at all
    0.0
    """

    record: ClassVar[MetricRecord] = MetricRecord(
        name="patch-distance",
        version="1",
        direction="perfect",
        range=(0.0, float("inf")),
        unit="1",
        reference="pcgm-bench",
        perfect=1.0,
        useless=float("nan"),
    )

    def measure(self, data: TrueChanges, seed: int = 0) -> Estimate:
        """Score counterfactuals; ``by_unit``: ratio of every person, ``n``: images that changed.

        Raises:
            ValueError: shapes differ, or only one person.
        """
        truths, maps = data.truths, change_maps(data)
        if len(set(data.subjects)) < 2:
            raise ValueError("patch-distance needs the scans of two people or more")
        subjects, drawn, real = [], [], []
        for place, truth in enumerate(truths):
            at = _places(truth, maps[place], np.random.default_rng([seed, place]))
            if not len(at):
                continue
            image = np.asarray(data.made[place], np.float32)
            others = [t.factual for t in (*truths[place + 1 :], *truths[:place]) if t.subject != truth.subject]
            first, second = _distances([image, truth.factual], others[:REFERENCES], at)
            subjects.append(truth.subject)
            drawn.append(first)
            real.append(second)
        if not subjects:
            return Estimate(n=0, reason="nothing changed")
        ratio = pooled(subjects, [drawn, real], lambda total: float(total[0] / total[1]), seed, 0.0)
        return replace(ratio, details={"real": float(np.mean(real))})


def _places(truth: TrueChange, mapped: ChangeMap, rng: np.random.Generator) -> np.ndarray:
    """Corners ``(places, 3)`` of patches around voxels that changed most; none where nothing changed."""
    change = np.zeros(truth.head.shape, np.float32)
    change[truth.head] = np.abs(mapped.made)
    edge = HALF + SEARCH
    inner = np.zeros(change.shape, bool)
    inner[edge:-edge, edge:-edge, edge:-edge] = True
    change = np.where(inner, change, 0)
    count = max(PLACES, int(MOST_CHANGED * truth.head.sum()))
    order = np.argsort(-change, axis=None, kind="stable")[:count]
    order = order[change.ravel()[order] > 0]
    chosen = rng.permutation(order)[:PLACES]
    return np.stack(np.unravel_index(chosen, change.shape), axis=1) - HALF


def _distances(images: Sequence[np.ndarray], others: Sequence[np.ndarray], at: np.ndarray) -> list[float]:
    """Mean over places of the distance to the nearest real patch, of each image."""
    own = [_normal(_cut(image, at, HALF)) for image in images]
    best = [np.full(len(at), -1.0, np.float32) for _ in images]
    side = 2 * HALF + 1
    for other in others:
        wide = _cut(other, at - SEARCH, HALF + SEARCH)
        near = sliding_window_view(wide, (side,) * 3, axis=(1, 2, 3)).reshape(len(at), -1, side**3)
        candidates = _normal(near)
        for patches, most in zip(own, best, strict=True):
            np.maximum(most, np.einsum("pod,pd->po", candidates, patches).max(axis=1), out=most)
    # Of two patches of mean 0 and norm 1 the mean squared difference is 2 (1 - r), in units of their variance.
    return [float(np.sqrt(np.maximum(2 * (1 - most), 0)).mean()) for most in best]


def _cut(image: np.ndarray, at: np.ndarray, half: int) -> np.ndarray:
    """Patches ``(places, side, side, side)`` with these corners."""
    side = 2 * half + 1
    x, y, z = at.T
    return np.asarray(sliding_window_view(image, (side,) * 3)[x, y, z])


def _normal(patches: np.ndarray) -> np.ndarray:
    """Patches flat, with mean 0 and norm 1; a flat patch stays 0."""
    flat = patches.reshape(*patches.shape[: -3 if patches.ndim == 4 else -1], -1).astype(np.float32)
    flat = flat - flat.mean(axis=-1, keepdims=True)
    norm = np.linalg.norm(flat, axis=-1, keepdims=True)
    return np.asarray(np.divide(flat, norm, out=np.zeros_like(flat), where=norm > 0))
