"""Phantoms from a lab's own label maps: read once, dealt by seed, disjoint between training and test."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.cohort.grid import grid
from pcgm_bench.cohort.phantom import anatomy_import
from pcgm_bench.cohort.phantom import templates
from pcgm_bench.cohort.phantom.anatomy_import import import_anatomies
from pcgm_bench.cohort.phantom.anatomy_import import label_maps_in
from pcgm_bench.cohort.phantom.anatomy_store import ABOUT
from pcgm_bench.cohort.phantom.anatomy_store import KeptAnatomy
from pcgm_bench.cohort.phantom.anatomy_store import about_anatomy
from pcgm_bench.cohort.phantom.anatomy_store import anatomy_folder
from pcgm_bench.cohort.phantom.draw import anatomy_of
from pcgm_bench.cohort.phantom.draw import draw
from pcgm_bench.cohort.phantom.population import MEDIAN_ML
from pcgm_bench.cohort.phantom.population import planned_volumes
from pcgm_bench.cohort.phantom.recipe import Recipe
from pcgm_bench.cohort.phantom.roster import training_controls
from pcgm_bench.cohort.phantom.template import load_template
from pcgm_bench.cohort.phantom.templates import MARGIN
from pcgm_bench.cohort.phantom.templates import anatomies_for
from pcgm_bench.cohort.phantom.templates import anatomy_key
from pcgm_bench.cohort.phantom.templates import template_for
from pcgm_bench.cohort.phantom.warp import Shape
from pcgm_bench.cohort.phantom.warp import place
from pcgm_bench.contracts import UserError
from pcgm_bench.contracts import silent

KEYS = tuple(f"map{number}" for number in range(5))
ROOMY = dict.fromkeys(LOBE_NAMES, 1.0)
LARGEST = {"a.nii.gz": 2000.0, "b.nii.gz": 1500.0, "long.nii.gz": 1100.0}
"""mL of the largest head that fits the grids, of the maps that are read below."""


def know(home: Path, key: str, most: dict[str, float], largest: float = 3000.0) -> None:
    folder = anatomy_folder(key, home)
    folder.mkdir(parents=True)
    (folder / ABOUT).write_text(json.dumps({"file": f"{key}.mgz", "most": most, "largest_ml": largest}))


def save(path: Path, labels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.MGHImage if path.suffix == ".mgz" else nib.Nifti1Image
    nib.save(image(labels.astype(np.int32), np.diag([-1.0, 1.0, 1.0, 1.0])), path)


def test_training_and_test_people_share_no_anatomy(tmp_path: Path) -> None:
    for key in KEYS:
        know(tmp_path, key, ROOMY)
    test, training = Recipe(seed=14, anatomies=KEYS), Recipe.training(anatomies=KEYS)
    assert not set(anatomies_for(test)) & set(anatomies_for(training))
    assert {*anatomies_for(test), *anatomies_for(training)} == set(KEYS)
    people = {visit.person.subject: visit.person for visit in test.visits()}.values()
    dealt = {who.subject: anatomy_key(test, who, tmp_path) for who in people}
    assert set(dealt.values()) == set(anatomies_for(test))
    assert max(list(dealt.values()).count(key) for key in KEYS) < 0.7 * len(dealt)
    for_training = {anatomy_key(training, visit.person, tmp_path) for visit in training_controls()}
    assert for_training == set(anatomies_for(training))
    who = next(iter(people))
    assert anatomy_key(test, who.under({"diagnosis": "AUD"}), tmp_path) == dealt[who.subject]
    alone = replace(test, anatomies=KEYS[:1])
    assert anatomies_for(alone) == anatomies_for(replace(training, anatomies=KEYS[:1])) == KEYS[:1]


def test_an_anatomy_that_is_too_small_is_not_dealt_and_named_when_there_is_no_other(tmp_path: Path) -> None:
    small = {**ROOMY, "insula": 0.002}
    for key in KEYS:
        know(tmp_path, key, small if key == "map1" else ROOMY)
    recipe = Recipe(seed=14, anatomies=KEYS)
    who = recipe.visits()[0].person
    share = planned_volumes(who, 0, 0.0, "null")["insula"] / who.icv
    know(tmp_path, "tight", {**ROOMY, "insula": share * 1.01})
    assert anatomy_key(replace(recipe, anatomies=("tight",)), who, tmp_path) == "tight"
    assert anatomy_key(replace(recipe, anatomies=("a", "tight", "b", "map3")), who, tmp_path) == "map3"
    assert {anatomy_key(recipe, visit.person, tmp_path) for visit in recipe.visits()} == {"map3"}
    message = (
        r"sub-aud000: none of 1 anatomies .* map1\.mgz comes closest, with \d.\d mL of the \d+.\d mL of the insula"
    )
    with pytest.raises(UserError, match=message):
        template_for(replace(recipe, anatomies=("map1",)), who, tmp_path)


def test_anatomies_of_another_home_are_asked_for(tmp_path: Path) -> None:
    recipe = Recipe(anatomies=("gone",))
    for home in (tmp_path, None):
        with pytest.raises(UserError, match=r"the anatomy gone is not in .*: make the cohort again with --anatomies"):
            template_for(recipe, recipe.visits()[0].person, home)


def test_a_recipe_with_anatomies_is_told_by_its_name_and_read_back() -> None:
    recipe = Recipe(seed=14, anatomies=KEYS, scanner="A")
    assert recipe.name.endswith("-n100-scannerA-anatomies5")
    assert Recipe(**json.loads(json.dumps(vars(recipe)))) == recipe


def test_label_maps_are_found_in_a_folder_or_a_subjects_dir(tmp_path: Path) -> None:
    labels = np.ones((8, 8, 8))
    for name in ("b.nii.gz", "a.mgz"):
        save(tmp_path / "flat" / name, labels)
    (tmp_path / "flat" / "notes.txt").write_text("")
    assert [path.name for path in label_maps_in(tmp_path / "flat")] == ["a.mgz", "b.nii.gz"]
    for subject in ("s1", "s2"):
        save(tmp_path / "subjects" / subject / "mri" / "aparc+aseg.mgz", labels)
    assert [path.parts[-3] for path in label_maps_in(tmp_path / "subjects")] == ["s1", "s2"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no label maps there"):
        label_maps_in(tmp_path / "empty")
    with pytest.raises(UserError, match="no such folder"):
        label_maps_in(tmp_path / "nowhere")


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the maps that were read; what is known of them is `LARGEST`, and no template is made."""
    read: list[str] = []

    def keep(_template: object, file: str, kept: Path) -> None:
        kept.mkdir(parents=True)
        (kept / ABOUT).write_text(json.dumps({"file": file, "most": ROOMY, "largest_ml": LARGEST[file]}))
        read.append(file)

    monkeypatch.setattr(anatomy_import, "template_of_labels", lambda _image, _built_in, name: name)
    monkeypatch.setattr(anatomy_import, "load_template", lambda _home: None)
    monkeypatch.setattr(anatomy_import, "code_digest", lambda _code: "code")
    monkeypatch.setattr(anatomy_import, "_keep", keep)
    return read


def test_maps_are_read_once_and_known_by_content(tmp_path: Path, read: list[str]) -> None:
    first, second = np.zeros((8, 8, 8)), np.full((8, 8, 8), 2035)
    for name, labels in (("a.nii.gz", first), ("b.nii.gz", second), ("again.mgz", first)):
        save(tmp_path / "maps" / name, labels)
    keys = import_anatomies(tmp_path / "maps", tmp_path, silent)
    assert (len(keys), read) == (2, ["a.nii.gz", "b.nii.gz"])
    assert import_anatomies(tmp_path / "maps", tmp_path, silent) == keys
    assert len(read) == 2
    assert KeptAnatomy("b.nii.gz", ROOMY, 1500.0) in [about_anatomy(key, tmp_path) for key in keys]
    (tmp_path / "maps" / "c.nii.gz").write_bytes(b"not an image")
    with pytest.raises(UserError, match=r"c\.nii\.gz: not a readable NIfTI image"):
        import_anatomies(tmp_path / "maps", tmp_path, silent)


def test_a_head_that_does_not_fit_is_left_out_and_named(tmp_path: Path, read: list[str]) -> None:
    for number, name in enumerate(("long.nii.gz", "a.nii.gz")):
        save(tmp_path / "maps" / name, np.full((8, 8, 8), number))
    told: list[str] = []
    keys = import_anatomies(tmp_path / "maps", tmp_path, lambda what, _done, _total: told.append(what))
    assert [about_anatomy(key, tmp_path).file for key in keys] == ["a.nii.gz"]
    assert [what for what in told if what != "read anatomies"] == [
        "left out: long.nii.gz fits the grid up to a head of 1100 mL only, 1200 mL are needed"
    ]
    (tmp_path / "maps" / "a.nii.gz").unlink()
    with pytest.raises(UserError, match=r"no head there fits the grid at 1200 mL .long.nii.gz fits .* 1100 mL only.:"):
        import_anatomies(tmp_path / "maps", tmp_path, silent)


def test_a_large_head_gets_an_anatomy_that_fits_the_grid_at_its_size(tmp_path: Path) -> None:
    recipe = Recipe(seed=14, anatomies=KEYS)
    heads = sorted(visit.person.icv for visit in recipe.visits())
    border = (heads[99] + heads[100]) / 2
    for key in KEYS:
        know(tmp_path, key, ROOMY, border if key == "map1" else heads[-2])
    fitting = [visit.person for visit in recipe.visits() if visit.person.icv < heads[-1]]
    dealt = {who.icv: anatomy_key(recipe, who, tmp_path) for who in fitting}
    assert {key for head, key in dealt.items() if head <= border} == {"map1", "map3"}
    assert {key for head, key in dealt.items() if head > border} == {"map3"}
    largest = max((visit.person for visit in recipe.visits()), key=lambda who: who.icv)
    message = rf"sub-{largest.subject}: none of 2 anatomies fits the grid at a head of {heads[-1]:.0f} mL: map3\.mgz"
    with pytest.raises(UserError, match=message):
        anatomy_key(recipe, largest, tmp_path)


def test_the_largest_head_is_the_largest_that_is_placed(template_home: Path, one_thread: None) -> None:
    built_in = replace(load_template(template_home), is_average=False)
    largest = anatomy_import.largest_head(built_in)
    nothing = Shape(0, strength=0.0)
    place(built_in, grid("3mm"), nothing, largest, 25.0)
    with pytest.raises(UserError, match="does not fit the 3mm grid"):
        place(built_in, grid("3mm"), nothing, 1.06 * largest, 25.0)


def test_people_are_drawn_from_the_template_they_are_dealt(
    template_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_thread: None
) -> None:
    built_in = load_template(template_home)
    most = anatomy_import._most(built_in, anatomy_import.TRIED_ML)
    plain = Recipe(seed=14, per_group=2)
    visit = plain.visits()[-1]
    healthy = planned_volumes(visit.person.under({"diagnosis": "control"}), 0, 0.0, "null")
    assert all(
        healthy[lobe] / visit.person.icv < MARGIN * most[lobe] < 2 * MEDIAN_ML[lobe] / 1289 for lobe in LOBE_NAMES
    )
    know(tmp_path, "other", most)
    asked = []
    monkeypatch.setattr(templates, "load_anatomy", lambda key, _home: asked.append(key) or built_in)
    recipe = replace(plain, anatomies=("other",))
    image, _ = draw(recipe, visit, tmp_path)
    assert asked == ["other"]
    assert np.array_equal(image, draw(plain, visit, template_home)[0])
    with pytest.raises(UserError, match=r"sub-aud10001 of other\.mgz: the insula lobe cannot be brought to"):
        anatomy_of(recipe, visit, {"insula": 3.0}, tmp_path)
