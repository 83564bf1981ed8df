"""FreeSurfer's numbers: which are read, which are known and left out, and what is said of any other.

Source: ``FreeSurferColorLUT.txt`` of FreeSurfer 7; the maps are ``aparc+aseg``, ``aparc.DKTatlas+aseg``, ``wmparc``,
and SynthSeg's with ``--parc``.
"""

from __future__ import annotations

import numpy as np

from pcgm_bench.anatomy import DK_NUMBERS
from pcgm_bench.anatomy import LOBE_OF
from pcgm_bench.contracts import UserError

TISSUE_OF_LABEL: dict[str, tuple[int, ...]] = {
    "csf": (24,),
    "ventricles": (4, 5, 14, 43, 44, 31, 63),
    "white_matter": (
        2, 41, 77, 78, 79, 251, 252, 253, 254, 255, 5001, 5002,
        *(hemisphere + number for hemisphere in (3000, 4000) for number in range(36)),
    ),
    "deep_grey": (9, 10, 11, 12, 13, 17, 18, 26, 28, 48, 49, 50, 51, 52, 53, 54, 58, 60),
    "cerebellum_brainstem": (7, 8, 15, 16, 46, 47, 170, 171, 172, 173, 174, 175, 178),
}  # fmt: skip
"""FreeSurfer numbers of each tissue; cortex has 1000 or 2000 + its Desikan-Killiany number, white matter below it
(``wmparc``) 3000 or 4000 + that."""
LEFT_OUT: dict[int, str] = {
    1: "left cerebral exterior", 6: "left cerebellum exterior", 40: "right cerebral exterior",
    45: "right cerebellum exterior", 25: "left lesion", 57: "right lesion", 27: "left substantia nigra",
    59: "right substantia nigra", 30: "left vessel", 62: "right vessel", 72: "fifth ventricle",
    80: "non-white-matter hypointensities", 81: "left non-white-matter hypointensities",
    82: "right non-white-matter hypointensities", 85: "optic chiasm", 136: "left claustrum", 137: "right claustrum",
    163: "left basal forebrain", 164: "right basal forebrain", 1000: "left cortex, unknown",
    2000: "right cortex, unknown", 1004: "left corpus callosum", 2004: "right corpus callosum",
}  # fmt: skip
"""Numbers that are known and belong to none of our regions: not counted, whatever they fill."""
UNPARCELLED = {3: "left", 42: "right"}
"""Cortex without a parcel. It belongs to a lobe, and nobody knows to which."""
SHARE = 0.001
"""Of the head: what other numbers may fill. A stray voxel is no fault; a structure that nobody counts is one."""


def tissue_numbers() -> dict[str, tuple[int, ...]]:
    """Channel of a segmentation -> its FreeSurfer numbers; background has none."""
    lobes: dict[str, tuple[int, ...]] = {}
    for region, lobe in LOBE_OF.items():
        number = DK_NUMBERS[region]
        lobes[lobe] = (*lobes.get(lobe, ()), 1000 + number, 2000 + number)
    return {**TISSUE_OF_LABEL, **lobes}


def known_labels(labels: np.ndarray, name: str) -> np.ndarray:
    """The map with what is not read set to 0, as int16.

    Args:
        labels: ``(X, Y, Z)`` whole numbers of any size.
        name: of the file, for errors.

    Raises:
        UserError: numbers in no list fill more than a thousandth of the head.
    """
    numbers, counts = np.unique(labels, return_counts=True)
    read = np.array(sorted(number for group in tissue_numbers().values() for number in group))
    is_read = np.isin(numbers, read)
    head = int(counts[is_read].sum())
    strange = ~is_read & ~np.isin(numbers, [0, *LEFT_OUT])
    if counts[strange].sum() > SHARE * head:
        _refuse(numbers[strange], counts[strange], head, name)
    if not is_read.any():
        raise UserError(f"{name}: none of FreeSurfer's labels: give a map with FreeSurfer's numbers")
    low, high = numbers[0], numbers[-1]
    if high - low < 1 << 20:  # a table is many times faster than a search
        table = np.zeros(int(high - low) + 1, np.int16)
        table[numbers[is_read] - low] = numbers[is_read]
        return table[labels - low]
    return np.where(np.isin(labels, read), labels, 0).astype(np.int16)


def _refuse(numbers: np.ndarray, counts: np.ndarray, head: int, name: str) -> None:
    most = int(counts.argmax())
    number, share = int(numbers[most]), 100 * counts.sum() / max(1, head)
    others = f" and {len(numbers) - 1} other numbers" if len(numbers) > 1 else ""
    what = "is in no list of labels"
    if number in UNPARCELLED:
        what = f"is {UNPARCELLED[number]} cortex without a parcel"
    raise UserError(
        f"{name}: label {number} {what}; it{others} fill {share:.1f} % of the head: give aparc+aseg, "
        "aparc.DKTatlas+aseg, wmparc or SynthSeg's map (--parc): FreeSurfer's numbers, resampled by nearest neighbour"
    )
