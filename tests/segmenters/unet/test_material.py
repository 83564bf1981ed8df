"""What the segmenter is trained on: pictures of known brains, stripped in many ways."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch.nn import functional

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.segmenters.unet.fitting import stripping
from pcgm_bench.segmenters.unet.fitting.stripping import surroundings
from pcgm_bench.segmenters.unet.fitting.synthesis import Surroundings
from pcgm_bench.segmenters.unet.fitting.synthesis import picture
from pcgm_bench.segmenters.unet.fitting.synthesis import real_picture
from pcgm_bench.segmenters.unet.fitting.synthesis import scene
from pcgm_bench.segmenters.unet.fitting.synthesis import thick_slices
from pcgm_bench.segmenters.unet.normalisation import normalise

SIDE = 40
WHITE, FLUID, CORTEX = CHANNELS.index("white_matter"), CHANNELS.index("csf"), CHANNELS.index("frontal")


def brain() -> torch.Tensor:
    """A ball: ventricles in the middle, white matter, cortex, fluid, nothing outside."""
    radius = torch.from_numpy(np.linalg.norm(np.indices((SIDE, SIDE, SIDE)) - SIDE / 2, axis=0))
    fractions = torch.zeros(len(CHANNELS), SIDE, SIDE, SIDE)
    shells = ((CHANNELS.index("ventricles"), 7), (WHITE, 11), (CORTEX, 13), (FLUID, 15))
    inner = 0
    for channel, outer in shells:
        fractions[channel] += ((radius >= inner) & (radius < outer)).float()
        inner = outer
    fractions[0] = 1 - fractions.sum(0)
    return fractions


def seed(number: int) -> torch.Generator:
    return torch.Generator().manual_seed(number)


def masks(share: str, monkeypatch: pytest.MonkeyPatch) -> list[Surroundings]:
    exact, tight = {"exact": (1.0, 0.0), "tight": (0.0, 1.0), "loose": (0.0, 0.0)}[share]
    monkeypatch.setattr(stripping, "EXACT", exact)
    monkeypatch.setattr(stripping, "TIGHT", tight)
    return [surroundings(brain(), torch.tensor(1.0), seed(k)) for k in range(12)]


def test_an_exact_mask_is_the_brains_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(around.mask is None for around in masks("exact", monkeypatch))


def test_a_tight_mask_takes_fluid_and_no_tissue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stripping, "CUTTING", 0.0)
    fractions = brain()
    kept = [around.mask for around in masks("tight", monkeypatch)]
    assert all(mask is not None and float(mask[fractions[WHITE] + fractions[CORTEX] > 0].min()) == 1 for mask in kept)
    assert sum(float(mask[fractions[FLUID] > 0].mean()) < 0.9 for mask in kept if mask is not None) > 6


def test_some_tight_masks_cut_cortex_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stripping, "CUTTING", 1.0)
    monkeypatch.setattr(stripping, "TIGHT_MM", (-9.0, -8.0))
    cortex = brain()[CORTEX] > 0
    assert all(mask.mask is not None and float(mask.mask[cortex].mean()) < 0.9 for mask in masks("tight", monkeypatch))


def test_no_loose_mask_where_nothing_is_known_of_what_lies_around(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stripping, "EXACT", 0.0)
    monkeypatch.setattr(stripping, "TIGHT", 0.0)
    assert all(surroundings(brain(), torch.tensor(1.0), seed(k), outside=False).mask is None for k in range(4))


def test_white_matter_is_darker_close_to_cortex() -> None:
    fractions, flat = brain(), torch.zeros(SIDE, SIDE, SIDE)
    even = dataclasses.replace(scene(seed(1)), bias=torch.zeros(6, 6, 6), uneven=torch.zeros(2, 8, 8, 8))
    close = (fractions[WHITE] > 0) & (functional.max_pool3d(fractions[CORTEX][None, None], 3, 1, 1)[0, 0] > 0)
    deep = (fractions[WHITE] > 0) & ~close
    drop = {}
    for superficial in (0.0, 1.0):
        drawn = dataclasses.replace(even, superficial=superficial)
        image = picture(fractions, flat, seed(2), drawn, Surroundings(None, flat))
        drop[superficial] = float((image[deep].mean() - image[close].mean()) / (even.means[WHITE] - even.means[CORTEX]))
    assert drop[1.0] - drop[0.0] > 0.1


def test_a_real_picture_keeps_the_scan_and_its_mask() -> None:
    image = torch.rand(SIDE, SIDE, SIDE, generator=seed(1))
    fractions, drawn = brain(), scene(seed(2))
    mask = (fractions[0] < 0.5).float()
    seen = real_picture(fractions, image, seed(3), drawn, Surroundings(mask, torch.zeros_like(image)))
    assert float(seen[mask == 0].abs().max()) == 0
    inside = mask > 0
    assert np.corrcoef(seen[inside].numpy(), image[inside].numpy())[0, 1] > 0.6


def test_a_loose_mask_leaves_in_what_lies_around(monkeypatch: pytest.MonkeyPatch) -> None:
    fractions = brain()
    for k, around in enumerate(masks("loose", monkeypatch)):
        assert around.mask is not None
        assert float(around.mask.sum()) > float((1 - fractions[0]).sum())
        image = picture(fractions, torch.zeros(SIDE, SIDE, SIDE), seed(k), scene(seed(k)), around)
        assert float(image[(fractions[0] > 0) & (around.mask > 0.5)].mean()) > 0.02


def test_the_levels_of_tissues_do_not_depend_on_the_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    fractions, flat = brain(), torch.zeros(SIDE, SIDE, SIDE)
    around = {share: masks(share, monkeypatch)[1] for share in ("exact", "tight", "loose")}
    levels = {}
    for share, mask in around.items():
        image = normalise(picture(fractions, flat, seed(3), scene(seed(3)), mask))
        levels[share] = [float(image[fractions[channel] > 0].mean()) for channel in (WHITE, CORTEX)]
    assert levels["tight"] == pytest.approx(levels["exact"], abs=0.1)
    assert levels["loose"] == pytest.approx(levels["exact"], abs=0.1)


def test_thick_slices_keep_the_mean_and_blur_one_axis() -> None:
    image = torch.rand(24, 24, 24, generator=seed(1))
    for across in range(3):
        blurred = thick_slices(image, across, 5.0)
        assert float(blurred.mean()) == pytest.approx(float(image.mean()), abs=0.01)
        steps = [float((blurred.diff(dim=axis) ** 2).mean() / (image.diff(dim=axis) ** 2).mean()) for axis in range(3)]
        assert steps[across] == min(steps) < 0.5 * max(steps)


@pytest.mark.parametrize("number", range(4))
def test_two_states_of_a_person_differ_in_noise_and_tissue_alone(number: int) -> None:
    fractions, flat = brain(), torch.zeros(SIDE, SIDE, SIDE)
    drawn, around, generator = scene(seed(number)), Surroundings(None, flat), seed(9)
    first, second = (picture(fractions, flat, generator, drawn, around) for _ in range(2))
    assert not torch.equal(first, second)
    whole = fractions[WHITE] > 0
    assert float((first - second)[whole].mean().abs()) < 0.005
    still = dataclasses.replace(drawn, noise=-0.005 / 0.045)  # no noise at all
    assert torch.equal(*(picture(fractions, flat, generator, still, around) for _ in range(2)))


def test_a_picture_is_a_function_of_its_seed() -> None:
    fractions, flat = brain(), torch.zeros(SIDE, SIDE, SIDE)
    around = Surroundings(None, flat)
    one, same, other = (picture(fractions, flat, seed(k), scene(seed(k)), around) for k in (5, 5, 6))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
