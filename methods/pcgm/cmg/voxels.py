"""CMG on hard label maps at 1-2 mm: boundary voxels change hands between a lobe and the cerebrospinal fluid.

The paper's rule (arXiv 2509.09054, section 3.2) with a decision for every case on which it is silent: who wins a
contested voxel, what keeps white matter covered and the banks of a sulcus apart, where speckle goes, how ties break.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage as ndi
from scipy.spatial import cKDTree

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import DK_NUMBERS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.anatomy import LOBE_OF
from pcgm_bench.contracts import UserError
from pcgm_bench.methods.pcgm.cmg.change import CLIP
from pcgm_bench.methods.pcgm.cmg.change import LAYERS
from pcgm_bench.methods.pcgm.cmg.change import RegionChange
from pcgm_bench.methods.pcgm.cmg.change import check_ratios
from pcgm_bench.methods.pcgm.cmg.change import touches

CSF_LABEL = 24
"""The only fluid that trades: ventricles (4, 5, 14, 15, 43, 44) and choroid plexus (31, 63) never do."""
WHITE_LABELS = (2, 41, 77, 78, 79, 251, 252, 253, 254, 255, 5001, 5002)
SPECKLE = 5
"""A shrinking lobe leaves no new island smaller than this (voxels)."""
HEMISPHERES = {"both": (1000, 2000), "left": (1000,), "right": (2000,)}

_OFFSETS = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), -1).reshape(27, 3)
_ADJACENT = (np.abs(_OFFSETS[:, None] - _OFFSETS[None]).sum(-1) <= 1).astype(np.float32)
_FACES = np.flatnonzero(np.abs(_OFFSETS).sum(1) == 1)


@dataclass(frozen=True)
class VoxelMask:
    """Counterfactual label map ``(X, Y, Z)`` and the account by lobe, or by lobe and side (``frontal-left``)."""

    labels: np.ndarray
    changes: Mapping[str, RegionChange]


@dataclass(frozen=True)
class _Scene:
    """What every region's bid is computed on: the original labels, never the edited ones.

    ``region`` is -1 outside the cortex, else the number of the voxel's region; ``scores`` are one field a region, high
    where the voxel looks like that region rather than csf.
    """

    region: np.ndarray
    fluid: np.ndarray
    white: np.ndarray
    scores: list[np.ndarray]


def counterfactual_mask(
    labels: np.ndarray,
    posteriors: np.ndarray,
    ratios: Mapping[str, float],
    *,
    voxel_ml: float = 0.001,
    rank: str = "difference",
    background_as_csf: int = 0,
    keep_sulci_open: bool = True,
    per_hemisphere: bool = False,
    speckle: int = SPECKLE,
    limit: float = CLIP,
    layers: int = LAYERS,
) -> VoxelMask:
    """Label map with every lobe at ``ratio`` times its voxels; only csf and lobes trade, only across their border.

    Shrinking goes first (lobes' voxels are their own); then all growing lobes bid in one list for the csf of the
    original map. Both go by layers of face neighbours. A released voxel is not up for bids.

    Args:
        labels: ``(X, Y, Z)`` integer FreeSurfer ``aparc+aseg`` numbers; csf is 24, background 0.
        posteriors: ``(12, X, Y, Z)``, channels of `pcgm_bench.anatomy.CHANNELS`.
        ratios: lobe -> asked over factual volume; clipped to 1 +- ``limit``; half a voxel rounds to even.
        voxel_ml: mL of a voxel.
        rank: ``difference`` (``P_k - P_csf``, the paper's explicit rule) or ``ratio`` (what its alpha-scaling does
            where the two do not add up to a constant). Ties: nearer to the factual lobe, then lobe, then index.
        background_as_csf: voxels of background this close (1-2 voxels) to cortex count as csf: for tight skull strips.
        keep_sulci_open: a voxel touched by two pieces of cortex that are not connected around it is not given away (the
            banks of a sulcus). Judged on the factual map: two banks that grow at once may still meet, as real ones do.
        per_hemisphere: give each side its own quota instead of one for the lobe.
        speckle: see `SPECKLE`; 0 keeps islands.
        limit: largest relative change.
        layers: how many layers of voxels may change.

    Raises:
        UserError: shapes that differ, unknown lobe, rank or ratio.
    """
    if labels.ndim != 3 or posteriors.shape != (len(CHANNELS), *labels.shape):
        msg = f"CMG: labels {labels.shape} and posteriors {posteriors.shape} do not match ({len(CHANNELS)}, X, Y, Z)"
        raise UserError(msg)
    if rank not in ("difference", "ratio"):
        msg = f"CMG: unknown rank {rank!r}; use difference or ratio"
        raise UserError(msg)
    wishes = check_ratios(ratios, limit)
    sides = ("left", "right") if per_hemisphere else ("both",)
    names = [(lobe, side) for side in sides for lobe in LOBE_NAMES]
    scene = _look(labels, posteriors, names, rank, background_as_csf)
    before = np.bincount(scene.region[scene.region >= 0], minlength=len(names))
    share = np.array([wishes[lobe][0] - 1 for lobe, _ in names])
    # 0.9 - 1 is not -0.1: without the inner rounding an exact half would go astray before it can go to even.
    asked = np.rint(np.round(before * share, 9)).astype(int)
    new, used = labels.copy(), np.zeros(len(names), int)
    for r in np.flatnonzero(asked < 0):
        gone, used[r] = _shrink(scene, int(r), -int(asked[r]), layers, speckle)
        new[gone] = CSF_LABEL
    owner = _grow(scene, np.maximum(asked, 0), layers, used, keep_sulci_open)
    for r in np.flatnonzero(asked > 0):
        _paint(new, labels, scene.region == r, owner == r)
    lost = (scene.region >= 0) & (new == CSF_LABEL)
    taken = np.bincount(owner[owner >= 0], minlength=len(names))
    released = np.bincount(scene.region[lost], minlength=len(names))
    changes = {}
    for i, (lobe, side) in enumerate(names):
        name = lobe if side == "both" else f"{lobe}-{side}"
        counts = (float(before[i]), float(asked[i]), float(taken[i] - released[i]))
        changes[name] = RegionChange(name, *wishes[lobe], *counts, int(used[i]), voxel_ml)
    return VoxelMask(new, changes)


def _look(labels: np.ndarray, posteriors: np.ndarray, names: list[tuple[str, str]], rank: str, reach: int) -> _Scene:
    table = np.full(max(int(labels.max()), 2999) + 1, -1, np.int16)
    for number, (lobe, side) in enumerate(names):
        for name, dk in DK_NUMBERS.items():
            if LOBE_OF[name] == lobe:
                table[[dk + side_offset for side_offset in HEMISPHERES[side]]] = number
    region = table[np.maximum(labels, 0)]
    fluid = labels == CSF_LABEL
    p_csf = posteriors[CHANNELS.index("csf")].astype(np.float64)
    if reach:
        near = region >= 0
        for _ in range(reach):
            near = near | touches(near)
        fluid = fluid | ((labels == 0) & near)
        p_csf = p_csf + posteriors[CHANNELS.index("background")]
    scores = []
    for lobe, _ in names:
        p = posteriors[CHANNELS.index(lobe)].astype(np.float64)
        scores.append(p - p_csf if rank == "difference" else np.log(p + 1e-6) - np.log(p_csf + 1e-6))
    return _Scene(region, fluid, np.isin(labels, WHITE_LABELS), scores)


def _shrink(scene: _Scene, r: int, quota: int, layers: int, speckle: int) -> tuple[np.ndarray, int]:
    """Voxels that lobe ``r`` gives to csf, best first, never one that keeps white matter from fluid."""
    lobe = scene.region == r
    free = lobe & ~touches(scene.white)
    gone = np.zeros_like(lobe)
    order: list[np.ndarray] = []
    left, used = quota, 0
    for layer in range(1, layers + 1):
        if left <= 0:
            break
        border = np.flatnonzero(free & ~gone & touches(scene.fluid | gone))
        best = border[np.argsort(scene.scores[r].ravel()[border], kind="stable")][:left]
        gone.ravel()[best] = True
        order.append(best)
        left, used = left - len(best), layer
    if speckle and gone.any():
        _sweep(lobe, free, gone, np.concatenate(order), speckle)
    return gone, used


def _sweep(lobe: np.ndarray, free: np.ndarray, gone: np.ndarray, order: np.ndarray, speckle: int) -> None:
    """Trade islands that the removal made for the last voxels that were removed: the count stays."""
    islands, n = ndi.label(lobe & ~gone)
    if n == 0:
        return
    size = np.bincount(islands.ravel())
    old, _ = ndi.label(lobe)
    old_size = np.bincount(old.ravel())
    # An island that lies on white matter covers it and stays.
    pinned = np.bincount(islands.ravel(), ~free.ravel()) > 0
    small = (size < speckle) & ~pinned
    small[0] = False
    specks = np.flatnonzero(small[islands] & (old_size[old] >= speckle))
    main = lobe & ~gone & ~small[islands]
    back = [x for x in order[::-1] if touches_at(main, int(x))][: len(specks)]
    gone.ravel()[specks[: len(back)]] = True
    gone.ravel()[back] = False


def touches_at(mask: np.ndarray, index: int) -> bool:
    """Whether the voxel with this flat index has a face neighbour in ``mask``."""
    at = np.array(np.unravel_index(index, mask.shape))
    near = at + _OFFSETS[_FACES]
    near = near[((near >= 0) & (near < mask.shape)).all(1)]
    return bool(mask[tuple(near.T)].any())


def _grow(scene: _Scene, quota: np.ndarray, layers: int, used: np.ndarray, keep_sulci_open: bool) -> np.ndarray:
    """Which region gets each csf voxel (-1: none): one list of bids of all regions, best first, layer by layer."""
    owner = np.full(scene.region.shape, -1, np.int16)
    left = quota.astype(int).tolist()
    trees = {int(r): _tree(scene.region == r)[0] for r in np.flatnonzero(quota)}
    for layer in range(1, layers + 1):
        hungry = [r for r in trees if left[r] > 0]
        bids = []
        for r in hungry:
            used[r] = layer
            where = np.flatnonzero(scene.fluid & (owner < 0) & touches((scene.region == r) | (owner == r)))
            if keep_sulci_open:
                where = where[~_between_banks(scene.region >= 0, where)]
            distance = trees[r].query(_coordinates(where, owner.shape))[0]
            bids.append((where, np.full(len(where), r), scene.scores[r].ravel()[where], distance))
        if not bids:
            break
        where, who, score, distance = (np.concatenate(part) for part in zip(*bids, strict=True))
        order = np.lexsort((where, who, distance, -score))
        flat = owner.ravel()
        for x, r in zip(where[order].tolist(), who[order].tolist(), strict=True):
            if left[r] > 0 and flat[x] < 0:
                flat[x] = r
                left[r] -= 1
    return owner


def _between_banks(cortex: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Whether pieces of cortex touch a voxel (flat index) that are not face-connected among its 26 neighbours."""
    padded = np.pad(cortex, 1)
    at = _coordinates(where, cortex.shape) + 1
    block = padded[tuple((at[:, None] + _OFFSETS[None]).transpose(2, 0, 1))].astype(np.float32)
    block[:, 13] = 0
    faces = block[:, _FACES]
    reached = np.zeros_like(block)
    rows = np.flatnonzero(faces.any(1))
    reached[rows, _FACES[faces[rows].argmax(1)]] = 1
    while True:
        wider = ((reached @ _ADJACENT) > 0) * block
        if (wider == reached).all():
            break
        reached = wider
    return (faces > reached[:, _FACES]).any(1)


def _paint(new: np.ndarray, labels: np.ndarray, lobe: np.ndarray, won: np.ndarray) -> None:
    """Write into won voxels the parcel of the nearest voxel of the lobe."""
    if won.any():
        tree, surface = _tree(lobe)
        nearest = tree.query(np.argwhere(won))[1]
        new[won] = labels[tuple(surface[nearest].T)]


def _tree(lobe: np.ndarray) -> tuple[cKDTree, np.ndarray]:
    """Search tree over the outer voxels of a lobe, and their positions ``(n, 3)``: all that a distance to it needs."""
    surface = np.argwhere(lobe & touches(~lobe))
    return cKDTree(surface), surface


def _coordinates(where: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return np.stack(np.unravel_index(where, shape), -1)
