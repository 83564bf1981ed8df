"""Real scans with label maps as training material, tried on a made-up head."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage as ndi

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.cohort.deformation.deform import REGIONS
from pcgm_bench.contracts import UserError
from pcgm_bench.segmenters.unet.fitting import labelled_scans
from pcgm_bench.segmenters.unet.fitting.labelled_scans import LabelledScan
from pcgm_bench.segmenters.unet.fitting.labelled_scans import read_labelled
from pcgm_bench.segmenters.unet.fitting.labelled_scans import scans_in
from pcgm_bench.segmenters.unet.fitting.labelled_scans import states
from tests.cohort.deformation_heads import CENTRE
from tests.cohort.deformation_heads import INTENSITY
from tests.cohort.deformation_heads import G
from tests.cohort.deformation_heads import true_fractions

LABELS = {"ventricles": 4, "white_matter": 2, "frontal": 3, "occipital": 3}
LOBES = slice(CHANNELS.index(LOBE_NAMES[0]), None)


def points() -> np.ndarray:
    return np.moveaxis(np.indices(G.shape), 0, -1) * 3.0 + G.affine[:3, 3]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A head of a brain's size on the grid, its label map, and the same with a skull."""
    made = tmp_path_factory.mktemp("scans")
    fractions = true_fractions(points(), white=50, thick=6, gap=5)
    image = sum(INTENSITY.get(name, 0.0) * fractions[k] for k, name in enumerate(CHANNELS)).astype(np.float32)
    labels = sum(number * fractions[CHANNELS.index(name)] for name, number in LABELS.items()).astype(np.int16)
    skull = np.linalg.norm(points() - CENTRE, axis=-1) > 62
    for ending, data in (("T1w", image), ("dseg", labels), ("head", np.where(skull, np.float32(0.5), image))):
        nib.save(nib.Nifti1Image(data, G.affine), made / f"01_{ending}.nii.gz")
    return made


@pytest.fixture
def scan(folder: Path, template_home: Path, monkeypatch: pytest.MonkeyPatch) -> LabelledScan:
    """It, taken as lying on the template already."""
    still = np.zeros((3, 28, 32, 28), np.float32)
    monkeypatch.setattr(labelled_scans, "laid_on_template", lambda *_: (np.eye(4), still))
    return read_labelled(scans_in(folder)[0], template_home)


def test_fractions_are_the_label_maps(scan: LabelledScan) -> None:
    true = true_fractions(points(), white=50, thick=6, gap=5)
    assert np.allclose(scan.fractions.sum(0), 1, atol=1e-5)
    for name in ("ventricles", "white_matter", "csf", "background"):
        channel = CHANNELS.index(name)
        # The hull of the label map is rounded, by a few voxels.
        assert (np.abs(scan.fractions[channel] - true[channel]) > 0.02).sum() < 20, name
    assert (np.abs(scan.fractions[LOBES].sum(0) - true[LOBES].sum(0)) > 0.02).sum() < 20


def test_lobes_are_the_templates_at_that_place(scan: LabelledScan) -> None:
    weights = {name: scan.fractions[CHANNELS.index(name)] for name in LOBE_NAMES}
    y = {name: float((points()[..., 1] * w).sum() / w.sum()) for name, w in weights.items()}
    assert y["frontal"] > 0 > y["parietal"] > y["occipital"]
    inside = scan.fractions[0] < 0.5
    assert np.allclose(np.moveaxis(scan.place, 0, -1)[inside], points()[inside], atol=1e-3)
    assert np.isnan(scan.place[:, scan.fractions[0] == 1]).all()


def test_the_image_shows_the_skull_where_it_is_known(scan: LabelledScan) -> None:
    assert scan.with_skull
    assert float(scan.image[np.linalg.norm(points() - CENTRE, axis=-1) > 65].min()) == pytest.approx(0.5)
    inside = scan.fractions[0] < 0.5
    assert np.array_equal(scan.image[inside], scan.aligned.image[inside])


@pytest.mark.parametrize("index", [REGIONS.index("frontal"), len(REGIONS) + REGIONS.index("ventricles")])
def test_one_region_changes_between_the_states_and_the_image_with_it(
    scan: LabelledScan, index: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labelled_scans, "CHANGE", (-0.03, -0.02))
    region = REGIONS[index % len(REGIONS)]
    fractions, images = states(scan, index)
    before, after = fractions.sum((2, 3, 4))
    there = before > 0
    change = dict(zip(np.array(CHANNELS)[there], np.log(after[there] / before[there]), strict=True))
    assert -0.035 < change[region] < -0.015
    assert all(abs(change[name]) < 0.005 for name in LOBE_NAMES if name != region and name in change)
    moved = np.abs(fractions[1] - fractions[0]).max(0) > 0.02
    difference = np.abs(images[1] - images[0])
    assert difference[moved].mean() > 20 * difference[~ndi.binary_dilation(moved, iterations=3)].mean()


def test_a_folder_without_label_maps_is_refused(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(np.ones((4, 4, 4), np.float32), np.eye(4)), tmp_path / "01_T1w.nii.gz")
    with pytest.raises(UserError, match="with a label map NAME_dseg"):
        scans_in(tmp_path)
