"""What happens between a head and its image: motion, blur, thick slices, Rician noise."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi
from scipy.spatial.transform import Rotation

from pcgm_bench.cohort.phantom.scanners import Scanner

FWHM = 2.3548
"""Full width at half maximum of a Gaussian, in standard deviations."""
PHASE_AXIS, SLICE_AXIS = 1, 2
MOVES_AT = (0.6, 0.9)
"""When the head moves: after this share of the lines of k-space, so after the centre, which says where the head is."""


def acquire(image: np.ndarray, scanner: Scanner, spacing: float, noise_seed: int) -> np.ndarray:
    """The magnitude image ``(X, Y, Z)`` that a scanner makes of tissue intensities.

    Args:
        image: ``(X, Y, Z)`` without noise.
        scanner: what it is scanned by.
        spacing: of the voxels, mm, the same on all axes.
        noise_seed: of noise and motion: the same seed is the same noise and the same movement.
    """
    signal = image if not scanner.motion_mm else moved(image, scanner, spacing, noise_seed)
    if scanner.blur_mm:
        signal = ndi.gaussian_filter(signal, scanner.blur_mm / FWHM / spacing, mode="constant")
    if scanner.slices_mm:
        into, back = slice_weights(image.shape[SLICE_AXIS], spacing, scanner.slices_mm)
        return noisy(signal @ into, scanner.noise, noise_seed) @ back
    return noisy(signal, scanner.noise, noise_seed)


def noisy(signal: np.ndarray, sd: float, seed: int) -> np.ndarray:
    """Magnitude of a signal with noise in both channels (Rician); a complex signal has its own imaginary part."""
    rng = np.random.default_rng([seed, 22])
    real, imaginary = (sd * rng.standard_normal(signal.shape) for _ in range(2))
    if np.iscomplexobj(signal):
        return np.hypot(signal.real + real, signal.imag + imaginary)
    return np.hypot(signal + real, imaginary)


def moved(image: np.ndarray, scanner: Scanner, spacing: float, seed: int) -> np.ndarray:
    """The complex image of a head that moved once: later lines of k-space show it where it went."""
    rng = np.random.default_rng([seed, 23])
    turn = Rotation.from_euler("xyz", rng.normal(0, scanner.motion_degrees, 3), degrees=True).as_matrix()
    shift = rng.normal(0, scanner.motion_mm, 3) / spacing
    middle = (np.array(image.shape) - 1) / 2
    after = ndi.affine_transform(image, turn, middle - turn @ middle + shift, order=1)
    lines = image.shape[PHASE_AXIS]
    # From the lowest frequency to the highest, as the lines are acquired.
    order = np.argsort(np.argsort(np.fft.fftfreq(lines)))
    late = (order >= rng.uniform(*MOVES_AT) * lines)[:, None]
    both = np.where(late, np.fft.fft(after, axis=PHASE_AXIS), np.fft.fft(image, axis=PHASE_AXIS))
    return np.fft.ifft(both, axis=PHASE_AXIS)


def slice_weights(voxels: int, spacing: float, thickness: float) -> tuple[np.ndarray, np.ndarray]:
    """How voxels along an axis average into slices ``(voxels, slices)``, and slices back into voxels, its transpose's
    shape: linear between the middles of the slices, the same beyond the outermost.

    >>> into, back = slice_weights(10, 3.0, 5.0)
    >>> into.shape, back.shape, bool(np.allclose(into.sum(0), 1)), bool(np.allclose(back.sum(0), 1))
    ((10, 6), (6, 10), True, True)
    """
    slices = int(np.ceil(voxels * spacing / thickness))
    edges, borders = spacing * np.arange(voxels + 1), thickness * np.arange(slices + 1)
    shared = np.minimum(edges[1:, None], borders[None, 1:]) - np.maximum(edges[:-1, None], borders[None, :-1])
    into = np.maximum(shared, 0)
    middles = (borders[1:] + borders[:-1]) / 2
    centres = (edges[1:] + edges[:-1]) / 2
    back = np.stack([np.interp(centres, middles, row) for row in np.eye(slices)])
    return into / into.sum(0), back
