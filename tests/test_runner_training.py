"""Whom a row has learnt from: the weights' people, the other half, or nobody knows."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import fakes
import numpy as np
import pandas as pd
import pytest

from pcgm_bench.contracts import UserError
from pcgm_bench.registry import get
from pcgm_bench.runner import CohortRequest
from pcgm_bench.runner import Given
from pcgm_bench.runner import Request
from pcgm_bench.runner import Settings
from pcgm_bench.runner import build
from pcgm_bench.runner import fit
from pcgm_bench.runner import run
from pcgm_bench.runner.build import TRAINED_ON
from pcgm_bench.runner.training import matched


@pytest.fixture(autouse=True)
def nothing_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "GIVEN", {})


def privacy(home: Path, method: str = "sampler", **changes: object) -> dict[str, dict[str, Any]]:
    """Row -> what the toy metric of training scans says."""
    request = Request(method, "toy-privacy", home, CohortRequest("toy"), segmenter="toy")
    scored = run(dataclasses.replace(request, **changes))  # type: ignore[arg-type]
    return {row: one["sets (corner)"] for row, one in scored.folder.scores["scores"]["images"].items()}


def weights(folder: Path, note: str | None) -> Path:
    """Weights of the toy sampler, with or without a word on whom they were trained."""
    folder.mkdir(parents=True)
    (folder / "level.txt").write_text("1.0")
    if note is not None:
        (folder / TRAINED_ON).write_text(note)
    return folder


def test_trained_weights_stand_against_the_people_they_were_trained_on(home: Path, toys: list[str]) -> None:
    found = privacy(home, weights=weights(home / "w", '{"cohort": "toy"}'))
    assert toys.count("training scans, 3mm") == 1
    ours, control = found["sampler"], found["copier"]
    assert ours["training"] == "training people of toy"
    assert (ours["n_training"], ours["n_held_out"], ours["n"]) == (6, 6, 6)
    # The control that copies the other half is compared with that: it is nearer than noise of 0.1 makes the others.
    assert control["training"] == "the other half"
    assert (control["n_training"], control["n_held_out"]) == (6, 6)
    assert control["value"] < ours["value"]
    # Both against the reference, which nobody has learnt from.
    assert ours["held_out"] == control["held_out"]
    cohort = fakes.ToyCohort(0)
    odd = [scan.image for scan in cohort if int(scan.subject) % 2]
    np.testing.assert_allclose(ours["held_out"], [image[:2].ravel() for image in odd])
    # A second scan is the same person with a little noise.
    assert ours["n_retest"] == 6
    assert 0 < ours["retest"] < 0.01


def test_without_a_truth_there_is_no_retest(home: Path, toys: list[str]) -> None:
    found = privacy(home, "copier", cohort=CohortRequest("labelled"))
    assert (found["copier"]["n_retest"], found["copier"]["retest"]) == (0, None)
    assert found["copier"]["value"] is not None


@pytest.mark.parametrize(
    ("note", "cohort", "reason"),
    [
        (None, "toy", "weights do not say whom they were trained on"),
        ('{"cohort": "/data/lab"}', "toy", "trained on /data/lab, whose scans this run does not have"),
        ('{"cohort": "toy"}', "labelled", "trained on toy, and the held-out scans are of labelled"),
    ],
)
def test_what_is_not_known_says_why(home: Path, toys: list[str], note: str | None, cohort: str, reason: str) -> None:
    found = privacy(home, weights=weights(home / "w", note), cohort=CohortRequest(cohort))
    assert found["sampler"]["value"] is None
    assert reason in found["sampler"]["reason"]
    assert "reason" not in found["copier"]
    assert not [call for call in toys if call.startswith("training scans")]


def test_given_images_say_nothing_of_their_training(tmp_path: Path, toys: list[str]) -> None:
    privacy(tmp_path / "a", "copier")
    (made,) = (tmp_path / "a" / "runs").glob("*/derivatives/copier")
    given = Given(made, "mine")
    request = Request("mine", "toy-privacy", tmp_path / "b", CohortRequest("toy"), segmenter="toy", given=given)
    images = run(request).folder.scores["scores"]["images"]
    assert images["mine"]["sets (corner)"]["reason"].startswith("given as files")
    assert images["copier"]["sets (corner)"]["value"] is not None


def test_a_damaged_note_is_named(home: Path, toys: list[str]) -> None:
    with pytest.raises(UserError, match=rf"{TRAINED_ON}: should say"):
        privacy(home, weights=weights(home / "w", "toy"))


def test_the_note_decides_scores_and_no_image(home: Path, toys: list[str]) -> None:
    folder = weights(home / "w", None)
    before = build.generator_digest("sampler", folder)
    assert privacy(home, weights=folder)["sampler"]["value"] is None
    build.note_training(folder, "toy")
    assert build.generator_digest("sampler", folder) == before
    assert privacy(home, weights=folder)["sampler"]["value"] is not None
    assert len(list((home / "runs").iterdir())) == 1


def test_fit_notes_the_cohort(home: Path, toys: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    cohort = fakes.ToyCohort(1000)
    monkeypatch.setattr(fakes.ToyCohort, "ensure_training", lambda home: cohort, raising=False)
    folder = fit(Settings("sampler", home, segmenter="toy"), CohortRequest("toy"))
    assert build.trained_on(folder) == "toy"


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
        folder = build.find_weights(name, Path("nowhere"))
        assert folder is not None
        assert build.trained_on(folder) == "phantom"
    assert hasattr(get("cohorts", "phantom"), "training_scans")
