"""Affine registration of a skull-stripped T1w scan to the template (SimpleITK).

Mutual information (Mattes et al. 2003, doi 10.1109/TMI.2003.809072) over a three-level pyramid, started from the
centres of mass and the best of a few dozen rotations, so that a tilted head does not end in a local optimum. One thread
and a fixed sampling: the same scan gives the same matrix, to the bit.
"""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk  # noqa: N813
from scipy import ndimage as ndi
from scipy.spatial.transform import Rotation

from pcgm_bench.block_means import block_means
from pcgm_bench.cohort.volume import foreground
from pcgm_bench.contracts import PoorScanError
from pcgm_bench.contracts import UserError

TEMPLATE_SCALE = 0.90
"""The MNI152 brain measures 1.37 times a person's; at 0.90 of its size it is the mean of the phantom's people, so that
real scans lie on the grid at the size that phantom-trained networks know."""
TEMPLATE_CENTRE = (0.0, -17.0, 5.0)
"""Point (mm) that scaling leaves in place: the phantom scales its heads about the same."""
WORKING_MM = 2.0
TILTS = ((-30, -15, 0, 15, 30), (-15, 0, 15), (-15, 0, 15))
"""Degrees of nod, tilt and turn that are tried before the optimiser starts."""
MIN_OVERLAP = 0.85
"""Dice of the two brains below which a registration has failed; right ones reach 0.93 and more."""
SCALE_RANGE = (0.35, 2.5)

_FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])  # nibabel counts towards the right and front, ITK towards the left and back


@dataclass(frozen=True)
class Registration:
    """Where a scan lies.

    Attributes:
        matrix: ``(4, 4)``, scan millimetres -> template millimetres.
        scale: its determinant: template volume over native volume.
        overlap: Dice of scan and template brain afterwards.
    """

    matrix: np.ndarray
    scale: float
    overlap: float


@cache
def template() -> nib.Nifti1Image:
    """The registration target: the ICBM 2009a T1 average, skull-stripped, at a person's size, `WORKING_MM` apart.

    Raises:
        UserError: nilearn, whose wheel holds the average, is missing.
    """
    spec = importlib.util.find_spec("nilearn")
    if spec is None or spec.origin is None:
        raise UserError("nilearn brings the template for alignment and is not installed: pip install nilearn")
    path = Path(spec.origin).parent / "datasets" / "data" / "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
    image = nib.load(path)
    data, affine = coarsen(np.asarray(image.dataobj, np.float32), image.affine, round(WORKING_MM))
    shrink = np.diag([*[TEMPLATE_SCALE] * 3, 1.0])
    shrink[:3, 3] = (1 - TEMPLATE_SCALE) * np.array(TEMPLATE_CENTRE)
    return nib.Nifti1Image(data, shrink @ affine)


def coarsen(data: np.ndarray, affine: np.ndarray, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Average blocks of ``step`` voxels a side, padding with 0; the affine follows."""
    short = [(0, -size % step) for size in data.shape]
    padded = np.pad(data, short)
    coarse = affine @ np.diag([step, step, step, 1.0])
    coarse[:3, 3] += affine[:3, :3] @ np.full(3, (step - 1) / 2)
    return block_means(padded, step), coarse


def register(data: np.ndarray, affine: np.ndarray, name: str) -> Registration:
    """Find the affine map from a scan to `template`.

    Args:
        data: ``(X, Y, Z)`` skull-stripped T1w, background 0, about RAS+.
        affine: ``(4, 4)``, voxel indices -> millimetres.
        name: the file or subject, for the error.

    Raises:
        PoorScanError: the two brains do not come to overlap.
    """
    target = template()
    moving, where = _prepared(data, affine)
    fixed = np.asarray(target.dataobj, np.float32)
    start = _start(fixed, target.affine, moving, where)
    try:
        back = _optimise(fixed, target.affine, moving, where, start)
    except RuntimeError as error:  # ITK: samples left the image
        raise PoorScanError(_failed(name, "the optimiser lost the brain")) from error
    there = ndi.affine_transform(moving, np.linalg.inv(where) @ back @ target.affine, output_shape=fixed.shape, order=1)
    ours, theirs = foreground(fixed), there > 0.1
    overlap = float(2 * (ours & theirs).sum() / (ours.sum() + theirs.sum()))
    matrix = np.linalg.inv(back)
    scale = float(np.linalg.det(matrix[:3, :3]))
    if overlap < MIN_OVERLAP or not SCALE_RANGE[0] < scale < SCALE_RANGE[1]:
        raise PoorScanError(_failed(name, f"overlap {overlap:.2f}, volume times {scale:.2f}"))
    return Registration(matrix, scale, overlap)


def _failed(name: str, why: str) -> str:
    return f"{name}: could not be aligned to the template ({why}): check orientation and skull stripping in a viewer"


def _prepared(data: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The scan about `WORKING_MM` apart, intensities cut to [0, 1.3]."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    step = max(1, round(WORKING_MM / float(spacing.mean())))
    small, where = coarsen(data, affine, step)
    return np.clip(small / float(np.quantile(small[foreground(small)], 0.9)), 0, 1.3), where


def _start(fixed: np.ndarray, fixed_affine: np.ndarray, moving: np.ndarray, moving_affine: np.ndarray) -> np.ndarray:
    """Template mm -> scan mm: centres of mass on each other, sizes equal, the best of the tilts by correlation."""
    step = max(1, round(8 / WORKING_MM))
    coarse, coarse_affine = coarsen(fixed, fixed_affine, step)
    small, small_affine = coarsen(moving, moving_affine, step)
    centres = [
        (affine @ [*ndi.center_of_mass(image), 1.0])[:3]
        for image, affine in ((coarse, coarse_affine), (small, small_affine))
    ]
    sizes = [
        float((image > 0.25 * np.quantile(image, 0.99)).sum()) * abs(float(np.linalg.det(affine[:3, :3])))
        for image, affine in ((coarse, coarse_affine), (small, small_affine))
    ]
    stretch = float(np.clip((sizes[1] / sizes[0]) ** (1 / 3), 0.7, 1.4))
    best, chosen = -np.inf, np.eye(4)
    for angles in itertools.product(*TILTS):
        back = np.eye(4)
        back[:3, :3] = stretch * Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
        back[:3, 3] = centres[1] - back[:3, :3] @ centres[0]
        there = ndi.affine_transform(
            small, np.linalg.inv(small_affine) @ back @ coarse_affine, output_shape=coarse.shape, order=1
        )
        score = float(np.corrcoef(there.ravel(), coarse.ravel())[0, 1])
        if score > best:
            best, chosen = score, back
    return chosen


def _optimise(
    fixed: np.ndarray, fixed_affine: np.ndarray, moving: np.ndarray, moving_affine: np.ndarray, start: np.ndarray
) -> np.ndarray:
    """Template mm -> scan mm, from ``start`` to the optimum of mutual information."""
    transform = sitk.AffineTransform(3)
    centre = (fixed_affine @ [*(np.array(fixed.shape) / 2), 1.0])[:3] * [-1, -1, 1]
    lps = _FLIP @ start @ _FLIP
    transform.SetCenter(centre.tolist())
    transform.SetMatrix(lps[:3, :3].ravel().tolist())
    transform.SetTranslation((lps[:3, 3] + lps[:3, :3] @ centre - centre).tolist())
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(0.1, 1)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-4, 200, 0.5, 1e-5)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([4, 2, 1])
    method.SetSmoothingSigmasAreSpecifiedInPhysicalUnits(True)
    method.SetInitialTransform(transform, inPlace=True)
    with _one_thread():
        method.Execute(_to_itk(fixed, fixed_affine), _to_itk(moving, moving_affine))
    found = np.eye(4)
    found[:3, :3] = np.array(transform.GetMatrix()).reshape(3, 3)
    found[:3, 3] = np.array(transform.GetTranslation()) + centre - found[:3, :3] @ centre
    return np.asarray(_FLIP @ found @ _FLIP)


@contextmanager
def _one_thread() -> Iterator[None]:
    """ITK on one thread: sums over several threads come out in another order each time. A method's own setting does not
    reach its metric, the global one does."""
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)


def _to_itk(data: np.ndarray, affine: np.ndarray) -> sitk.Image:
    """A SimpleITK image in LPS; a trace of shear in the axes is taken out (`volume_faults` refuses more)."""
    lps = _FLIP @ affine
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    left, _, right = np.linalg.svd(lps[:3, :3] / spacing)
    image = sitk.GetImageFromArray(np.ascontiguousarray(data.T, np.float32))
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    image.SetDirection((left @ right).ravel().tolist())
    return image


def bias_field(data: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Smooth multiplicative shading inside the brain by N4 (Tustison et al. 2010, doi 10.1109/TMI.2010.2046908).

    Returns:
        ``data``'s shape, float32, 1 on average inside the brain; dividing by it evens the scan out.
    """
    inside = foreground(data)
    step = max(1, round(4.0 / float(np.linalg.norm(affine[:3, :3], axis=0).mean())))
    small, small_affine = coarsen(np.where(inside, data, 0), affine, step)
    share, _ = coarsen(inside.astype(np.float32), affine, step)
    image = _to_itk(small / np.maximum(share, 0.5), small_affine)
    mask = sitk.Cast(_to_itk((share > 0.9).astype(np.float32), small_affine), sitk.sitkUInt8)
    method = sitk.N4BiasFieldCorrectionImageFilter()
    method.SetMaximumNumberOfIterations([40, 40, 30])
    with _one_thread():
        method.Execute(image, mask)
        log_bias = sitk.GetArrayFromImage(method.GetLogBiasFieldAsImage(image)).T
    log_bias = log_bias - log_bias[share > 0.9].mean()
    full = ndi.affine_transform(
        np.clip(log_bias, -1, 1), np.linalg.inv(small_affine) @ affine, output_shape=data.shape, order=1, mode="nearest"
    )
    return np.exp(full).astype(np.float32)
