"""Shapes of phantom people: drawn from real brains, without folds, ventricles of a real brain."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from scipy import ndimage as ndi

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.cohort.phantom import template_registration
from pcgm_bench.cohort.phantom.anatomy import enclosed_by_ventricles
from pcgm_bench.cohort.phantom.draw import anatomy_of
from pcgm_bench.cohort.phantom.label_maps import tissues_of
from pcgm_bench.cohort.phantom.population import person
from pcgm_bench.cohort.phantom.population import planned_volumes
from pcgm_bench.cohort.phantom.population import wanted_shape
from pcgm_bench.cohort.phantom.recipe import Recipe
from pcgm_bench.cohort.phantom.shape_model import CONDITIONED
from pcgm_bench.cohort.phantom.shape_model import load_shape_model
from pcgm_bench.cohort.phantom.template_registration import velocity_between
from pcgm_bench.cohort.phantom.velocity import KNOT_MM
from pcgm_bench.cohort.phantom.velocity import displacement_of
from pcgm_bench.cohort.phantom.ventricle_opening import LEVELS
from pcgm_bench.cohort.phantom.ventricle_opening import SPACING_MM
from pcgm_bench.cohort.phantom.ventricle_opening import displacement
from pcgm_bench.cohort.phantom.ventricle_opening import opening_of
from pcgm_bench.cohort.phantom.warp import Shape
from pcgm_bench.contracts import UserError

NOTHING = dict.fromkeys(LOBE_NAMES, 0.0)


def volume_change(displacement: np.ndarray, spacing: float) -> np.ndarray:
    """Determinant of the Jacobian of a map, from its displacement ``(3, X, Y, Z)`` in mm."""
    slopes = np.stack([np.stack(np.gradient(axis, spacing)) for axis in displacement])
    return np.asarray(np.linalg.det(np.moveaxis(slopes + np.eye(3)[:, :, None, None, None], (0, 1), (-2, -1))))


# In 0.1.0 ventricles were opened by a straight move, and these people had 39, 38, 15 and 6 such voxels.
@pytest.mark.parametrize("subject", ["aud092", "aud10078", "aud067", "aud10060"])
def test_large_ventricles_enclose_nothing(subject: str, template_home: Path) -> None:
    recipe = Recipe(seed=0)
    visit = next(visit for visit in recipe.visits() if visit.person.subject == subject)
    anatomy = anatomy_of(recipe, visit, {}, template_home)
    planned = planned_volumes(visit.person, 0, 0.0, "demo")
    assert planned["ventricles"] > 35
    assert anatomy.volumes["ventricles"] == pytest.approx(planned["ventricles"], rel=5e-3)
    assert enclosed_by_ventricles(anatomy.fractions) == 0


def two_horns() -> np.ndarray:
    """Signed distance to two flat walls, 6 mm thick and 12 mm apart, on a box of 48 x 48 x 48 mm."""
    mask = np.zeros((48, 48, 48), bool)
    mask[12:18, 10:38, 10:38] = mask[30:36, 10:38, 10:38] = True
    distance = np.where(mask, ndi.distance_transform_edt(mask) - 0.5, 0.5 - ndi.distance_transform_edt(~mask))
    return ndi.gaussian_filter(distance, 2.5)


def test_ventricles_open_and_close_without_folds() -> None:
    opening = opening_of(two_horns())
    sizes = []
    for amount in (float(LEVELS[0]), -2.0, 0.0, 3.5, 8.0, float(LEVELS[-1])):
        move = displacement(opening, amount)
        assert volume_change(move, SPACING_MM).min() > 0
        at = np.stack(np.meshgrid(*([np.arange(16) * 3.0 + 1] * 3), indexing="ij")) + move
        sizes.append(int((ndi.map_coordinates(two_horns(), at, order=1, mode="nearest") > 0).sum()))
    assert sizes == sorted(sizes)
    assert sizes[-1] > 2 * sizes[2] > 0
    assert not displacement(opening, 0.0).any()


@pytest.mark.parametrize("strength", [1.0, 1.5])
def test_shapes_do_not_fold(strength: float) -> None:
    for seed in range(6):
        velocity = Shape(seed, None, strength).velocity(is_average=True)
        move = displacement_of(torch.from_numpy(velocity)[None])[0].numpy()
        assert volume_change(move, KNOT_MM)[1:-1, 1:-1, 1:-1].min() > 0  # outside is no brain


def test_a_shape_has_what_its_person_was_planned_with() -> None:
    model = load_shape_model()
    middle = {**NOTHING, "ventricles": model.ventricles}
    drawn = {}
    for name, wanted in (
        ("middle", middle),
        ("large", {**middle, "frontal": 0.08, "ventricles": model.ventricles + 0.5}),
    ):
        scores = [model.draw(np.random.default_rng(seed), wanted) for seed in range(300)]
        drawn[name] = np.mean([model.response @ score for score in scores], 0)
    difference = dict(zip(CONDITIONED, drawn["large"] - drawn["middle"], strict=True))
    assert 0.02 < difference["frontal"] < 0.08
    assert 0.35 < difference["ventricles"] < 0.55


def test_the_shape_is_the_persons_whatever_is_done() -> None:
    who = person(15, 3, "hiv", "HIV", 50.0, "F")
    assert wanted_shape(who) == wanted_shape(who.under({"diagnosis": "control"}))


def test_registration_finds_a_known_move(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template_registration, "BLURS", ((2, 25), (1, 25)))
    x, y = 2, -1
    rng = np.random.default_rng(3)
    tissue = np.stack([ndi.gaussian_filter(rng.standard_normal((28, 32, 28)), 2.5) for _ in range(6)])
    tissue = np.clip(0.5 + 4 * tissue, 0, 1).astype(np.float32)
    moved = np.roll(tissue, (x, y), (1, 2))
    found = velocity_between(tissue, moved)
    middle = displacement_of(torch.from_numpy(found)[None])[0, :, 4:-4, 4:-4, 4:-4].mean((1, 2, 3)).numpy()
    assert middle == pytest.approx([-3.0 * x, -3.0 * y, 0.0], abs=1.2)


def ball(radius: float, centre: tuple[float, float, float] = (32, 32, 32)) -> np.ndarray:
    x, y, z = np.indices((64, 64, 64), np.float32)
    return (x - centre[0]) ** 2 + (y - centre[1]) ** 2 + (z - centre[2]) ** 2 < radius**2


def head() -> np.ndarray:
    """A ball of a brain with FreeSurfer's numbers, 2.5 mm voxels; specks and a canal outside it."""
    labels = np.zeros((64, 64, 64), np.int16)
    labels[ball(28)] = 24
    labels[ball(26)] = 3
    labels[ball(22)] = 2
    labels[ball(7)] = 4
    labels[31:33, 31:33, :5] = 24
    labels[1, 1, 1] = 24
    labels[ball(3, (5, 5, 60))] = 515
    return labels


def test_a_label_map_becomes_tissues() -> None:
    tissues = tissues_of(nib.Nifti1Image(head(), np.diag([2.5, 2.5, 2.5, 1.0])), "map")
    assert not tissues.hull[1, 1, 1]
    assert not tissues.hull[32, 32, 1]
    assert tissues.cortex.sum() == (head() == 3).sum()
    assert tissues.ventricles.sum() == (head() == 4).sum()
    assert not tissues.parcel.any()


@pytest.mark.parametrize("plexus", [31, 63, 136, 137, 163, 164])
def test_choroid_plexus_belongs_to_the_ventricles(plexus: int) -> None:
    labels = head()
    labels[ball(2)] = plexus
    tissues = tissues_of(nib.Nifti1Image(labels, np.diag([2.5, 2.5, 2.5, 1.0])), "map")
    assert (tissues.ventricles == ball(7)).all(), "no lump of another tissue lies inside them"
    assert not tissues.deep.any()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda labels: labels * 0.5, "not a label map"),
        (lambda labels: np.where(labels == 2, 0, labels), "mL of white matter"),
        (lambda labels: np.where(labels == 4, 2, labels), "0 mL of ventricles"),
        (lambda labels: np.stack([labels, labels], 3), "not a label map"),
    ],
)
def test_what_is_no_label_map_is_refused(damage: object, message: str) -> None:
    image = nib.Nifti1Image(np.asarray(damage(head()), np.float32), np.diag([2.5, 2.5, 2.5, 1.0]))  # type: ignore[operator]
    with pytest.raises(UserError, match=f"map.nii: .*{message}"):
        tissues_of(image, "map.nii")
