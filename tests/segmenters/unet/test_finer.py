"""Voxels of 2 mm: averaged exactly, and shares brought back to them that are shares and add up to what was read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.anatomy import PARCELS
from pcgm_bench.contracts import Scan
from pcgm_bench.segmenters.unet.atlas import ATLAS
from pcgm_bench.segmenters.unet.atlas import load_atlas
from pcgm_bench.segmenters.unet.finer import averaged
from pcgm_bench.segmenters.unet.finer import finer_place
from pcgm_bench.segmenters.unet.finer import finer_shares
from pcgm_bench.segmenters.unet.finer import pieces
from pcgm_bench.segmenters.unet.segmenter import UNetSegmenter
from pcgm_bench.segmenters.unet.weight_files import WEIGHTS

FINE, NETWORK = (18, 12, 24), (12, 8, 16)
CUTS = [pieces(side, 2) for side in FINE]


def test_average_is_by_area() -> None:
    """Against the same average by way of voxels of 1 mm."""
    image = torch.rand(FINE, generator=torch.Generator().manual_seed(1))
    single = image
    for axis in range(3):
        single = single.repeat_interleave(2, axis)
    blocks = single.unflatten(2, (-1, 3)).unflatten(1, (-1, 3)).unflatten(0, (-1, 3))
    assert torch.allclose(averaged(image, CUTS), blocks.mean((1, 3, 5)), atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.1, 8.0))
def test_shares_are_shares_and_add_up_to_what_was_read(seed: int, hardness: float) -> None:
    rng = torch.Generator().manual_seed(seed)
    read = torch.softmax(hardness * torch.randn((len(CHANNELS), *NETWORK), generator=rng), 0)
    read[:, :4] = torch.nn.functional.one_hot(read[:, :4].argmax(0), len(CHANNELS)).movedim(-1, 0).float()
    fine = finer_shares(read, torch.rand(FINE, generator=rng), CUTS)
    assert fine.shape == (len(CHANNELS), *FINE)
    assert float(fine.min()) >= 0
    assert torch.allclose(fine.sum(0), torch.ones(FINE), atol=1e-4)
    cells = [part.unflatten(3, (-1, n)).unflatten(2, (-1, n)).unflatten(1, (-1, n)).mean((2, 4, 6))
             for part, n in ((fine, 3), (read, 2))]  # fmt: skip
    assert torch.allclose(*cells, atol=0.01)


def test_image_says_where_in_a_voxel_a_border_lies() -> None:
    """White matter below a plane, fluid above it; the network's voxels at the border are half of each."""
    white, fluid = CHANNELS.index("white_matter"), CHANNELS.index("csf")
    true = torch.zeros(len(CHANNELS), *FINE)
    true[white, :, :, :13] = 1
    true[fluid] = 1 - true[white]
    image = 1.0 * true[white] + 0.2 * true[fluid]
    read = averaged(true, CUTS)
    assert 0 < float(read[white, 0, 0, 8]) < 1
    linear = torch.nn.functional.interpolate(read[None], FINE, mode="trilinear")[0]
    errors = [float((found - true).abs().mean()) for found in (finer_shares(read, image, CUTS), linear)]
    assert errors[0] < 0.25 * errors[1]


def test_place_of_a_small_voxel_lies_between_those_of_the_networks() -> None:
    along = torch.arange(NETWORK[0], dtype=torch.float32)[:, None, None].expand(NETWORK)
    box = (slice(1, 9), slice(0, 8), slice(3, 11))
    place = torch.stack([along, along, along])[(slice(None), *box)]
    fine = finer_place(place, box, torch.Size(NETWORK), torch.Size(FINE))
    assert fine.shape == (3, *FINE)
    middle = (torch.arange(FINE[0]) + 0.5) * 2 / 3 - 0.5
    inside = slice(3, 12)
    assert torch.allclose(fine[0, inside, 5, 9], middle[inside], atol=1e-5)


@pytest.fixture(scope="module")
def head() -> Scan:
    """The shipped average brain as a T1w image on the 2 mm grid."""
    tissue = load_atlas(WEIGHTS / ATLAS).tissue
    image = torch.tensordot(torch.tensor([0.2, 1.0, 0.8, 0.8, 0.65]), tissue, 1)
    grid = np.zeros((84, 96, 84), np.float32)
    grid[3:81] = image.numpy()
    return Scan("01", "", grid, np.diag([2.0, 2.0, 2.0, 1.0]), 40.0, "F", "control")


def test_volumes_are_those_of_the_averaged_image(head: Scan) -> None:
    segmenter = UNetSegmenter(raw=True)
    fine = segmenter.segment(head)
    small = averaged(torch.from_numpy(head.image), [pieces(side, 2) for side in head.image.shape])
    coarse = segmenter.segment(replace(head, image=small.numpy(), affine=np.diag([3.0, 3.0, 3.0, 1.0])))
    assert fine.volumes == pytest.approx(dict(coarse.volumes), rel=1e-5)
    assert fine.qc == coarse.qc > 0.9
    assert fine.fractions.shape == (12, *head.image.shape)
    assert fine.labels.shape == head.image.shape
    assert fine.fractions.sum(0) == pytest.approx(np.ones(head.image.shape), abs=1e-4)
    for name, share in zip(CHANNELS[1:], fine.fractions[1:], strict=True):
        assert share.sum() * 0.008 == pytest.approx(fine.volumes[name], rel=0.005), name
    cortex = np.isin(fine.labels, list(PARCELS.values())).sum() * 0.008
    assert cortex == pytest.approx(sum(fine.volumes[lobe] for lobe in LOBE_NAMES), rel=0.1)
