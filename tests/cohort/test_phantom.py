"""The phantom: planned volumes, mechanisms, population, oracle, and the dataset it writes."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.cohort.grid import grid as grid_called
from pcgm_bench.cohort.phantom import draw
from pcgm_bench.cohort.phantom import population
from pcgm_bench.cohort.phantom.anatomy import build
from pcgm_bench.cohort.phantom.cohort import PhantomCohort
from pcgm_bench.cohort.phantom.draw import anatomy_of
from pcgm_bench.cohort.phantom.make import make
from pcgm_bench.cohort.phantom.population import person
from pcgm_bench.cohort.phantom.population import planned_volumes
from pcgm_bench.cohort.phantom.population import wanted_shape
from pcgm_bench.cohort.phantom.recipe import Recipe
from pcgm_bench.cohort.phantom.roster import aud_study
from pcgm_bench.cohort.phantom.roster import training_controls
from pcgm_bench.cohort.phantom.surfaces import Surfaces
from pcgm_bench.cohort.phantom.surfaces import solve
from pcgm_bench.cohort.phantom.template import load_template
from pcgm_bench.cohort.phantom.template_fields import CORNER
from pcgm_bench.cohort.phantom.template_fields import FIELDS
from pcgm_bench.cohort.phantom.template_fields import Template
from pcgm_bench.cohort.phantom.training import DrawnTrainingScans
from pcgm_bench.cohort.phantom.warp import Shape
from pcgm_bench.cohort.phantom.warp import place
from pcgm_bench.contracts import SegmenterOptions
from pcgm_bench.contracts import UserError
from pcgm_bench.segmenters.truth import TruthSegmenter


@pytest.fixture(scope="session")
def template(template_home: Path) -> Template:
    return load_template(template_home)


@pytest.fixture(scope="session")
def cohort(template: Template, template_home: Path) -> PhantomCohort:
    return make(template_home / "cohort", Recipe(seed=12, per_group=2), template_home)


@pytest.mark.parametrize("seed", [6, 51, 25])
def test_the_largest_head_of_a_cohort_fits(template: Template, seed: int) -> None:
    who = max((visit.person for visit in aud_study(seed)), key=lambda one: one.icv)
    points = place(template, grid_called("3mm"), Shape(who.seed, wanted_shape(who)), who.icv, 25.0)
    assert who.icv > 1800
    assert (points.fields["hull"] > 0).sum() * points.millilitres == pytest.approx(who.icv, rel=0.02)


def test_a_head_beyond_the_grid_is_refused(template: Template) -> None:
    with pytest.raises(UserError, match="2600 mL does not fit the 3mm grid"):
        place(template, grid_called("3mm"), Shape(1), 2600.0, 25.0)


@pytest.mark.parametrize(("age", "sex"), [(14.0, "F"), (48.0, "M"), (82.0, "F")])
def test_planned_volumes_are_hit(template: Template, age: float, sex: str) -> None:
    who = person(13, int(age), "aud", population.CONTROL, age, sex)
    planned = planned_volumes(who, 0, 0.0, "null")
    anatomy = build(template, grid_called("3mm"), Shape(who.seed, wanted_shape(who)), who.icv, planned)
    for name, volume in planned.items():
        assert anatomy.volumes[name] == pytest.approx(volume, rel=0.005)
    assert sum(anatomy.volumes.values()) == pytest.approx(who.icv, rel=0.005)
    assert sum(anatomy.parcels.values()) == pytest.approx(sum(planned[k] for k in LOBE_NAMES), rel=1e-3)
    assert np.allclose(anatomy.fractions.sum(0), 1, atol=1e-5)
    assert anatomy.fractions.min() > -1e-6
    inside = 1 - anatomy.fractions[0]
    assert all(np.take(inside, edge, axis=axis).max() == 0 for axis in range(3) for edge in (0, -1))


def test_pial_and_mixed_mechanisms(template_home: Path, template: Template) -> None:
    visit = aud_study(14, 2)[-1]
    pial, mixed = (Recipe(seed=14, per_group=2, mechanism=m) for m in ("pial", "mixed"))
    ill, mixed_ill = (anatomy_of(recipe, visit, {}, template_home) for recipe in (pial, mixed))
    well = anatomy_of(pial, visit, {"diagnosis": "control"}, template_home)
    for name, effect in population.EFFECTS["demo"].items():
        for anatomy in (ill, mixed_ill):
            assert anatomy.volumes[name] / well.volumes[name] - 1 == pytest.approx(effect, abs=1e-3)
    unchanged = [CHANNELS.index(n) for n in ("white_matter", "ventricles", "deep_grey", "cerebellum_brainstem")]
    assert np.array_equal(ill.fractions[unchanged], well.fractions[unchanged])
    lost = sum(well.volumes[k] - ill.volumes[k] for k in LOBE_NAMES)
    assert mixed_ill.volumes["white_matter"] - well.volumes["white_matter"] == pytest.approx(0.3 * lost, rel=0.2)


def test_the_3mm_solution_holds_on_a_finer_grid(template: Template) -> None:
    """The same surface shifts, counted on the 2 mm grid, give the same volumes."""
    who = person(15, 3, "aud", population.CONTROL, 50.0, "F")
    planned = planned_volumes(who, 0, 0.0, "null")
    form = Shape(who.seed, wanted_shape(who))
    shifts = build(template, grid_called("3mm"), form, who.icv, planned).shifts
    surfaces = Surfaces(place(template, grid_called("2mm"), form, who.icv, planned["ventricles"]), 1.0)
    surfaces.set_ventricles(planned["ventricles"])
    volumes = surfaces.lobe_volumes(*surfaces.edges(np.array([shifts[k] for k in LOBE_NAMES]), np.zeros(6)))
    for lobe, volume in zip(LOBE_NAMES, volumes, strict=True):
        assert volume == pytest.approx(planned[lobe], rel=0.015)


def test_an_impossible_plan_is_refused(template: Template) -> None:
    who = person(15, 3, "aud", population.CONTROL, 50.0, "F")
    planned = planned_volumes(who, 0, 0.0, "null")
    surfaces = Surfaces(place(template, grid_called("3mm"), Shape(who.seed), who.icv, 20.0), 1.5)
    surfaces.set_ventricles(20.0)
    target = np.array([planned[k] for k in LOBE_NAMES])
    target[5] *= 4
    with pytest.raises(UserError, match="insula lobe cannot be brought to"):
        solve(surfaces, target, np.full(6, 0.3), np.zeros(6), move_white=False)


def test_population_comes_out_as_written() -> None:
    """Slopes of age, sex, head size and the residual spread, regressed back out of 3000 planned people."""
    rng = np.random.default_rng(0)
    ages, rows = rng.uniform(30, 60, 3000), []
    for i in range(3000):
        who = person(16, i, "aud", (population.CONTROL, population.CASE)[i // 2 % 2], float(ages[i]), "FM"[i % 2])
        volumes = planned_volumes(who, 0, 0.0, "demo")
        rows.append([np.log(who.icv), i % 2, ages[i] / 10, i // 2 % 2, *(np.log(volumes[k]) for k in LOBE_NAMES)])
    data = np.array(rows)
    design = np.column_stack([np.ones(3000), data[:, :4]])
    beta, *_ = np.linalg.lstsq(design, data[:, 4:], rcond=None)
    residual = data[:, 4:] - design @ beta
    for k, lobe in enumerate(LOBE_NAMES):
        error = 4 * residual[:, k].std() / np.sqrt(3000)
        assert beta[1, k] == pytest.approx(population.HEAD_SIZE_SLOPE, abs=error / data[:, 0].std() * 1.5)
        assert beta[3, k] == pytest.approx(population.DECADE_TO_60[lobe], abs=error)
        assert beta[4, k] == pytest.approx(np.log1p(population.EFFECTS["demo"][lobe]), abs=2 * error)
        assert residual[:, k].std() == pytest.approx(population.RESIDUAL_CV[lobe], rel=0.06)
    correlation = np.corrcoef(residual.T)[0, 1]
    assert correlation == pytest.approx(population.SHARED_SD**2 / (0.05 * 0.055), abs=0.06)


def test_cohorts_never_share_people() -> None:
    training = {visit.person.seed for visit in training_controls()}
    assert len(training_controls()) == 400
    for seed in (0, 1, 2):
        assert not training & {visit.person.seed for visit in aud_study(seed)}
    with pytest.raises(UserError, match="seed 1000 belongs to the training controls"):
        aud_study(1000)


def test_groups_are_matched_on_age() -> None:
    visits = aud_study(17, 100)
    ages = {d: [v.person.age for v in visits if v.person.diagnosis == d] for d in ("control", "AUD")}
    assert sorted(ages["control"]) == sorted(ages["AUD"])
    longitudinal = aud_study(17, 100, longitudinal=True)
    counts = np.unique([v.person.subject for v in longitudinal], return_counts=True)[1]
    assert 0.35 < (counts > 1).mean() < 0.65
    assert counts[counts > 1].mean() == pytest.approx(1 + 1 + 0.9, abs=1.0)


def test_dataset_is_bids_and_deterministic(cohort: PhantomCohort, template_home: Path, tmp_path: Path) -> None:
    again = make(tmp_path / "again", Recipe(seed=12, per_group=2), template_home)
    names = sorted(str(p.relative_to(cohort.folder)) for p in cohort.folder.rglob("*") if p.is_file())
    assert {"dataset_description.json", "participants.tsv", "truth.tsv", "phantom.json"} <= set(names)
    for name in names:
        assert (cohort.folder / name).read_bytes() == (again.folder / name).read_bytes(), name
    assert cohort.is_phantom
    assert cohort.table["diagnosis"].tolist() == ["control", "control", "AUD", "AUD"]
    assert cohort.planted["frontal"] == pytest.approx(4.5)
    assert cohort.planted.keys() == {*LOBE_NAMES, "ventricles"}


def test_oracle(cohort: PhantomCohort) -> None:
    scan = cohort[3]
    assert np.array_equal(cohort.oracle(scan, {}, None), scan.image)
    fresh = cohort.oracle(scan, {}, 0)
    assert not np.array_equal(fresh, scan.image)
    assert np.array_equal(fresh, cohort.oracle(scan, {}, 0))
    older = cohort.anatomy(scan, {"age": scan.age + 20})
    now = cohort.anatomy(scan, {})
    assert older.volumes["ventricles"] > now.volumes["ventricles"]
    assert older.volumes["frontal"] < now.volumes["frontal"]
    # What leaves the brain becomes CSF. CSF is what is left of a voxel, never below zero: hence not exact.
    assert sum(older.volumes.values()) == pytest.approx(sum(now.volumes.values()), rel=5e-4)
    with pytest.raises(UserError, match="knows only its own people"):
        cohort.oracle(dataclasses.replace(scan, subject="nobody"), {}, 0)
    with pytest.raises(UserError, match="unknown diagnosis 'flu'"):
        cohort.oracle(scan, {"diagnosis": "flu"}, 0)


def test_a_brain_that_is_placed_once_gives_the_same_images(cohort: PhantomCohort) -> None:
    first, second = cohort[0], cohort[2]
    alone = []
    for scan, do in ((first, {"frontal": 0.95}), (second, {}), (first, {"ventricles": 1.1}), (first, {})):
        draw._last.clear()
        alone.append(cohort.oracle(scan, do, 1))
    draw._last.clear()
    row = [cohort.oracle(scan, do, 1) for scan, do in ((first, {}), (first, {"frontal": 0.95}), (second, {}))]
    assert np.array_equal(row[0], alone[3])
    assert np.array_equal(row[1], alone[0])
    assert np.array_equal(row[2], alone[1])
    assert np.array_equal(cohort.oracle(first, {"ventricles": 1.1}, 1), alone[2])


def test_planted_is_what_the_truth_does(template_home: Path, tmp_path: Path) -> None:
    """Under ``mixed`` white matter moves, under ``literature`` ventricles do, and the frontal lobe more with age."""
    recipe = Recipe(seed=12, per_group=2, effect="literature", mechanism="mixed")
    cohort = make(tmp_path / "mixed", recipe, template_home)
    planted = cohort.planted
    assert planted["ventricles"] == pytest.approx(-12, abs=0.5)
    assert planted["occipital"] == 0
    assert planted["frontal"] > 2.8
    control, patient = (cohort.truth(cohort[0], {"diagnosis": name}).volumes for name in ("control", "AUD"))
    lost = 100 * (1 - patient["white_matter"] / control["white_matter"])
    assert abs(lost) > 0.1
    assert planted["white_matter"] == pytest.approx(lost, rel=0.3)


def test_a_subset_keeps_the_oracle(cohort: PhantomCohort) -> None:
    part = cohort.subset([cohort[1].subject])
    assert (len(part), part.has_truth) == (1, True)
    assert np.array_equal(part.oracle(part[0], {}, None), cohort[1].image)
    assert dict(part.planted) == dict(cohort.planted)


def test_the_truth_is_a_segmentation(cohort: PhantomCohort) -> None:
    scan = cohort[0]
    truth, anatomy = cohort.truth(scan, {}), cohort.anatomy(scan, {})
    assert np.array_equal(truth.fractions, anatomy.fractions)
    assert truth.head_size == pytest.approx(sum(anatomy.volumes.values()))
    assert truth.volumes["lh-insula"] == anatomy.parcels[1035]
    read = TruthSegmenter.open(SegmenterOptions(home=Path(), cohort=cohort)).segment(scan)
    assert dict(read.volumes) == dict(truth.volumes)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"effect": "huge"}, "unknown effect 'huge'"),
        ({"mechanism": "magic"}, "unknown mechanism 'magic'"),
        ({"grid": "5mm"}, "unknown grid '5mm'"),
        ({"per_group": 1}, "at least 2 people"),
        ({"seed": 1000}, "training controls"),
    ],
)
def test_bad_requests_write_nothing(tmp_path: Path, request_: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make(tmp_path / "out", Recipe(**request_))  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_a_full_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(UserError, match="not empty"):
        make(tmp_path, Recipe(per_group=2))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_training_scans_are_drawn_as_they_are_written(
    template: Template, template_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    visits = training_controls()
    few = [visits[2], visits[3]]
    assert few[0].person.subject == few[1].person.subject  # two visits of one person
    monkeypatch.setattr("pcgm_bench.cohort.phantom.recipe.training_controls", lambda: few)
    written = make(tmp_path / "written", Recipe.training(), template_home)
    drawn = DrawnTrainingScans("3mm", template_home)
    columns = ["subject", "session", "age", "sex", "diagnosis"]
    pd.testing.assert_frame_equal(drawn.table[columns], written.table[columns], check_dtype=False)
    assert len(drawn) == 2
    for index in range(2):
        np.testing.assert_array_equal(drawn[index].image, written[index].image)
        np.testing.assert_allclose(drawn[index].affine, written[index].affine)


def test_deep_structures_have_the_grey_levels_of_real_scans(template: Template) -> None:
    texture = template.fields[FIELDS.index("texture")]
    places = {"caudate": (13, 12, 10), "putamen": (26, 4, 2), "thalamus": (10, -20, 8), "pallidum": (20, -4, -1)}
    found = {}
    for name, mm in places.items():
        x, y, z = np.round(np.array(mm) - CORNER).astype(int)
        found[name] = float(texture[x - 1 : x + 2, y - 1 : y + 2, z - 1 : z + 2].mean())
    assert list(found) == sorted(found, key=found.__getitem__)
    assert found["thalamus"] - found["caudate"] == pytest.approx(0.85 - 0.40, abs=0.05)
    assert found["pallidum"] - found["putamen"] == pytest.approx(0.95 - 0.58, abs=0.1)
