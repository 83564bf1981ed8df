"""Known changes of real scans: volumes, what stands still, no folding, nothing asked, and back again."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
from deformation_heads import head
from deformation_heads import true_fractions
from deformation_heads import write_folder
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.cohort import bids
from pcgm_bench.cohort.deformation.deform import Deformed
from pcgm_bench.cohort.deformation.deform import Mover
from pcgm_bench.cohort.deformation.deform import moved
from pcgm_bench.cohort.deformation.deform import mover
from pcgm_bench.cohort.deformation.flow import pulled
from pcgm_bench.cohort.deformation.source import Source
from pcgm_bench.cohort.deformation.source import source_of
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import UserError
from pcgm_bench.segmenters.unet.segmenter import UNetSegmenter

REAL = os.environ.get("PCGM_BENCH_REAL_SCANS")
"""A folder with OpenNeuro ds002748."""
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def scan_and_source() -> tuple[Scan, Source]:
    return head()


@pytest.fixture(scope="module")
def movers(scan_and_source: tuple[Scan, Source]) -> dict[str, Mover]:
    return {region: mover(*scan_and_source, region) for region in ("frontal", "ventricles")}


def log_changes(made: Deformed, scan: Scan) -> dict[str, float]:
    """Log-change of every volume, %."""
    assert scan.segmentation is not None
    before, after = scan.segmentation.volumes, made.segmentation.volumes
    return {name: 100 * float(np.log(after[name] / before[name])) for name in before if before[name] > 0}


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(region=st.sampled_from(["frontal", "ventricles"]), factor=st.floats(0.88, 1.12).filter(lambda f: f != 1))
def test_volumes_are_as_asked_and_the_rest_stands_still(
    scan_and_source: tuple[Scan, Source], movers: dict[str, Mover], region: str, factor: float
) -> None:
    scan, source = scan_and_source
    made = moved(scan, source, [(movers[region], factor)])
    changes = log_changes(made, scan)
    assert changes.pop(region) == pytest.approx(100 * np.log(factor), abs=0.5)
    assert made.smallest_jacobian > 0
    assert made.segmentation.fractions.sum(0) == pytest.approx(1, abs=1e-3)
    assert made.segmentation.fractions.min() > -1e-5
    still = {"frontal": ("occipital", "white_matter", "ventricles"), "ventricles": ("frontal", "occipital")}[region]
    assert {name: abs(changes[name]) for name in still if abs(changes[name]) > 0.3} == {}


@pytest.mark.parametrize(("region", "factor"), [("frontal", 0.9), ("frontal", 1.1), ("ventricles", 1.1)])
def test_the_factor_is_true_of_the_anatomy_behind_the_segmentation(
    scan_and_source: tuple[Scan, Source], movers: dict[str, Mover], region: str, factor: float
) -> None:
    """The head's own anatomy at 1 mm, which the deformation never saw, changes as much as the fractions say."""
    one = movers[region]
    box = one.box
    places = np.moveaxis(np.indices(box.fine_shape), 0, -1) @ box.fine_affine[:3, :3].T + box.fine_affine[:3, 3]
    behind = true_fractions(places)[CHANNELS.index(region)]
    after = pulled(behind[None], one.displacement(one.amplitude(factor, "sub-01")))
    assert after.sum() / behind.sum() == pytest.approx(factor, abs=0.012)


def test_the_image_shows_what_the_fractions_say(scan_and_source: tuple[Scan, Source], movers: dict[str, Mover]) -> None:
    """A reader who knows the intensities finds the lost cortex in the image: brightness is a sum over tissues."""
    scan, source = scan_and_source
    assert scan.segmentation is not None
    made = moved(scan, source, [(movers["frontal"], 0.9)])
    levels = np.array([0, 0.2, 0.2, 1, 0, 0, *[0.65] * 6])
    expected = np.tensordot(levels, made.segmentation.fractions - scan.segmentation.fractions, 1).sum()
    assert (made.image - scan.image).sum() == pytest.approx(expected, rel=0.1)
    assert expected < -10


def test_there_and_back(scan_and_source: tuple[Scan, Source], movers: dict[str, Mover]) -> None:
    one = movers["frontal"]
    there = one.displacement(one.amplitude(0.9, "sub-01"))
    back = one.displacement(-one.amplitude(0.9, "sub-01"))
    left = pulled(there, back) + back
    assert 0.2 < np.abs(there).max() < 1  # a tenth of 3 mm
    assert np.abs(left).max() < 0.1 * np.abs(there).max()


def test_where_nothing_moves_the_scan_is_itself(scan_and_source: tuple[Scan, Source], movers: dict[str, Mover]) -> None:
    scan, source = scan_and_source
    assert scan.segmentation is not None
    made = moved(scan, source, [(movers["frontal"], 0.95)])
    white = scan.segmentation.fractions[CHANNELS.index("white_matter")] == 1
    other = scan.segmentation.fractions[CHANNELS.index("occipital")] > 0.8
    assert white.sum() > 500
    assert other.sum() > 200
    assert np.array_equal(made.image[white], scan.image[white])
    # The two lobes meet at y = -17 mm.
    away = other & (np.indices(other.shape)[1] * 3 + scan.affine[1, 3] < -17 - 6)
    assert away.sum() > 150
    assert np.array_equal(made.image[away], scan.image[away])


def test_touching_banks_leave_no_room() -> None:
    """A lobe without CSF or black beside it: no sulcus opens that the image does not show."""
    scan, source = head(thick=16.0)
    with pytest.raises(UserError, match=r"sub-01: frontal of this scan can be brought to .* not to 0.8: ask for less"):
        moved(scan, source, [(mover(scan, source, "frontal"), 0.8)])


def test_a_folder_of_scans_answers_for_regions_alone(scan_and_source: tuple[Scan, Source], tmp_path: Path) -> None:
    scan, _ = scan_and_source
    cohort = bids.read(write_folder(tmp_path / "heads", scan))
    assert (cohort.has_region_truth, cohort.has_truth) == (True, False)
    given_scan = dataclasses.replace(cohort[0], segmentation=scan.segmentation)
    assert np.array_equal(cohort.oracle(given_scan, {}, 3), given_scan.image)
    assert cohort.truth(given_scan, {}) is scan.segmentation
    image, truth = cohort.oracle(given_scan, {"frontal": 0.95}, 3), cohort.truth(given_scan, {"frontal": 0.95})
    assert scan.segmentation is not None
    assert truth.volumes["frontal"] / scan.segmentation.volumes["frontal"] == pytest.approx(0.95, abs=0.005)
    assert truth.labels.shape == image.shape
    assert not np.array_equal(image, given_scan.image)
    again = dataclasses.replace(given_scan)  # the same scan, in an object that nothing is remembered of
    assert np.array_equal(image, cohort.oracle(again, {"frontal": 0.95}, 4))
    assert not np.array_equal(image, cohort.oracle(again, {"frontal": 0.97}, 4))
    kept = cohort.oracle(given_scan, {"frontal": 0.97}, 4)
    cohort.oracle(given_scan, {"frontal": 0.97}, 4)[:] = 0  # what a caller does to an image does not change the next
    assert np.array_equal(kept, cohort.oracle(given_scan, {"frontal": 0.97}, 4))
    with pytest.raises(UserError, match=r"nobody knows the true counterfactual of a real person \(diagnosis\)"):
        cohort.oracle(given_scan, {"diagnosis": "AUD"}, 0)
    with pytest.raises(UserError, match="needs a segmentation with voxels"):
        cohort.oracle(cohort[0], {"frontal": 0.95}, 0)
    with pytest.raises(UserError, match="shows no insula"):
        cohort.oracle(given_scan, {"insula": 0.95}, 0)
    with pytest.raises(UserError, match="sub-99 is not in heads"):
        cohort.oracle(dataclasses.replace(given_scan, subject="99"), {"frontal": 0.95}, 0)


@pytest.mark.skipif(REAL is None, reason="set PCGM_BENCH_REAL_SCANS to a folder with OpenNeuro ds002748")
def test_a_real_scan(tmp_path: Path) -> None:
    cohort = bids.read(Path(str(REAL)), ["diagnosis=group:depr/control", "sex=gender"], tmp_path).subset(["01"])
    scan = dataclasses.replace(cohort[0], segmentation=UNetSegmenter(threads=1).segment(cohort[0]))
    assert np.array_equal(cohort.oracle(scan, {}, 0), scan.image)
    source = source_of(cohort.path(0), cohort.aligned(0))
    made = moved(scan, source, [(mover(scan, source, "occipital"), 0.95)])
    changes = log_changes(made, scan)
    assert changes["occipital"] == pytest.approx(100 * np.log(0.95), abs=0.5)
    still = ("frontal", "parietal", "temporal", "cingulate", "insula", "white_matter", "ventricles")
    assert {name: changes[name] for name in still if abs(changes[name]) > 0.5} == {}
    assert made.smallest_jacobian > 0
