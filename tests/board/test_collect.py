"""Runs of a home folder on the leaderboard: what can be read is shown, what cannot is left out with the reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from board_results import cells
from board_results import record
from typer.testing import CliRunner

from pcgm_bench.board import collect
from pcgm_bench.board.collect import from_home
from pcgm_bench.cli.leaderboard import leaderboard
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import Row
from pcgm_bench.contracts import RowKind
from pcgm_bench.contracts import UserError
from pcgm_bench.results.scores import Scores
from pcgm_bench.results.scores import write_scores
from pcgm_bench.store import Identity
from pcgm_bench.store import RunFolder


def identity(method: str, **changes: Any) -> Identity:
    known: dict[str, Any] = {
        "method": method, "generator": f"1-{method}", "study": "not-installed", "study_version": "1",
        "cohort": "lab", "cohort_hash": "c0", "segmenter": "unet-1", "seed": 0, "quick": False, "device": "cpu",
        "threads": 1, "harness": "h0",
    }  # fmt: skip
    return Identity(**{**known, **changes})


def store(home: Path, method: str, records: list[Record], study: str = "not-installed", **more: Any) -> RunFolder:
    folder = RunFolder.open(home, identity(method, study=study))
    known = {"scored_by": "x", "study": study, "study_version": "1", "is_phantom": True, "metrics": {"near": "near-2"}}
    write_scores(folder.scores_file, Scores(**{**known, **more}, records=records))
    return folder


def near(method: str, value: float) -> list[Record]:
    shown = record(method, "own scan nearest", "near", "higher", value, value - 0.1, value + 0.1, n=8)
    beside = Record(method, RowKind.METHOD, "a detail", 3.0)
    return [shown, beside]


@pytest.fixture
def stored(home: Path) -> Path:
    """Two good runs of a study that is not installed, and every kind of a run that cannot be shown."""
    store(home, "good", near("good", 0.9))
    store(home, "bad", near("bad", 0.2))
    store(home, "nothing", [Record("nothing", RowKind.METHOD, "a detail", 3.0)])
    store(home, "twice", [*near("twice", 0.5), *near("twice", 0.6)])
    RunFolder.open(home, identity("unfinished"))
    for name, spoil in SPOILT.items():
        folder = store(home, name, near(name, 0.5))
        spoil(folder)
    return home


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:40])


def _old_scores(folder: RunFolder) -> None:
    folder.scores_file.write_text(json.dumps({"scores": {}, "skipped": {}}))


def _up(folder: RunFolder) -> None:
    folder.scores_file.write_text(folder.scores_file.read_text().replace('"higher"', '"up"'))


def _cut_manifest(folder: RunFolder) -> None:
    folder.manifest_file.write_text('{"key": "x", "sess')


def _long_measurements(folder: RunFolder) -> None:
    folder.measurements_file.write_bytes(b"subject\tfrontal\n" + b"x" * 200_000 + b"\t1\n")


def _no_manifest(folder: RunFolder) -> None:
    folder.manifest_file.write_bytes(b"\xff[]")


SPOILT = {
    "long-measurements": _long_measurements,
    "no-manifest": _no_manifest,
    "cut-scores": lambda folder: _cut(folder.scores_file),
    "cut-manifest": _cut_manifest,
    "cut-run": lambda folder: _cut(folder.identity_file),
    "old-scores": _old_scores,
    "direction-up": _up,
}
REASONS = {
    "unfinished": "not scored yet",
    "nothing": "brings nothing to the leaderboard",
    "twice": "two numbers for one cell (row 'twice', column 'own scan nearest')",
    "cut-scores": "scores.json: scores cannot be read",
    "cut-manifest": "manifest.json: damaged",
    "no-manifest": "manifest.json: damaged",
    "long-measurements": "measurements.tsv: damaged (field larger than field limit",
    "cut-run": "run.json",
    "old-scores": "scores with no schema (0.1.0 wrote none); this version of pcgm-bench reads schema 2",
    "direction-up": "scores.json: scores damaged or edited",
}


def test_the_home_gives_what_can_be_read_and_says_what_cannot(stored: Path) -> None:
    collected = from_home(stored)
    assert [run.label.method for run in collected.results] == ["bad", "good"]
    assert [cell.metric for cell in collected.results[0].records] == ["near-2"]
    reasons = {run.split("--")[0]: why for run, why in collected.left_out}
    assert reasons.keys() == REASONS.keys()
    for run, said in REASONS.items():
        assert said in reasons[run], run
        assert str(stored) not in reasons[run]
    assert from_home(stored, "another").results == []


def test_a_bug_of_ours_is_not_a_run_that_is_left_out(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(collect, "label_of", broken)
    with pytest.raises(KeyError, match="a bug"):
        from_home(stored)


def test_skipped_metrics_are_no_rows(home: Path) -> None:
    skipped = {"privacy (uncnn)": "nobody", "other (uncnn)": "nobody", "gone": "not made", "good (volumes)": "none"}
    known = {"near": "near-2", "other (uncnn)": "other-1"}
    gone = Record("gone", RowKind.CEILING, "a detail", reason="not made")
    store(home, "good", [*near("good", 0.9), gone], skipped=skipped, metrics=known,
          rows=[Row("good", RowKind.METHOD, "good"), Row("gone", RowKind.CEILING, "gone")])  # fmt: skip
    (run,) = from_home(home).results
    assert run.missing.keys() == {"gone", "good (volumes)"}
    assert run.unmeasured.keys() == {"privacy (uncnn)", "other (uncnn)"}
    assert run.kinds == {"gone": RowKind.CEILING}


def test_warnings_that_name_people_of_a_real_cohort_are_counted(home: Path) -> None:
    warnings = ["sub-P022: left out", "few people", "jane was moved"]
    folder = store(home, "good", cells("good", 1.0), is_phantom=False, warnings=warnings)
    folder.measurements_file.write_text("row\tsubject\nreal\tjane\n")
    (run,) = from_home(home).results
    assert run.warnings == ["few people"]
    assert run.hidden_warnings == 2


# The command.


def call(*arguments: str) -> Any:
    app = typer.Typer()
    app.command()(leaderboard)
    return CliRunner().invoke(app, list(arguments))


def test_the_command_prints_writes_and_exports(stored: Path, tmp_path: Path) -> None:
    shown = call("--home", str(stored))
    assert shown.exit_code == 0, shown.output
    assert "#1 0.900" in shown.output
    assert "not scored yet" in shown.output
    out = tmp_path / "board.html"
    assert call("--home", str(stored), "--out", str(out)).exit_code == 0
    page = out.read_text()
    assert page.startswith("<!doctype html>")
    assert str(stored) not in page
    results = tmp_path / "leaderboard"
    assert "2 results" in call("--home", str(stored), "--export", str(results)).output
    from_file = call("--results", str(results), "--format", "csv").output
    assert from_file == call("--home", str(stored), "--format", "csv").output
    exported = json.loads(next(results.glob("not-installed/good*.json")).read_text())
    assert set(exported) >= {"label", "records", "provenance", "is_phantom", "missing", "warnings"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--study", "zzz"], "unknown study 'zzz'"),
        (["--format", "pdf"], "--format pdf: use one of"),
        (["--results", "/nowhere"], "no such folder"),
    ],
)
def test_the_users_mistakes_are_one_line(stored: Path, arguments: list[str], said: str) -> None:
    done = call("--home", str(stored), *arguments)
    assert isinstance(done.exception, UserError)
    assert said in str(done.exception)
