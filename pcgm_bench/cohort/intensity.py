"""Whether an image is on the intensity scale of the real scans; if not, whether it is plain how to bring it there.

The scale of this project: background 0, about 1 at the bright end of white matter. A network that works on [-1, 1], a
file saved as 0 to 255: every metric of images reads another brain there, and none says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SCALE = "background 0, bright white matter about 1"
"""In words, wherever images are asked for."""
LOOK = 60_000
"""Voxels that are looked at; of larger images every k-th along each axis, so that nothing is copied whole."""
MARGIN = 0.05
"""Of the bright end: noise around a background of 0 is no negative tissue."""
LEAST_LEVELS = 24
"""Grey levels of an image; one that was cast to whole numbers on a scale of 1 has two."""
OFF_BACKGROUND, OFF_BRIGHT, OFF_MIDDLE, MOST_NEGATIVE = 0.15, 1.7, 2.0, 0.05
"""How far from the real scans an image may be and still be judged as it is: a method may draw too dark, and that is its
score. Background in bright ends of the real scans, bright end and middle as a factor either way, negative voxels as a
share."""
NOTED = 1.2
"""As a factor either way: a difference of grey levels that is said, though the image is judged as it is."""
FAR_BACKGROUND, FAR_BRIGHT = 0.6, 5.0
"""Likewise, of images that a plugin makes here."""
SURE_BACKGROUND, SURE_BRIGHT = 0.03, 1.2
"""How near a rescaling must bring an image for it to be plain."""


@dataclass(frozen=True)
class Rescaling:
    """``factor * image + offset``; ``was``: the scale that an image was on, in words, empty for the real scans'."""

    was: str = ""
    factor: float = 1.0
    offset: float = 0.0

    def of(self, image: np.ndarray) -> np.ndarray:
        """The image, brought to the scale of the real scans; the image itself where nothing is to be done."""
        return image if not self.was else (image * np.float32(self.factor) + np.float32(self.offset)).astype(np.float32)


AS_IT_IS = Rescaling()
KNOWN = (
    AS_IT_IS,
    Rescaling("0 to 255", 1 / 255),
    Rescaling("0 to 100", 1 / 100),
    Rescaling("0 to 1000", 1 / 1000),
    Rescaling("0 to 4095", 1 / 4095),
    Rescaling("0 to 65535", 1 / 65535),
    Rescaling("-1 to 1", 0.5, 0.5),
)
"""Scales that are in use, on which it is known what 0 and 1 were."""


@dataclass(frozen=True)
class Intensity:
    """An image's intensities in five numbers.

    Attributes:
        background: median of the voxels on the faces of the grid.
        middle: median of what is brighter than the background by a tenth of the way to the bright end.
        bright: 99th percentile of all voxels.
        negative: share of the voxels that are below 0 by more than `MARGIN` of the bright end.
        levels: different values, counted to `LEAST_LEVELS`.
    """

    background: float
    middle: float
    bright: float
    negative: float
    levels: int

    def __str__(self) -> str:
        return (
            f"background {self.background:.3g}, 50th percentile {self.middle:.3g}, 99th {self.bright:.3g}, "
            f"{100 * self.negative:.0f} % negative"
        )


ALIGNED = Intensity(background=0.0, middle=0.71, bright=1.05, negative=0.0, levels=LEAST_LEVELS)
"""Of scans that were aligned here, and of the phantom's."""


def intensity_of(image: np.ndarray) -> Intensity:
    """Measure an image ``(X, Y, Z)`` of finite voxels; takes a millisecond, whatever its size."""
    step = max(1, math.ceil((image.size / LOOK) ** (1 / 3)))
    ends = [image[::step, ::step, end] for end in (0, -1)]
    ends += [image[::step, end, ::step] for end in (0, -1)]
    ends += [image[end, ::step, ::step] for end in (0, -1)]
    faces = np.concatenate([end.ravel() for end in ends])
    values = image[::step, ::step, ::step].ravel()
    background, bright = float(np.median(faces)), float(np.quantile(values, 0.99))
    head = values[values > background + 0.1 * (bright - background)]
    return Intensity(
        background=background,
        middle=float(np.median(head)) if head.size else background,
        bright=bright,
        negative=float((values < -MARGIN * abs(bright)).mean()),
        levels=min(LEAST_LEVELS, len(np.unique(values[:: max(1, values.size // 20_000)]))),
    )


def typical(found: Sequence[Intensity]) -> Intensity:
    """Medians over images."""
    return Intensity(
        background=float(np.median([one.background for one in found])),
        middle=float(np.median([one.middle for one in found])),
        bright=float(np.median([one.bright for one in found])),
        negative=float(np.median([one.negative for one in found])),
        levels=max(one.levels for one in found),
    )


def rescaling_of(image: Intensity, real: Intensity) -> Rescaling:
    """None where an image can be judged as it is; else the one that brings it nearest to the real scans, far or not."""
    if _is_near(image, real):
        return AS_IT_IS
    return min(KNOWN, key=lambda known: _distance(image, real, known))


def scale_fault(image: Intensity, real: Intensity) -> str:
    """Why an image cannot be compared with the real scans, not even rescaled; empty if it can.

    Args:
        image: of the image.
        real: of the real scans.
    """
    if image.levels < min(LEAST_LEVELS, real.levels):
        return f"only {image.levels} grey levels: was it saved as whole numbers? Save it as float32"
    known = rescaling_of(image, real)
    if known is AS_IT_IS:
        is_near = _is_near(image, real)
    else:
        background, bright = _gaps(image, real, known)
        is_near = background <= SURE_BACKGROUND and bright <= SURE_BRIGHT
    if is_near:
        return ""
    hint = "; it looks z-scored" if image.negative > MOST_NEGATIVE and image.background <= 0 < image.bright else ""
    return f"another intensity scale ({image}; the real scans: {real}{hint}): save it as {SCALE}"


def impossible(image: Intensity, real: Intensity) -> str:
    """What a method that runs here cannot have meant: tissue far brighter than the scan's, or another background.

    Weaker than `scale_fault`: an untrained method draws dark or noisy images, and that is its score.
    """
    unit = max(abs(real.bright), 1e-6)
    is_off = image.background < -FAR_BACKGROUND * unit or image.background > real.background + FAR_BACKGROUND * unit
    if image.bright > FAR_BRIGHT * unit or is_off:
        return f"the image is on another intensity scale than the scan ({image}; the scan: {real}): give {SCALE}"
    return ""


def grid_scale_fault(image: Intensity) -> str:
    """What is wrong with the scale of a single scan that lies on a standard grid; empty if nothing is."""
    known = rescaling_of(image, ALIGNED)
    if known.was:
        return f"its intensities are on another scale ({image}; it looks like {known.was}): save it as {SCALE}"
    return scale_fault(image, ALIGNED)


def negative_fault(image: Intensity) -> str:
    """What is wrong with a scan whose background is not 0 but less, or whose tissue is; empty if it is 0 or more."""
    if image.background < -0.02 * abs(image.bright) or image.negative > MOST_NEGATIVE:
        return f"its intensities go below 0 ({image}): give them as scanned, background 0, not z-scored, not -1 to 1"
    return ""


def scale_faults(images: Mapping[str, Intensity], real: Intensity) -> list[str]:
    """Faults of a set of images (name -> intensity), each with the image's name: all must be on one scale."""
    faults = [f"{name}: {fault}" for name, image in images.items() if (fault := scale_fault(image, real))]
    scales = {name: rescaling_of(image, real) for name, image in images.items()}
    if faults or len(set(scales.values())) < 2:
        return faults
    first_name, first = next(iter(scales.items()))
    other = [name for name, known in scales.items() if known is not first]
    was, is_now = (scale.was or "that of the real scans" for scale in (first, scales[other[0]]))
    return [
        f"{len(other)} of {len(images)} images are on another intensity scale ({other[0]}: {is_now}) than {first_name} "
        f"({was}): save all as {SCALE}"
    ]


def scale_notes(image: Intensity, real: Intensity) -> list[str]:
    """What is said of the scale of images that can be compared; nothing where there is nothing to say."""
    known = rescaling_of(image, real)
    if known.was:
        return [
            f"the images are on a scale of {known.was} and are RESCALED to that of the real scans ({SCALE}): "
            f"{known.factor:.6g} x intensity + {known.offset:g}"
        ]
    if max(_ratio(image.bright, real.bright), _ratio(image.middle, real.middle)) <= NOTED:
        return []
    return [
        f"the images have other grey levels than the real scans ({image}; the real scans: {real}) and are judged as "
        f"they are: if that is how they were saved, save them as {SCALE}"
    ]


def _is_near(image: Intensity, real: Intensity) -> bool:
    background, bright = _gaps(image, real, AS_IT_IS)
    return (
        background <= OFF_BACKGROUND
        and max(bright / OFF_BRIGHT, _ratio(image.middle, real.middle) / OFF_MIDDLE) <= 1
        and image.negative <= real.negative + MOST_NEGATIVE
    )


def _gaps(image: Intensity, real: Intensity, known: Rescaling) -> tuple[float, float]:
    """Distance of the backgrounds over the real scans' bright end; ratio of the bright ends."""
    background, bright = (known.factor * value + known.offset for value in (image.background, image.bright))
    return abs(background - real.background) / max(abs(real.bright), 1e-6), _ratio(bright, real.bright)


def _ratio(one: float, other: float) -> float:
    """The larger over the smaller; infinite where one is not positive."""
    return max(one / other, other / one) if one > 0 and other > 0 else float("inf")


def _distance(image: Intensity, real: Intensity, known: Rescaling) -> float:
    background, bright = _gaps(image, real, known)
    return background + float(np.log(bright))
