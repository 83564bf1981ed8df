"""Where in the average brain a voxel lies: the atlas, the rough place, registration, and what is read off it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from scipy import ndimage as ndi

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import PARCELS
from pcgm_bench.contracts import UserError
from pcgm_bench.segmenters.unet.atlas import CELL_MM
from pcgm_bench.segmenters.unet.atlas import CORNER_MM
from pcgm_bench.segmenters.unet.atlas import LOBE_OF_PARCEL
from pcgm_bench.segmenters.unet.atlas import SHAPE
from pcgm_bench.segmenters.unet.atlas import Atlas
from pcgm_bench.segmenters.unet.atlas import load_atlas
from pcgm_bench.segmenters.unet.atlas import look_up
from pcgm_bench.segmenters.unet.atlas import nearest_parcel
from pcgm_bench.segmenters.unet.atlas import parcels_at
from pcgm_bench.segmenters.unet.atlas_registration import FURTHEST_MM
from pcgm_bench.segmenters.unet.atlas_registration import extent_of_atlas
from pcgm_bench.segmenters.unet.atlas_registration import head_of
from pcgm_bench.segmenters.unet.atlas_registration import levels_of_atlas
from pcgm_bench.segmenters.unet.atlas_registration import lucas_kanade
from pcgm_bench.segmenters.unet.atlas_registration import rough
from pcgm_bench.segmenters.unet.atlas_registration import smooth
from pcgm_bench.segmenters.unet.atlas_registration import solution
from pcgm_bench.segmenters.unet.fitting.average_atlas import make_atlas
from pcgm_bench.segmenters.unet.fitting.average_atlas import save_atlas
from pcgm_bench.segmenters.unet.fitting.training_pairs import Pair
from pcgm_bench.segmenters.unet.normalisation import OUTSIDE
from pcgm_bench.segmenters.unet.refinement import Refinement


@pytest.fixture(scope="module")
def atlas() -> Atlas:
    """A head of smooth random tissue, 60 mm from its middle in every direction, with random parcels."""
    rng = np.random.default_rng(0)
    cells = np.stack(np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij"))
    away = np.sqrt(sum(((cells[k] - (SHAPE[k] - 1) / 2) * CELL_MM) ** 2 for k in range(3)))
    noise = np.stack([ndi.gaussian_filter(rng.standard_normal(SHAPE), 2.5) for _ in range(5)])
    tissue = np.exp(4 * noise / noise.std())
    tissue = tissue / tissue.sum(0) * np.clip((60 - away) / 4, 0, 1)
    parcel = rng.integers(0, len(PARCELS), SHAPE).astype(np.uint8)
    return Atlas(torch.from_numpy(tissue.astype(np.float32)), torch.from_numpy(parcel))


def voxels(*sides: int) -> torch.Tensor:
    """Places (mm) of voxels of 3 mm around the middle of the atlas: ``(1, 3, *sides)``."""
    middle = [c + CELL_MM * n / 2 for c, n in zip(CORNER_MM, SHAPE, strict=True)]
    axes = [m + 3.0 * (torch.arange(float(n)) - (n - 1) / 2) for m, n in zip(middle, sides, strict=True)]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"))[None]


def test_the_atlas_is_what_people_have_at_a_place(tmp_path: Path) -> None:
    fractions = np.zeros((2, len(CHANNELS), 24, 24, 24), np.uint8)
    owner = np.random.default_rng(0).integers(1, len(CHANNELS), (24, 24, 24))
    for channel in range(len(CHANNELS)):
        fractions[:, channel] = 255 * (owner == channel)
    labels = np.where(owner >= 6, 2035, 0).astype(np.int16)
    place = CELL_MM * (np.indices((24, 24, 24)) + 0.5) + np.reshape(CORNER_MM, (3, 1, 1, 1)) + 40
    made = make_atlas([Pair(fractions, np.stack([labels] * 2), np.zeros((2, 24, 24, 24)), place.astype(np.float16))])
    save_atlas(made, tmp_path / "atlas.safetensors")
    read = load_atlas(tmp_path / "atlas.safetensors")
    assert torch.equal(read.tissue, made.tissue)
    assert torch.equal(read.parcel, made.parcel)
    # A cell is a voxel here, but for the blur of a third of one; the owners' cells have most of them.
    middle = read.tissue[:, 20:44, 20:44, 20:44].argmax(0).numpy()
    named = np.select([owner <= 2, owner == 3, owner == 4, owner == 5], [0, 1, 2, 3], 4)
    assert (middle == named).mean() > 0.9
    assert set(read.parcel.unique().tolist()) == {list(PARCELS).index("rh-insula")}, (
        "the only parcel is nearest everywhere"
    )
    assert float(read.lobes[5].min()) == 1


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_parcels_add_up_to_what_the_lobes_take(atlas: Atlas, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    place = (torch.rand(3, 200, generator=generator) - 0.5) * 250
    amount = torch.rand(200, generator=generator)
    parcels = parcels_at(atlas, place, amount)
    lobes = (look_up(atlas.lobes[None], place.reshape(1, 3, -1, 1, 1))[0, :, :, 0, 0] * amount).sum(1)
    summed = torch.zeros(6).index_add_(0, torch.tensor(LOBE_OF_PARCEL), parcels)
    torch.testing.assert_close(summed, lobes, rtol=1e-4, atol=1e-3)
    assert float(parcels.sum()) == pytest.approx(float(amount.sum()), rel=1e-4)


def test_the_nearest_parcel_is_the_cells_own(atlas: Atlas) -> None:
    cell = torch.tensor([[3, 40, 77], [0, 50, 95], [1, 42, 83]])
    place = torch.tensor(CORNER_MM)[:, None] + CELL_MM * (cell + 0.5)
    assert torch.equal(nearest_parcel(atlas, place + 0.4), atlas.parcel[tuple(cell)].long())


@settings(max_examples=10, deadline=None)
@given(shift=st.tuples(*[st.integers(-3, 3)] * 3))
def test_the_rough_place_does_not_see_where_a_head_is(atlas: Atlas, shift: tuple[int, int, int]) -> None:
    place = voxels(56, 56, 56)
    head = look_up(atlas.tissue.sum(0)[None, None], place)
    image, extent = torch.where(head > 0.5, 1.0, OUTSIDE), extent_of_atlas(atlas)
    moved = torch.roll(image, shift, (2, 3, 4))
    found = torch.roll(rough(head_of(moved), extent), [-s for s in shift], (2, 3, 4))
    assert float((found - place)[:, :, 10:-10, 10:-10, 10:-10].abs().max()) < 0.5
    assert bool(torch.isfinite(rough(head_of(torch.full_like(image, OUTSIDE)), extent)).all())


def test_an_atlas_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "atlas.safetensors"
    path.write_bytes(b"no")
    with pytest.raises(UserError, match=r"atlas\.safetensors: the atlas is damaged"):
        load_atlas(path)
    save_file({"tissue": torch.ones(5, 3, 3, 3), "parcel": torch.ones(3, 3, 3)}, path)
    with pytest.raises(UserError, match="belongs to another version"):
        load_atlas(path)


def test_registration_finds_a_bent_head(atlas: Atlas) -> None:
    known = levels_of_atlas(atlas)
    start = voxels(40, 40, 40)
    bend = 3.0 * torch.stack([torch.sin(start[:, k] / 30) for k in (1, 2, 0)], 1)
    true = start + bend
    found = lucas_kanade(look_up(known[:, :2], true), known, start)
    inside = (look_up(atlas.tissue.sum(0)[None, None], true) > 0.9)[0, 0]
    before, after = (float((p - true)[0, :, inside].abs().mean()) for p in (start, found))
    assert before > 1.5
    assert after < 0.2


def test_the_solution_is_the_least_squares_one() -> None:
    rng = np.random.default_rng(3)
    slopes, move = rng.standard_normal((400, 3)), np.array([0.7, -0.4, 0.2])
    seen = torch.zeros(1, 21, 1, 1, 1)
    seen[0, :3, 0, 0, 0] = torch.from_numpy(slopes.T @ (slopes @ move) / 400)
    products = slopes.T @ slopes / 400
    seen[0, 3:9, 0, 0, 0] = torch.tensor([products[a, b] for a, b in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))])
    # The ridge takes a few per cent of the move.
    np.testing.assert_allclose(solution(seen, 1, 0)[0, :, 0, 0, 0], move, rtol=0.1)
    seen[0, :3] *= 100
    assert float(solution(seen, 1, 0).abs().max()) == FURTHEST_MM


def test_an_untrained_refinement_moves_nothing(atlas: Atlas) -> None:
    known, place = levels_of_atlas(atlas), voxels(16, 16, 16)
    moved = Refinement()(look_up(known[:, :2], place + 2), known, place)
    assert torch.equal(moved, place)


@pytest.mark.parametrize(("side", "times"), [(3, 1), (5, 1), (7, 2), (1, 1)])
def test_smoothing_is_the_mean_over_the_voxels_that_exist(side: int, times: int) -> None:
    x = torch.randn(2, 3, 8, 9, 10, generator=torch.Generator().manual_seed(side))
    expected = x
    for _ in range(times):
        for axis in range(3):
            box = [side if k == axis else 1 for k in range(3)]
            padding = [k // 2 for k in box]
            expected = torch.nn.functional.avg_pool3d(expected, box, 1, padding, count_include_pad=False)
    assert torch.equal(smooth(x, side, times), expected)
