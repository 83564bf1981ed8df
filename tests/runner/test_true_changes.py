"""Which counterfactuals get a truth, and what the truth of one is."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import fakes
import numpy as np
import pytest
from toy_registry import register
from toy_runs import IMAGES
from toy_runs import records_of
from toy_runs import request

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.contracts import CohortRequest
from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import Segmentation
from pcgm_bench.contracts import TrueChanges
from pcgm_bench.contracts import silent
from pcgm_bench.runner.fold_plan import ImageTask
from pcgm_bench.runner.metric_uses import OpenMetric
from pcgm_bench.runner.run import run
from pcgm_bench.runner.true_changes import MOST_IMAGES
from pcgm_bench.runner.true_changes import MOST_VOXELS
from pcgm_bench.runner.true_changes import chosen_tasks
from pcgm_bench.runner.true_changes import true_change
from pcgm_bench.runner.true_changes import true_changes
from pcgm_bench.statistics import change_maps
from pcgm_bench.store import ImageKey
from pcgm_bench.store.image_key import description_of

SHAPE = (12, 12, 12)


def task(index: int, do: dict[str, object]) -> ImageTask:
    return ImageTask(index, do, ImageKey(f"{index:03d}", "", description_of(do)))


def halves(n: int) -> list[ImageTask]:
    return [task(k, {"diagnosis": "control" if k < n * 0.8 else "AUD"}) for k in range(n)]


def test_both_directions_have_their_half_of_the_truths() -> None:
    chosen = chosen_tasks([halves(200)], 200_000)
    assert len(chosen) == MOST_IMAGES
    assert sum(one.do["diagnosis"] == "AUD" for one in chosen) == MOST_IMAGES // 2
    assert len(chosen_tasks([halves(200)], 200_000, 7)) == 7
    assert chosen == sorted(chosen, key=lambda one: one.index)
    assert chosen == chosen_tasks([halves(200)], 200_000)
    assert [one.index for one in chosen] != list(range(MOST_IMAGES))


def test_every_row_has_made_them_and_something_was_asked() -> None:
    rows = [
        [task(0, {}), task(1, {"frontal": 0.9}), task(2, {"ventricles": 0.9})],
        [task(1, {"frontal": 0.9}), task(0, {})],
    ]
    assert [one.index for one in chosen_tasks(rows, 1000)] == [1]
    assert chosen_tasks([[], rows[0]], 1000) == []
    assert chosen_tasks([], 1000) == []


def test_large_images_get_fewer_truths() -> None:
    assert len(chosen_tasks([halves(100)], MOST_VOXELS // 7)) == 7
    assert len(chosen_tasks([halves(100)], 10 * MOST_VOXELS)) == 1


def segmentation(cortex: np.ndarray) -> Segmentation:
    fractions = np.zeros((len(CHANNELS), *SHAPE), np.float32)
    fractions[3, :, :, :4] = 1
    fractions[6] = cortex
    fractions[1] = 1 - fractions.sum(axis=0)
    fractions[:, 0] = 0
    fractions[0, 0] = 1
    labels = np.where(fractions[6] > 0.5, 1028, 0).astype(np.int16)
    return Segmentation(fractions, labels, {}, 1.0, 1.0)


def test_the_band_is_where_tissue_changes_and_a_voxel_around() -> None:
    cortex = np.zeros(SHAPE)
    cortex[:, :, 4] = 1
    thin = cortex.copy()
    thin[:, :, 4] = 0.9
    scan = np.ones(SHAPE, np.float32)
    truth = true_change("01", "sub-01", (scan, scan), segmentation(cortex), segmentation(thin))
    assert truth.band[5, 5].tolist() == [False] * 3 + [True] * 3 + [False] * 6
    assert not truth.head[0].any()
    assert truth.head[1:].all()
    assert truth.parcels[5, 5].tolist() == [0] * 3 + [1028] * 3 + [0] * 6
    # White matter at the bottom is two voxels from the band, fluid further up.
    assert truth.tissue[5, 5].tolist() == [3] + [-1] * 7 + [1] * 4
    same = true_change("01", "sub-01", (scan, scan), segmentation(cortex), segmentation(cortex))
    assert not same.band.any()


def test_the_oracle_is_asked_for_the_scans_own_noise() -> None:
    asked = []

    class Told(fakes.ToyCohort):
        has_truth = True

        def oracle(self, scan: object, do: object, seed: int | None) -> np.ndarray:
            asked.append((do, seed))
            return np.full(SHAPE, 2.0)

        def truth(self, scan: object, do: object) -> Segmentation:
            asked.append((do, "truth"))
            return segmentation(np.zeros(SHAPE))

        def __getitem__(self, index: int) -> object:  # type: ignore[override]
            return dataclasses.replace(super().__getitem__(index), image=np.ones(SHAPE, np.float32))

    do = {"diagnosis": "AUD"}
    (truth,) = true_changes(Told(0), [task(1, do)], silent)
    assert asked == [({}, "truth"), (do, "truth"), (do, None)]
    assert truth.subject == "001"
    assert truth.name == task(1, do).key.stem
    assert (truth.oracle == 2).all()


@pytest.mark.parametrize("image", [np.ones(SHAPE, np.float64)])
def test_images_are_kept_in_single_precision(image: np.ndarray) -> None:
    truth = true_change("01", "x", (image, image), segmentation(np.zeros(SHAPE)), segmentation(np.zeros(SHAPE)))
    assert truth.factual.dtype == truth.oracle.dtype == np.float32


def toy_truth(_cohort: fakes.ToyCohort, scan: Scan, do: Intervention) -> Segmentation:
    """Patients have a little less white matter in every voxel."""
    white = 0.9 if do.get("diagnosis", scan.diagnosis) == "AUD" else 1.0
    fractions = np.zeros((len(CHANNELS), *fakes.SHAPE), np.float32)
    fractions[3], fractions[1] = white, 1 - white
    return Segmentation(fractions, np.zeros(fakes.SHAPE, np.int16), {}, 1.0, 1.0)


@pytest.fixture
def metric(toys: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The toys, and one of our metrics of the truth."""
    register(monkeypatch, {"metrics": {"change-error": "pcgm_bench.metrics.change_map:ChangeError"}})


def test_a_run_measures_its_rows_against_the_truth(home: Path, metric: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fakes.ToyCohort, "truth", toy_truth)
    records = records_of(run(request(home, metrics=("change-error",))), "change-error-1")
    assert records["truth"].estimate == pytest.approx(0, abs=1e-6)
    assert 0 < (records["shifter"].estimate or 0) < 1
    assert records["truth"].n == records["shifter"].n == 13


def test_metrics_of_a_row_share_its_images_and_their_maps(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One input for all metrics; every image is smoothed once, and every truth once for all rows."""
    names = {"change-error": "change_map:ChangeError", "change-correlation": "change_map:ChangeCorrelation"}
    names["band-share"] = "band_share:BandShare"
    register(monkeypatch, {"metrics": {name: f"pcgm_bench.metrics.{target}" for name, target in names.items()}})
    monkeypatch.setattr(fakes.ToyCohort, "truth", toy_truth)
    smoothed: list[float] = []
    inputs: list[object] = []

    def counted_smoothing(values: np.ndarray, sigma: float) -> np.ndarray:
        smoothed.append(sigma)
        return smooth(values, sigma)

    def counted_measure(self: OpenMetric, data: object, seed: int = 0) -> Estimate:
        inputs.append(data)
        return measure(self, data, seed)

    smooth, measure = change_maps.smoothed, OpenMetric.measure
    monkeypatch.setattr(change_maps, "smoothed", counted_smoothing)
    monkeypatch.setattr(OpenMetric, "measure", counted_measure)
    result = run(request(home, metrics=tuple(names)))
    rows = records_of(result, "change-error-1")
    assert len(rows) > 1
    assert len([data for data in inputs if isinstance(data, TrueChanges)]) == len(names) * len(rows)
    assert len({id(data) for data in inputs if isinstance(data, TrueChanges)}) == len(rows)
    assert len(smoothed) == IMAGES * (len(rows) + 1)


def test_a_run_says_why_a_truth_is_missing(home: Path, metric: None) -> None:
    result = run(request(home, metrics=("change-error",)))
    assert "nobody knows the true anatomy of sub-000" in result.scores.skipped["change-error"]
    without = run(request(home, metrics=("change-error",), cohort=CohortRequest("labelled")))
    assert "the true counterfactual of these people is not known" in without.scores.skipped["change-error"]
