"""Volumes of a label map: what is there is measured, what is not is "not possible", what must be there is asked for."""

from __future__ import annotations

import numpy as np

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.anatomy import LOBES
from pcgm_bench.anatomy import PARCELS
from pcgm_bench.cohort.volume import foreground
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import Segmentation
from pcgm_bench.contracts import UserError
from pcgm_bench.segmenters.external.label_numbers import known_labels
from pcgm_bench.segmenters.external.label_numbers import tissue_numbers
from pcgm_bench.segmenters.external.label_places import turned_fault
from pcgm_bench.segmenters.external.plausible import unusual

MAY_LACK = ("bankssts", "frontalpole", "temporalpole", "transversetemporal", "entorhinal")
"""Regions whose absence leaves their lobe whole, or nearly: the first three are parts of their neighbours in the DKT
atlas, the others have 1 to 2 mL and may be lost on a coarse grid."""
OPTIONAL = ("csf", "deep_grey", "cerebellum_brainstem")
"""Tissues that a map may not have; a map without the others is one of a part of the brain."""
LEAST_OVERLAP = 0.7
"""Dice of a map and the brain of its scan; maps without the fluid around the brain have .85 and more."""
ONE_SIDED = 0.1
"""Least share of white matter on either side of the head's middle."""


def measured(labels: np.ndarray, scan: Scan, name: str, quality: tuple[float, dict[str, float]]) -> Segmentation:
    """Volumes of a label map on the scan's grid.

    Args:
        labels: ``(X, Y, Z)`` whole numbers, FreeSurfer's, axes in RAS+ order.
        scan: whose map it is; on a factual scan volumes must be those that heads have.
        name: of the file, for errors.
        quality: score, and its parts.

    Raises:
        UserError: numbers in no list, no parcels, or a part of the brain that is missing.
    """
    kept = known_labels(labels, name)
    fractions = fractions_of_labels(kept)
    if not fractions[CHANNELS.index(LOBE_NAMES[0]) :].any():
        msg = f"{name}: no Desikan-Killiany labels (1001-2035): segment with cortical parcellation (--parc)"
        raise UserError(msg)
    voxel_ml = abs(float(np.linalg.det(scan.affine[:3, :3]))) / 1000
    counts = np.bincount(kept.ravel(), minlength=max(PARCELS.values()) + 1)
    volumes = {channel: float(fractions[k].sum()) * voxel_ml for k, channel in enumerate(CHANNELS) if k}
    volumes |= {parcel: float(counts[number]) * voxel_ml for parcel, number in PARCELS.items()}
    head = sum(volumes[channel] for channel in CHANNELS[1:])
    if fault := _missing(volumes, kept):
        raise UserError(f"{name}: {fault}")
    # What the map has no label for was not measured: it is not a volume of zero.
    volumes = {region: value for region, value in volumes.items() if value > 0}
    if not scan.description:
        if fault := turned_fault(kept):
            raise UserError(f"{name}: {fault}: its axes are not those of its affine; segment the scan again")
        _check_overlap(kept, scan, name)
        singles = {region: np.array([value]) for region, value in {**volumes, "head_size": head}.items()}
        for fault in unusual(singles):
            raise UserError(f"{name}: {fault.replace(' in the median', '')}")
    return Segmentation(fractions, kept, volumes, head, *quality)


def fractions_of_labels(labels: np.ndarray) -> np.ndarray:
    """``(12, X, Y, Z)`` of zeros and ones from FreeSurfer labels; what is not named is background."""
    fractions = np.zeros((len(CHANNELS), *labels.shape), np.float32)
    for channel, numbers in tissue_numbers().items():
        fractions[CHANNELS.index(channel)] = np.isin(labels, numbers)
    fractions[0] = 1 - fractions[1:].sum(0)
    return fractions


def _check_overlap(labels: np.ndarray, scan: Scan, name: str) -> None:
    """Raise UserError where a map does not lie on the brain of its scan."""
    head, mapped = foreground(scan.image), labels > 0
    share = 2 * float((head & mapped).sum()) / float(max(1, head.sum() + mapped.sum()))
    if share < LEAST_OVERLAP:
        raise UserError(
            f"{name}: it overlaps the brain of {scan.key} by {share:.2f} (Dice; {LEAST_OVERLAP} at least): a part is "
            "missing, or it is another scan's, or turned; segment this scan"
        )


def _missing(volumes: dict[str, float], labels: np.ndarray) -> str:
    """Which part of a brain is not there; empty if all is."""
    for tissue in CHANNELS[1:]:
        if volumes[tissue] == 0 and tissue not in OPTIONAL:
            return f"no voxel of {tissue}: a map of a whole brain has it; segment the scan again"
    for lobe in LOBE_NAMES:
        for side, hemisphere in (("lh", "left"), ("rh", "right")):
            parts = [f"{side}-{region}" for region in LOBES[lobe]]
            gone = [part for part in parts if volumes[part] == 0 and part[3:] not in MAY_LACK]
            if gone:
                is_all = not any(volumes[part] for part in parts)
                what = f"the {hemisphere} {lobe} lobe" if is_all else gone[0]
                return f"no voxel of {what} (label {PARCELS[gone[0]]}): {lobe} would be too small; segment it again"
    for region in MAY_LACK:
        one, other = (volumes[f"{side}-{region}"] for side in ("lh", "rh"))
        if (one == 0) != (other == 0) and max(one, other) > 1.0:
            return f"{region} is there on one side only: segment the scan again"
    white = np.isin(labels, tissue_numbers()["white_matter"]).sum((1, 2))
    head = np.flatnonzero(labels.any((1, 2)))
    middle = (int(head[0]) + int(head[-1]) + 1) // 2
    sides = int(white[:middle].sum()), int(white[middle:].sum())
    if min(sides) < ONE_SIDED * sum(sides):
        return "white matter lies in one half of the head only: a hemisphere's label is missing; segment it again"
    return ""
