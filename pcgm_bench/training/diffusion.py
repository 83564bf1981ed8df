r"""Diffusion mathematics: cosine schedule, DDIM, inversion, guidance. Pure functions on tensors.

Notation (continuous time, t in [0, 1]): ``x_t = a(t) x_0 + sigma(t) eps`` with ``a = sqrt(abar)``,
``sigma = sqrt(1 - abar)``. A *denoiser* ``predict(x_t, t)`` returns the estimate of ``x_0``. The same functions serve
latents and images.

Sources: Nichol & Dhariwal 2021 (cosine schedule); Song et al. 2021 (DDIM); Ho & Salimans 2021 (guidance).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

Denoiser = Callable[[Tensor, float], Tensor]
"""``(x_t, t) -> estimate of x_0``, same shape."""

_OFFSET = 0.008
_SMALLEST = 1e-6


def alpha_bar(t: Tensor | float) -> Tensor:
    """Signal share ``abar(t)`` of the cosine schedule, exactly 1 at t = 0 and never below 1e-6; float64.

    The released code leaves out the normalisation at t = 0, so that its clean image is scaled by 0.9999.
    """
    time = torch.as_tensor(t, dtype=torch.float64)
    angle = (time + _OFFSET) / (1 + _OFFSET) * math.pi / 2
    start = math.cos(_OFFSET / (1 + _OFFSET) * math.pi / 2) ** 2
    return (angle.cos().square() / start).clamp(_SMALLEST, 1.0)


def coefficients(t: float) -> tuple[float, float]:
    """``(a, sigma)`` at one time, as floats."""
    abar = float(alpha_bar(t))
    return math.sqrt(abar), math.sqrt(1 - abar)


def batch_coefficients(t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """``(a, sigma)`` for a batch of times ``(B,)``, shaped to multiply ``like`` ``(B, ...)``, in its type."""
    abar = alpha_bar(t).view(-1, *[1] * (like.ndim - 1))
    return abar.sqrt().to(like.dtype), (1 - abar).sqrt().to(like.dtype)


def add_noise(x0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """``x_t`` for a batch of times ``(B,)``."""
    a, sigma = batch_coefficients(t, x0)
    return a * x0 + sigma * noise


def velocity(x0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """``v = a eps - sigma x_0`` (Salimans & Ho 2022)."""
    a, sigma = batch_coefficients(t, x0)
    return a * noise - sigma * x0


def x0_from_velocity(x_t: Tensor, v: Tensor, t: Tensor) -> Tensor:
    """``x_0 = a x_t - sigma v``."""
    a, sigma = batch_coefficients(t, x_t)
    return a * x_t - sigma * v


def epsilon_from_x0(x_t: Tensor, x0: Tensor, t: float) -> Tensor:
    """The noise that goes with an estimate of ``x_0``; t > 0."""
    a, sigma = coefficients(t)
    return (x_t - a * x0) / sigma


def ddim_grid(steps: int, t_min: float = 0.03, t_max: float = 1.0) -> tuple[float, ...]:
    """Times ``t_0 = t_min < ... < t_steps = t_max``, equally spaced.

    ``t_min`` > 0 stands for the clean image: a step from sigma = 0 cannot be inverted.

    Raises:
        ValueError: Fewer than one step, or not 0 < t_min < t_max <= 1.
    """
    if steps < 1 or not 0 < t_min < t_max <= 1:
        raise ValueError(f"need steps >= 1 and 0 < t_min < t_max <= 1, got {steps}, {t_min}, {t_max}")
    return tuple(t_min + (t_max - t_min) * i / steps for i in range(steps + 1))


def start_index(strength: float, steps: int) -> int:
    """``k = round(s S)``, at least 1: the one index at which inversion ends and regeneration starts.

    Raises:
        ValueError: Strength outside (0, 1].
    """
    if not 0 < strength <= 1:
        raise ValueError(f"strength must be in (0, 1], got {strength}")
    return max(1, round(strength * steps))


def ddim_step(x_t: Tensor, x0: Tensor, t: float, s: float) -> Tensor:
    """Move from time t to time s (either direction) with the estimate ``x0`` made at t; eta = 0.

    ``x_s = a_s x0 + sigma_s (x_t - a_t x0) / sigma_t``.
    """
    a_t, sigma_t = coefficients(t)
    a_s, sigma_s = coefficients(s)
    return (sigma_s / sigma_t) * x_t + (a_s - a_t * sigma_s / sigma_t) * x0


def ddim_invert_step(
    predict: Denoiser, x_s: Tensor, s: float, t: float, n_fixed_point: int = 0, tolerance: float = 1e-6
) -> Tensor:
    """Find ``x_t``, t > s, from which the DDIM step to s gives ``x_s``.

    The exact condition is ``x_t = g(x_t) = (sigma_t / sigma_s) x_s - c predict(x_t, t)`` with
    ``c = a_s sigma_t / sigma_s - a_t > 0``. Plain inversion (``n_fixed_point = 0``) puts ``predict(x_s, s)`` on the
    right. Picard iterations then mend it. They are damped by ``2 / (2 + c)``: the Jacobian of an ideal denoiser has
    eigenvalues in about [0, 1], so the undamped map diverges where c > 1 (next to the clean image), while the
    damped one contracts by ``c / (2 + c)`` for every c.

    Args:
        predict: Denoiser under the condition that is being inverted.
        x_s: State at time s.
        s: Time > 0.
        t: Time > s.
        n_fixed_point: Most iterations, each one network evaluation.
        tolerance: Stop when the largest change falls below it.
    """
    a_s, sigma_s = coefficients(s)
    a_t, sigma_t = coefficients(t)
    ratio = sigma_t / sigma_s
    c = a_s * ratio - a_t
    damping = 2 / (2 + c)
    x_t = ratio * x_s - c * predict(x_s, s)
    for _ in range(n_fixed_point):
        change = damping * (ratio * x_s - c * predict(x_t, t) - x_t)
        x_t = x_t + change
        if float(change.abs().max()) < tolerance:
            break
    return x_t


@dataclass(frozen=True)
class Inverted:
    """Where an inversion ended, and what it took to get there.

    Attributes:
        state: ``x`` at index k of the grid.
        defects: For steps 1 ... k, what the DDIM step from index i misses of the state at i - 1 under the inverted
            condition; empty unless asked for.
        last: What the denoiser's estimate at ``grid[0]`` misses of the clean image; None unless asked for.
    """

    state: Tensor
    defects: tuple[Tensor, ...] = ()
    last: Tensor | None = None


def ddim_invert(
    predict: Denoiser,
    x0: Tensor,
    grid: tuple[float, ...],
    k: int,
    n_fixed_point: int = 0,
    carry_defects: bool = False,
    tolerance: float = 1e-6,
) -> Inverted:
    """State at ``grid[k]`` on the DDIM trajectory that ends in the clean ``x0``.

    ``a(t_min) x0`` is taken for the state at ``grid[0]``: what the denoiser cannot explain of the image is carried as
    noise, and `ddim_sample` under the same condition brings it back.
    """
    x = coefficients(grid[0])[0] * x0
    last = x0 - predict(x, grid[0]) if carry_defects else None
    defects: list[Tensor] = []
    for s, t in pairwise(grid[: k + 1]):
        higher = ddim_invert_step(predict, x, s, t, n_fixed_point, tolerance)
        if carry_defects:
            defects.append(x - ddim_step(higher, predict(higher, t), t, s))
        x = higher
    return Inverted(x, tuple(defects), last)


def ddim_sample(
    predict: Denoiser, start: Inverted, grid: tuple[float, ...], k: int, denoise_last: bool = False
) -> Tensor:
    """Clean image from a state at ``grid[k]``: index-correct, time k is the first the network sees.

    Args:
        predict: Denoiser under the condition to generate for.
        start: From `ddim_invert`, or ``Inverted(noise)``. Its defects are added step by step (Ju et al. 2024, "PnP
            inversion", in the form that keeps the old branch out of the new one's estimate), and the last one to the
            denoiser's estimate at ``t_min``. Without them the answer is the state at ``t_min``, in which a share of
            the start remains: sigma / a at ``t_min`` over sigma / a at ``grid[k]``, a tenth at t = .32.
        grid: From `ddim_grid`.
        k: Index to start from.
        denoise_last: Return the denoiser's estimate at ``t_min`` (right for a random start) in place of the state
            divided by ``a(t_min)`` (right for an inverted start: the exact inverse of `ddim_invert`).
    """
    x = start.state
    for i in range(k, 0, -1):
        x = ddim_step(x, predict(x, grid[i]), grid[i], grid[i - 1])
        if start.defects:
            x = x + start.defects[i - 1]
    if start.last is not None:
        return predict(x, grid[0]) + start.last
    return predict(x, grid[0]) if denoise_last else x / coefficients(grid[0])[0]


def classifier_free_guidance(conditional: Denoiser, unconditional: Denoiser, weight: float) -> Denoiser:
    """Classifier-free guidance ``eps = eps_u + w (eps_c - eps_u)``.

    At one ``x_t`` the noise is affine in ``x_0``, so the same weight on the ``x_0`` estimates gives exactly this
    (no clipping in between). ``weight`` 1 costs one evaluation.
    """
    if weight == 1:
        return conditional

    def predict(x: Tensor, t: float) -> Tensor:
        base = unconditional(x, t)
        return base + weight * (conditional(x, t) - base)

    return predict
