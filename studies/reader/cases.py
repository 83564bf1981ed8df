"""What a reader is shown: every image, real or not, goes through one window and one rounding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from pcgm_bench.block_means import block_means
from pcgm_bench.cohort.volume import foreground
from pcgm_bench.contracts import ReaderCase
from pcgm_bench.contracts import UserError

WHITE = 255
"""Brightest level written; the levels are whole numbers from 0."""
BRIGHT_END = 0.999
"""Quantile of the voxels inside the brain that becomes `WHITE`; what is brighter is cut off there."""
FAINTEST = 0.05
"""Share of the bright end below which the rim of an image is air. A generator's rim fades out where a stripped scan is
cut off: at 2 % the dimmest levels alone told the two apart."""
BLUR_MM = 6.0
"""Standard deviation of the blur of a blurred catch trial: no sulcus survives it."""
COARSE_MM = 3.0
"""Images are compared at this spacing or the next coarser whole multiple of their own."""

FAKES = ("shuffled", "blurred")
"""Kinds of catch trials, made of real scans: the voxels inside the brain in random order, and a heavy blur."""


@dataclass(frozen=True)
class Space:
    """The one grid of a study.

    Attributes:
        shape: voxels.
        affine: ``(4, 4)``, voxel to millimetres; written into every file, whatever rounding its own had.
    """

    shape: tuple[int, ...]
    affine: np.ndarray

    @property
    def spacing(self) -> np.ndarray:
        """Millimetres between voxels, ``(3,)``."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    @classmethod
    def of(cls, case: ReaderCase) -> Space:
        """The grid of a case."""
        image, affine = case.load()
        return cls(tuple(image.shape), np.asarray(affine, float))

    def image(self, case: ReaderCase) -> np.ndarray:
        """Load a case.

        Raises:
            UserError: another grid, another affine, or a value that is no number.
        """
        image, affine = case.load()
        if tuple(image.shape) != self.shape:
            sizes = " x ".join(map(str, image.shape)), " x ".join(map(str, self.shape))
            raise UserError(
                f"{case.identity}: {sizes[0]} voxels, others have {sizes[1]}: bring all images to one grid, "
                "or the size tells them apart"
            )
        if not np.allclose(affine, self.affine, atol=1e-3):
            raise UserError(f"{case.identity}: another affine than the other images: resample all to one grid")
        if not np.isfinite(image).all():
            raise UserError(f"{case.identity}: voxels are NaN or infinite: set them to 0 or make the image again")
        return np.asarray(image, np.float32)


def brain(image: np.ndarray) -> np.ndarray:
    """Where the brain is: the largest piece brighter than `FAINTEST`, holes filled. Boolean, same shape."""
    bright = foreground(image)
    if not bright.any():
        return bright
    # The bright end is that of the foreground: among all positive voxels a generator's traces in the air would count.
    pieces, count = ndimage.label(image > FAINTEST * float(np.quantile(image[bright], 0.99)))
    if not count:
        return np.zeros(image.shape, bool)
    largest = 1 + int(np.bincount(pieces.ravel())[1:].argmax())
    return ndimage.binary_fill_holes(pieces == largest)


def window(image: np.ndarray, name: str) -> np.ndarray:
    """An image in display levels: 0 outside the brain, `WHITE` at its `BRIGHT_END` quantile. Float32, same shape.

    Nothing inside is darker than `FAINTEST` of it: single dark voxels that only a generator leaves would tell.

    Raises:
        UserError: nothing in it is bright.
    """
    inside = brain(image)
    if not inside.any() or (top := float(np.quantile(image[inside], BRIGHT_END))) <= 0:
        raise UserError(f"{name}: an image without a bright voxel: nobody can read it; make it again")
    return np.where(inside, np.clip(image / top, FAINTEST, 1) * WHITE, 0).astype(np.float32)


def round_to_levels(levels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Whole levels, int16: each voxel goes up with the probability of its fraction (dither), so 0 stays 0.

    Plain rounding keeps the comb that float16, uint8 or a scanner's integers leave in a histogram, and the comb tells
    the source. Rounding at random wipes it out, at the price of noise below half a level of 255.

    >>> round_to_levels(np.array([0.0, 7.0, 255.0]), np.random.default_rng(0))
    array([  0,   7, 255], dtype=int16)
    """
    return np.floor(levels + rng.random(levels.shape)).clip(0, WHITE).astype(np.int16)


def fake(image: np.ndarray, kind: str, space: Space, rng: np.random.Generator) -> np.ndarray:
    """A catch trial out of a real image: one of `FAKES`. Same shape."""
    inside = brain(image)
    out = np.zeros_like(image)
    if kind == "shuffled":
        out[inside] = rng.permutation(image[inside])
    else:
        out[inside] = ndimage.gaussian_filter(image, BLUR_MM / space.spacing)[inside]
    return out


def coarse(levels: np.ndarray, space: Space) -> np.ndarray:
    """Block means at `COARSE_MM` or finer, flat float32: what two images are compared by.

    >>> coarse(np.ones((4, 4, 5)), Space((4, 4, 5), np.eye(4))).shape
    (1,)
    """
    step = np.maximum(1, np.round(COARSE_MM / space.spacing)).astype(int)
    size = np.array(levels.shape) // step
    cut = levels[tuple(slice(0, n * s) for n, s in zip(size, step, strict=True))]
    return block_means(cut, step.tolist()).ravel()
