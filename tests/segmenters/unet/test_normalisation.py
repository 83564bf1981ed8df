"""Contrast normalisation: units and noise do not matter."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from pcgm_bench.segmenters.unet.normalisation import OUTSIDE
from pcgm_bench.segmenters.unet.normalisation import normalise


def three_tissues() -> torch.Tensor:
    image = torch.zeros(16, 16, 16)
    image[2:14, 2:14, 2:14] = 0.2
    image[3:13, 3:13, 3:13] = 0.65
    image[5:11, 5:11, 5:11] = 1.0
    return image


@settings(max_examples=20, deadline=None)
@given(gain=st.floats(0.01, 1000.0))
def test_normalisation_does_not_see_the_units(gain: float) -> None:
    image = three_tissues()
    one, other = normalise(image), normalise(image * gain)
    assert torch.allclose(one, other, atol=0.02)
    assert float(one[0, 0, 0]) == OUTSIDE
    assert float(one[2, 2, 2]) == pytest.approx(0.0, abs=0.05)
    assert float(one[4, 4, 4]) == pytest.approx(1.0, abs=0.05)
    assert float(one[8, 8, 8]) == pytest.approx(2.0, abs=0.05)
