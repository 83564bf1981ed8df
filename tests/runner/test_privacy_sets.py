"""Whom a row has learnt from: the weights' people, the other half, or nobody knows."""

from __future__ import annotations

from pathlib import Path

import fakes
import pandas as pd
import pytest
from toy_runs import request

from pcgm_bench.contracts import CohortRequest
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import UserError
from pcgm_bench.runner.generators import find_generator
from pcgm_bench.runner.one_off import fit
from pcgm_bench.runner.privacy_sets import matched
from pcgm_bench.runner.request import ImageFolder
from pcgm_bench.runner.request import MethodRequest
from pcgm_bench.runner.run import RunResult
from pcgm_bench.runner.run import run
from pcgm_bench.store.weights import COMPLETE
from pcgm_bench.store.weights import WeightsNote
from pcgm_bench.store.weights import read_note
from pcgm_bench.store.weights import seal


def privacy(home: Path, method: str = "sampler", **changes: object) -> dict[str, Record]:
    """Row -> what the toy metric of training scans says."""
    return sets_of(run(request(home, method=method, study="toy-privacy", **changes)))


def sets_of(result: RunResult) -> dict[str, Record]:
    return {record.row: record for record in result.scores.records if record.metric == "sets (corner)"}


def weights(folder: Path, trained_on: str) -> Path:
    """Weights of the toy sampler, with or without a word on whom they were trained."""
    folder.mkdir(parents=True)
    (folder / "level.txt").write_text("1.0")
    seal(folder, WeightsNote(method="sampler", trained_on=trained_on))
    return folder


def test_trained_weights_stand_against_the_people_they_were_trained_on(home: Path, toys: list[str]) -> None:
    records = privacy(home, weights=weights(home / "w", "toy"))
    assert toys.count("training scans, 3mm") == 1
    ours, control = records["sampler"], records["copier"]
    assert (ours.by_unit["n_training"], ours.by_unit["n_held_out"], ours.n) == (6, 6, 6)
    # The control that copies the other half is compared with that: it is nearer than noise of 0.1 makes the others.
    assert (control.by_unit["n_training"], control.by_unit["n_held_out"]) == (6, 6)
    assert control.estimate is not None
    assert ours.estimate is not None
    assert control.estimate < ours.estimate
    # Both against held-out people, from whom nobody has learnt.
    odd = [scan.image for scan in fakes.ToyCohort(0) if int(scan.subject) % 2]
    total = float(sum(image[:2].sum() for image in odd))
    assert ours.by_unit["held_out"] == control.by_unit["held_out"] == pytest.approx(total, rel=1e-5)
    # A second scan is the same person with a little noise.
    assert ours.by_unit["n_retest"] == 6
    assert 0 < ours.by_unit["retest"] < 0.01


def test_without_a_truth_there_is_no_retest(home: Path, toys: list[str]) -> None:
    record = privacy(home, "copier", cohort=CohortRequest("labelled"))["copier"]
    assert record.by_unit["n_retest"] == 0
    assert "retest" not in record.by_unit
    assert record.estimate is not None


@pytest.mark.parametrize(
    ("trained_on", "cohort", "reason"),
    [
        ("", "toy", "weights do not say whom they were trained on"),
        ("/data/lab", "toy", "trained on /data/lab, whose scans this run does not have"),
        ("toy", "labelled", "trained on toy, and the held-out scans are of labelled"),
    ],
)
def test_what_is_not_known_says_why(home: Path, toys: list[str], trained_on: str, cohort: str, reason: str) -> None:
    records = privacy(home, weights=weights(home / "w", trained_on), cohort=CohortRequest(cohort))
    assert records["sampler"].estimate is None
    assert reason in records["sampler"].reason
    assert records["copier"].reason == ""
    assert not [call for call in toys if call.startswith("training scans")]


def test_images_made_elsewhere_say_nothing_of_their_training(tmp_path: Path, toys: list[str]) -> None:
    privacy(tmp_path / "a", "copier")
    (images,) = (tmp_path / "a" / "runs").glob("*/derivatives/copier")
    records = privacy(tmp_path / "b", "mine", image_folder=ImageFolder(images))
    assert records["mine"].reason.startswith("given as files")
    assert records["copier"].estimate is not None


def test_a_damaged_note_is_named(home: Path, toys: list[str]) -> None:
    folder = weights(home / "w", "toy")
    (folder / COMPLETE).write_text("toy")
    with pytest.raises(UserError, match=rf"{COMPLETE}: the note of weights cannot be read"):
        privacy(home, weights=folder)


def test_the_note_decides_scores_and_no_image(home: Path, toys: list[str]) -> None:
    folder = weights(home / "w", "")
    before = find_generator("sampler", home, folder).digest
    assert privacy(home, weights=folder)["sampler"].estimate is None
    seal(folder, WeightsNote(method="sampler", trained_on="toy"))
    assert find_generator("sampler", home, folder).digest == before
    assert privacy(home, weights=folder)["sampler"].estimate is not None
    assert len(list((home / "runs").iterdir())) == 1


def test_fit_notes_the_cohort(home: Path, toys: list[str]) -> None:
    folder = fit(MethodRequest(method="sampler", home=home, cohort=CohortRequest("toy"), segmenter="toy"))
    note = read_note(folder)
    assert (note.method, note.trained_on, note.grid) == ("sampler", "toy", "3mm")
    assert note.code
    assert note.environment is not None


def test_people_are_matched_one_scan_each() -> None:
    training = pd.DataFrame(
        {
            "subject": ["a", "a", "b", "c", "d", "e"],
            "age": [15.0, 17.0, 17.0, 70.0, 71.0, 40.0],
            "sex": ["F", "F", "M", "F", "M", "M"],
        }
    )
    held_out = pd.DataFrame({"subject": ["x", "y", "z"], "age": [72.0, 17.0, 69.0], "sex": ["M", "F", "F"]})
    # The second visit of a, of the right age, is not a second person.
    assert matched(training, held_out) == ([0, 3, 4], [0, 1, 2])
    # Fewer who were trained on than held out: the others stand aside.
    assert matched(training.iloc[[4]], held_out) == ([0], [0])


def test_shipped_weights_say_whom_they_were_trained_on() -> None:
    for name in ("pcgm", "cdm"):
        folder = find_generator(name, Path("nowhere")).weights
        assert folder is not None
        assert read_note(folder).trained_on == "phantom"
