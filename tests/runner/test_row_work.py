"""What a generator returns is checked as it will be stored: float32."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from pcgm_bench.contracts import Scan
from pcgm_bench.plugin_guard import WrongReturn
from pcgm_bench.runner.row_work import checked

HEAD = np.zeros((12, 12, 12), np.float32)
HEAD[3:9, 3:9, 3:9] = np.random.default_rng(1).uniform(0.3, 1, (6, 6, 6))
SCAN = Scan("001", "01", np.ones((2, 2, 2), np.float32), np.eye(4), 50.0, "F", "HC")


@pytest.mark.filterwarnings("error")
def test_a_voxel_too_large_for_float32_is_refused() -> None:
    image = np.ones((2, 2, 2))
    image[0, 0, 0] = 1e300
    with pytest.raises(WrongReturn, match="NaN or infinite voxels"):
        checked(image, SCAN)


def test_an_image_too_small_for_float32_is_zero() -> None:
    with pytest.raises(WrongReturn, match="zero everywhere"):
        checked(np.full((2, 2, 2), 1e-300), SCAN)


def test_a_good_image_is_float32() -> None:
    image = checked(np.full((2, 2, 2), 0.1), SCAN)
    assert image.dtype == np.float32
    assert np.array_equal(image, np.full((2, 2, 2), np.float32(0.1)))


@pytest.mark.parametrize(
    "change",
    [lambda x: 255 * x, lambda x: 255 * x - 100, lambda x: 2 * x - 1, lambda x: x + 1, lambda x: 1.3 - x],
)
def test_another_intensity_scale_is_the_plugins_fault(change: Callable[[np.ndarray], np.ndarray]) -> None:
    scan = replace(SCAN, image=HEAD)
    with pytest.raises(WrongReturn, match=r"another intensity scale than the scan .background"):
        checked(change(HEAD), scan)


@pytest.mark.parametrize("change", [lambda x: 0.1 * x, lambda x: 1.5 * x, lambda x: x - 0.05 * (x == 0)])
def test_a_method_that_draws_badly_is_scored(change: Callable[[np.ndarray], np.ndarray]) -> None:
    image = change(HEAD).astype(np.float32)
    np.testing.assert_array_equal(checked(image, replace(SCAN, image=HEAD)), image)


def test_noise_with_the_moments_of_a_scan_is_a_control_and_no_fault() -> None:
    noise = np.random.default_rng(0).normal(HEAD.mean(), HEAD.std(), HEAD.shape).astype(np.float32)
    np.testing.assert_array_equal(checked(noise, replace(SCAN, image=HEAD)), noise)
