"""What a generator returns is checked as it will be stored: float32."""

from __future__ import annotations

import numpy as np
import pytest

from pcgm_bench.contracts import Scan
from pcgm_bench.plugin_guard import WrongReturn
from pcgm_bench.runner.row_work import checked

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
