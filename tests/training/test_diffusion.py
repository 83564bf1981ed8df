"""Diffusion mathematics of MGD."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pcgm_bench.training import diffusion
from pcgm_bench.training.diffusion import Inverted


def smooth_denoiser(seed: int):
    """A random smooth network: linear shrinkage plus a small random non-linearity, depending on time."""
    weight = torch.randn(6, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) / 6**0.5

    def predict(x: Tensor, t: float) -> Tensor:
        return (0.7 - 0.5 * t) * x + 0.3 * torch.tanh(x @ weight + t)

    return predict


@pytest.fixture
def x0() -> Tensor:
    return torch.randn(5, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_schedule_is_the_normalised_cosine():
    assert float(diffusion.alpha_bar(0.0)) == 1.0
    expected = math.cos(0.508 / 1.008 * math.pi / 2) ** 2 / math.cos(0.008 / 1.008 * math.pi / 2) ** 2
    assert float(diffusion.alpha_bar(0.5)) == pytest.approx(expected, rel=1e-12)
    assert 0 < float(diffusion.alpha_bar(1.0)) < 1e-5
    assert bool((diffusion.alpha_bar(torch.linspace(0, 1, 50)).diff() < 0).all())


def test_ddim_step_with_the_true_image_follows_the_noise(x0: Tensor):
    noise = torch.randn_like(x0)
    t, s = torch.full((5,), 0.7), torch.full((5,), 0.2)
    for start, end in ((t, s), (s, t)):
        x = diffusion.add_noise(x0, noise, start)
        moved = diffusion.ddim_step(x, x0, float(start[0]), float(end[0]))
        torch.testing.assert_close(moved, diffusion.add_noise(x0, noise, end), rtol=1e-5, atol=1e-5)


def test_velocity_gives_the_image_back(x0: Tensor):
    noise, t = torch.randn_like(x0), torch.rand(5)
    x, v = diffusion.add_noise(x0, noise, t), diffusion.velocity(x0, noise, t)
    torch.testing.assert_close(diffusion.x0_from_velocity(x, v, t), x0, rtol=1e-5, atol=1e-5)


def test_guidance_is_guidance_in_noise(x0: Tensor):
    first, second, t, weight = smooth_denoiser(0), smooth_denoiser(1), 0.4, 1.7
    eps_c, eps_u = (diffusion.epsilon_from_x0(x0, f(x0, t), t) for f in (first, second))
    wanted = eps_u + weight * (eps_c - eps_u)
    got = diffusion.epsilon_from_x0(x0, diffusion.classifier_free_guidance(first, second, weight)(x0, t), t)
    torch.testing.assert_close(got, wanted)


@pytest.mark.parametrize(("strength", "steps", "k"), [(1.0, 20, 20), (0.5, 20, 10), (0.01, 20, 1), (0.6, 7, 4)])
def test_start_index(strength: float, steps: int, k: int):
    assert diffusion.start_index(strength, steps) == k


@pytest.mark.parametrize("bad", [0.0, -0.1, 1.01])
def test_strength_out_of_range_is_refused(bad: float):
    with pytest.raises(ValueError, match="strength"):
        diffusion.start_index(bad, 10)


@pytest.mark.parametrize("bad", [(0, 0.03, 1.0), (5, 0.0, 1.0), (5, 0.5, 0.5), (5, 0.1, 1.1)])
def test_bad_grid_is_refused(bad: tuple[int, float, float]):
    with pytest.raises(ValueError, match="steps"):
        diffusion.ddim_grid(*bad)


def test_generation_starts_at_the_index_where_inversion_ended(x0: Tensor):
    grid, k, seen = diffusion.ddim_grid(10), 4, []
    inner = smooth_denoiser(0)

    def spy(x: Tensor, t: float) -> Tensor:
        seen.append(t)
        return inner(x, t)

    start = diffusion.ddim_invert(inner, x0, grid, k)
    diffusion.ddim_sample(spy, start, grid, k)
    assert seen == [grid[i] for i in (4, 3, 2, 1)]


@pytest.mark.parametrize("strength", [0.3, 0.7, 1.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_null_round_trip(x0: Tensor, strength: float, seed: int):
    predict, grid = smooth_denoiser(seed), diffusion.ddim_grid(20, 0.03)
    k = diffusion.start_index(strength, 20)

    def error(**options: object) -> float:
        start = diffusion.ddim_invert(predict, x0, grid, k, **options)  # type: ignore[arg-type]
        return float((diffusion.ddim_sample(predict, start, grid, k) - x0).abs().max())

    plain = error()
    assert plain > 1e-3
    assert error(n_fixed_point=3) < plain / 5
    assert error(n_fixed_point=15) < 1e-4
    assert error(carry_defects=True) < 1e-10


def test_damped_iteration_converges_where_the_plain_one_diverges():
    """An ideal denoiser of a very wide distribution returns its input; next to the clean image c is then above 1."""
    s, t = 0.02, 0.1
    a_s, sigma_s = diffusion.coefficients(s)
    a_t, sigma_t = diffusion.coefficients(t)
    assert a_s * sigma_t / sigma_s - a_t > 1
    x_s = torch.ones(1, 3)
    x_t = diffusion.ddim_invert_step(lambda x, u: x / diffusion.coefficients(u)[0], x_s, s, t, 60)
    back = diffusion.ddim_step(x_t, x_t / a_t, t, s)
    torch.testing.assert_close(back, x_s, rtol=1e-4, atol=1e-4)


def test_random_start_ends_in_a_denoised_image(x0: Tensor):
    grid = diffusion.ddim_grid(5)
    image = diffusion.ddim_sample(lambda _x, _t: x0, Inverted(torch.randn_like(x0)), grid, 5, denoise_last=True)
    torch.testing.assert_close(image, x0)
