"""Whether volumes can be those of a head: one set of bounds for label maps and for tables of volumes.

Bounds are wide: a bad generator may draw an odd brain, and that is its score. What no brain can be is another unit,
another column, or a part that is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping

import numpy as np

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.anatomy import LOBES

LARGEST_ML = 3000.0
"""No region or head has more; the largest heads have 2000 mL."""
LARGEST_PARCEL_ML = 500.0
"""Likewise; the smallest parcel, the frontal pole, has about 1000 mm3."""
USUAL_HEAD_ML = (600.0, 2400.0)
"""Of half the heads at least. Intracranial volumes of adults are 950 to 1900 mL."""
USUAL_SHARE: dict[str, tuple[float, float]] = {
    "frontal": (0.03, 0.30), "parietal": (0.01, 0.20), "temporal": (0.01, 0.20), "occipital": (0.008, 0.12),
    "cingulate": (0.003, 0.06), "insula": (0.002, 0.04), "ventricles": (0.0005, 0.30), "white_matter": (0.08, 0.60),
    "deep_grey": (0.008, 0.12), "cerebellum_brainstem": (0.02, 0.25), "csf": (0.0, 0.70),
}  # fmt: skip
"""Of the head, in half the heads at least: wide enough for any adults, too narrow for another unit or column."""
MORE_THAN_HEAD = 1.05
"""All regions together over the head: an estimated head (FreeSurfer's eTIV) is some per cent off."""
ODD, ODD_HEAD, ODD_FLUID = 6.0, 2.0, 30.0
"""One person's volume over the median, either way; heads differ by less, fluid by more than tissue."""
LOPSIDED = 3.0
"""A lobe of one hemisphere over that of the other, in half the heads: a hemisphere's columns are another thing's."""


def region_fault(name: str, value: float) -> str:
    """What is wrong with one volume (mL) by itself; empty if nothing is."""
    if value < 0:
        return f"{value:g} mL is negative"
    if value > (LARGEST_PARCEL_ML if "-" in name else LARGEST_ML):
        return f"{value:g} mL is too much for a head: is it mm3? Divide the table by 1000"
    return ""


def image_fault(volumes: Mapping[str, float], head: float) -> str:
    """What cannot be in one image, whoever made it: more than its head holds. Empty if nothing is wrong.

    Args:
        volumes: mL by region.
        head: mL.
    """
    for name, value in volumes.items():
        if value > MORE_THAN_HEAD * head:
            return f"{name} has {value:g} mL and the head {head:g}: a column is wrong, or in another unit"
    together = sum(volumes.get(name, 0.0) for name in CHANNELS[1:])
    if together > MORE_THAN_HEAD * head:
        return f"all regions have {together:.0f} mL and the head {head:.0f}: a column is wrong, or in another unit"
    return ""


def odd_rows(volumes: Mapping[str, np.ndarray]) -> Iterator[tuple[int, str]]:
    """Real people's volumes that are no others' of the same set: another unit in one row, a digit too many.

    Args:
        volumes: region, or ``head_size`` -> mL, one a factual scan.

    Yields:
        The scan's place, and what is wrong with it.
    """
    for name, values in volumes.items():
        factor = ODD_FLUID if name in ("ventricles", "csf") else ODD_HEAD if name == "head_size" else ODD
        median = float(np.median(values)) if len(values) else 0.0
        for row in np.flatnonzero((values > factor * median) | (values * factor < median)):
            yield (
                int(row),
                f"{name} is {values[row]:.4g} mL, {median:.4g} in the median: another unit, or a wrong digit?",
            )


def unusual(volumes: Mapping[str, np.ndarray]) -> Iterator[str]:
    """What is wrong with a set of images as a whole: medians that no set of heads has.

    Args:
        volumes: region, or ``head_size`` -> mL, one an image.
    """
    heads = np.maximum(volumes["head_size"], 1e-6)
    median = float(np.median(heads))
    if not USUAL_HEAD_ML[0] <= median <= USUAL_HEAD_ML[1]:
        hint = "is it litres? Multiply the table by 1000" if median < 10 else "adults have 950 to 1900; is it in mL?"
        yield f"head_size is {median:.4g} mL in the median: {hint}"
        return
    for name, (low, high) in USUAL_SHARE.items():
        if name in volumes:
            share = float(np.median(volumes[name] / heads))
            if not low <= share <= high:
                value = float(np.median(volumes[name]))
                yield (
                    f"{name} is {value:.4g} mL in the median, {100 * share:.3g} % of the head ({100 * low:g} to "
                    f"{100 * high:g} % is possible): is it in mL, and of both hemispheres?"
                )
    for lobe in LOBE_NAMES:
        sides = [[volumes[f"{side}-{region}"] for region in LOBES[lobe] if f"{side}-{region}" in volumes] for side in
                 ("lh", "rh")]  # fmt: skip
        if all(sides):
            left, right = (float(np.median(np.sum(side, axis=0))) for side in sides)
            if max(left, right) > LOPSIDED * min(left, right):
                yield f"{lobe} is {left:g} mL left and {right:g} mL right in the median: a hemisphere is wrong"
