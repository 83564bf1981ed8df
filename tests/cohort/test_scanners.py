"""Scanners of the phantom: what each does to an image, and that the oracle is scanned by the person's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage as ndi

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.cohort.phantom.acquisition import acquire
from pcgm_bench.cohort.phantom.acquisition import moved
from pcgm_bench.cohort.phantom.anatomy import Anatomy
from pcgm_bench.cohort.phantom.cohort import PhantomCohort
from pcgm_bench.cohort.phantom.draw import anatomy_of
from pcgm_bench.cohort.phantom.draw import noise_seed
from pcgm_bench.cohort.phantom.draw import show
from pcgm_bench.cohort.phantom.make import make
from pcgm_bench.cohort.phantom.population import planned_volumes
from pcgm_bench.cohort.phantom.recipe import Recipe
from pcgm_bench.cohort.phantom.render import render
from pcgm_bench.cohort.phantom.roster import Visit
from pcgm_bench.cohort.phantom.scanners import DEFAULT
from pcgm_bench.cohort.phantom.scanners import SCANNERS
from pcgm_bench.cohort.phantom.scanners import Scanner

WHITE = CHANNELS.index("white_matter")
RECIPE = Recipe(seed=14, per_group=2, effect="literature")
HARD = [name for name in SCANNERS if name != DEFAULT]
WIDTH = {"default": 0, "A": 4, "B": 0, "C": 3}
"""Voxels (3 mm) that a change is spread over by blur and slices."""


@pytest.fixture(scope="module")
def patient() -> Visit:
    return RECIPE.visits()[-1]


@pytest.fixture(scope="module")
def pairs(template_home: Path, patient: Visit, one_thread: None) -> dict[str, tuple[Anatomy, Anatomy]]:
    """Mechanism -> the patient's anatomy, and the same person's without the disease. No scanner changes anatomy."""
    return {
        mechanism: tuple(
            anatomy_of(replace(RECIPE, mechanism=mechanism), patient, {"diagnosis": name}, template_home)
            for name in ("AUD", "control")
        )
        for mechanism in ("pial", "mixed")
    }  # type: ignore[return-value]


@pytest.mark.parametrize("mechanism", ["pial", "mixed"])
@pytest.mark.parametrize("scanner", list(SCANNERS))
def test_with_the_same_noise_an_oracle_differs_where_tissue_does(
    pairs: dict[str, tuple[Anatomy, Anatomy]], patient: Visit, scanner: str, mechanism: str
) -> None:
    recipe = replace(RECIPE, scanner=scanner)
    now, then = pairs[mechanism]
    noise = noise_seed(patient, {}, None)
    change = show(recipe, patient, then, noise) - show(recipe, patient, now, noise)
    # Ventricles that open move white matter, and the detail in it, without changing how much there is in a voxel.
    changed = (np.abs(then.fractions - now.fractions).max(0) > 1e-6) | (then.texture != now.texture)
    near = ndi.binary_dilation(changed, iterations=WIDTH[scanner]) if WIDTH[scanner] else changed
    assert 0.02 < near.mean() < 0.45  # not everywhere
    inside = float((change[near] ** 2).sum() / (change**2).sum())
    if SCANNERS[scanner].motion_mm:
        assert 0.97 < inside < 1  # a head that moves leaves ghosts of a change along one axis
    else:
        assert inside > 0.9999


@pytest.mark.parametrize("scanner", list(SCANNERS))
def test_fresh_noise_changes_the_image_and_no_volume(
    pairs: dict[str, tuple[Anatomy, Anatomy]], patient: Visit, scanner: str
) -> None:
    recipe, do, anatomy = replace(RECIPE, scanner=scanner), {"diagnosis": "control"}, pairs["pial"][1]
    images = [show(recipe, patient, anatomy, noise_seed(patient, do, seed)) for seed in (None, 0, 1)]
    assert len({image.tobytes() for image in images}) == 3
    planned = planned_volumes(patient.person.under(do), patient.number, patient.years, recipe.effect)
    for name, volume in planned.items():
        assert anatomy.volumes[name] == pytest.approx(volume, rel=5e-3)
    brain = anatomy.fractions[0] < 0.01
    difference = (images[1] - images[2])[brain]
    # The s.d. of a difference of two noises; slices are interpolated, which averages.
    expected = SCANNERS[scanner].noise * np.sqrt(2)
    assert (0.5 if SCANNERS[scanner].slices_mm else 0.95) < difference.std() / expected < 2
    # Tissue fractions explain nothing of it: no tissue got larger, smaller, darker or brighter.
    design = anatomy.fractions[1:, brain].T.astype(float)
    slope, *_ = np.linalg.lstsq(design, difference, rcond=None)
    assert np.abs(slope).max() < 0.01


def test_the_scanners_differ_as_they_say(pairs: dict[str, tuple[Anatomy, Anatomy]], patient: Visit) -> None:
    anatomy = pairs["pial"][0]
    images = {s: show(replace(RECIPE, scanner=s), patient, anatomy, 3) for s in SCANNERS}
    white, grey = anatomy.fractions[WHITE] > 0.95, anatomy.fractions[CHANNELS.index(LOBE_NAMES[0]) :].sum(0) > 0.9
    contrast = {s: 1 - image[grey].mean() / image[white].mean() for s, image in images.items()}
    assert contrast["B"] > contrast["default"] > contrast["A"]
    sharp = {s: np.abs(np.diff(image, axis=2)).mean() / image[white].mean() for s, image in images.items()}
    assert sharp["default"] > max(sharp["A"], sharp["C"])
    assert all(not np.array_equal(images[s], images[DEFAULT]) for s in HARD)


def test_thick_slices_keep_the_signal_and_blur_one_axis() -> None:
    point = np.zeros((9, 9, 56))
    point[4, 4, 28] = 1
    seen = acquire(point, Scanner(noise=0.0, slices_mm=5.0), 3.0, 0)
    assert seen.sum() == pytest.approx(1, rel=0.35)  # interpolation keeps the mean of slices, not of every voxel
    assert np.count_nonzero(seen.sum((0, 1))) > 2
    assert np.count_nonzero(seen.sum(2)) == 1
    even = acquire(np.ones((4, 4, 84)), Scanner(noise=0.0, slices_mm=5.0), 2.0, 0)
    assert even == pytest.approx(1)


def test_a_head_that_does_not_move_is_not_changed_and_one_that_does_is_a_little() -> None:
    noise = ndi.gaussian_filter(np.random.default_rng(0).standard_normal((16, 18, 16)), 1.5)
    image = np.pad(noise, 4)
    still = moved(image, Scanner(motion_mm=1e-9), 3.0, 1)
    assert np.abs(still - image).max() < 1e-6
    once, again, other = (moved(image, Scanner(motion_mm=1.0, motion_degrees=1.0), 3.0, seed) for seed in (1, 1, 2))
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)
    assert 0 < np.abs(np.abs(once) - np.abs(image)).mean() < 0.5 * image.std()


def test_two_scanners_are_dealt_evenly(template_home: Path, tmp_path: Path) -> None:
    for recipe in (Recipe(seed=14, scanner="mix"), Recipe("synthesis", seed=14, scanner="mix")):
        people = {visit.person.subject: visit.person for visit in recipe.visits()}
        frame = pd.DataFrame(
            [(who.diagnosis, who.sex, recipe.scanner_name(name)) for name, who in people.items()],
            columns=["diagnosis", "sex", "scanner"],
        )
        counts = frame.value_counts().unstack("scanner")
        assert (counts["A"] - counts["B"]).abs().max() <= 1
        assert frame["scanner"].value_counts().tolist() == [100, 100]
    cohort = make(tmp_path / "mix", Recipe(seed=14, per_group=2, scanner="mix"), template_home)
    assert cohort.folder.name == "mix"
    assert Recipe(seed=14, per_group=2, scanner="mix").name == "phantom-aud-demo-pial-seed14-3mm-n2-scannermix"
    assert _column(cohort) == [cohort.recipe.scanner_name(scan.subject) for scan in cohort]
    for scan in (cohort[0], cohort[3]):
        assert np.array_equal(cohort.oracle(scan, {}, None), scan.image)
    assert sorted(_column(cohort)) == ["A", "A", "B", "B"]


def _column(cohort: PhantomCohort) -> list[str]:
    files = [cohort.folder / f"sub-{scan.subject}" / f"sub-{scan.subject}_sessions.tsv" for scan in cohort]
    return [str(pd.read_csv(path, sep="\t")["scanner"][0]) for path in files]


def test_lobes_are_named() -> None:
    assert len(SCANNERS[DEFAULT].means) + len(LOBE_NAMES) - 1 == len(CHANNELS)


def test_white_matter_is_darker_near_its_surface_and_not_by_how_thick_cortex_is(
    pairs: dict[str, tuple[Anatomy, Anatomy]],
) -> None:
    plain = replace(SCANNERS[DEFAULT], noise=0.0, bias=0.0)
    anatomy = pairs["pial"][0]
    thinner = anatomy.fractions.copy()
    thinner[1] += 0.3 * thinner[CHANNELS.index(LOBE_NAMES[0]) :].sum(0)
    thinner[CHANNELS.index(LOBE_NAMES[0]) :] *= 0.7
    image, thin = (render(which, 3, 4, plain) for which in (anatomy, replace(anatomy, fractions=thinner)))
    even = render(anatomy, 3, 4, replace(plain, superficial=0.0))
    white = anatomy.fractions[WHITE]
    darker = (even - image) / (plain.white_matter - plain.grey)
    assert 0.08 < darker[(white > 0.4) & (white < 0.6)].mean() < 0.18  # half white, at the surface: .5 x .5 x .52
    assert np.quantile(darker[white > 0.999], 0.25) < 0.02
    assert np.abs(image - thin)[white > 0.999].max() < 5e-4
