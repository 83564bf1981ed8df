"""A folder of results: the same board, nobody's labels, results of 0.1.0, and spoilt files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from board_results import board
from board_results import cells
from board_results import record
from board_results import result
from board_results import seeds

from pcgm_bench.board.build import build
from pcgm_bench.board.files import export
from pcgm_bench.board.files import from_folder
from pcgm_bench.board.format1 import kind_of
from pcgm_bench.board.render import FORMATS
from pcgm_bench.board.render import render
from pcgm_bench.board.result import Collected
from pcgm_bench.board.result import Provenance
from pcgm_bench.contracts import RowKind
from pcgm_bench.contracts import UserError

COMMITTED = Path(__file__).parents[2] / "leaderboard"


def test_an_exported_folder_gives_the_same_board(tmp_path: Path) -> None:
    results = [*seeds(2), result("quick", quick=True)]
    paths = export(results, tmp_path)
    assert str(paths[0].relative_to(tmp_path)) == "aud/good--phantom-aud-demo-pial-seed0-3mm-n20-00000000--seed0.json"
    again = from_folder(tmp_path)
    for form in FORMATS:
        assert render(build(again), form) == render(build(Collected(results)), form)
    assert from_folder(tmp_path, "synthesis").results == []
    assert json.loads(paths[0].read_text())["format"] == 2


def test_runs_that_differ_otherwise_do_not_overwrite_each_other(tmp_path: Path) -> None:
    paths = export([result(), result(segmenter="unet-2")], tmp_path)
    assert len(set(paths)) == 2
    assert all(path.stem.endswith(from_folder(tmp_path).results[i].key) for i, path in enumerate(sorted(paths)))


def test_two_studies_of_one_cohort_are_told_apart_by_their_folder(tmp_path: Path) -> None:
    first, second = export([result(), result(study="recovery")], tmp_path)
    assert first.name == second.name
    assert [path.parent.name for path in (first, second)] == ["aud", "recovery"]


def test_no_persons_score_leaves_a_real_cohorts_home(tmp_path: Path) -> None:
    export([result(is_phantom=False, cohort="lab"), result()], tmp_path)
    kept = {run.is_phantom: [entry.by_unit for entry in run.records] for run in from_folder(tmp_path).results}
    assert kept[False] == [{}] * 3
    assert all(kept[True])
    assert "command" not in Provenance.model_fields


def test_no_label_and_no_path_leave_a_real_cohorts_home(tmp_path: Path) -> None:
    lost = record("lost", "error, %", "err 1", "lower", None, reason="scan sub-P022 at /data/lab/x.nii has no header")
    run = result(
        cohort="lab",
        is_phantom=False,
        records=[*cells("good", 1.0), lost],
        warnings=["P022: left out, as --map diagnosis asks (other)", "the groups differ in sex (43 % and 31 % women)"],
        missing={"gone": "scan sub-P023: ValueError: boom (acme/gen.py:3)", "cut": "no weights in /home/jane/w; train"},
        unmeasured={"fid": "p7 is missing"},
    )
    (path,) = export([run], tmp_path)
    texts = [path.read_text(), *(render(build(from_folder(tmp_path)), form) for form in FORMATS)]
    for text in texts:
        for label in ("P022", "P023", "/data", "/home", "jane", "p7 "):
            assert label not in text, label
    assert all("the groups differ in sex" in text for text in (texts[0], texts[-1]))
    assert "1 more warning names people or files" in texts[-1]
    assert from_folder(tmp_path).results[0].missing.keys() == {"gone", "cut"}
    again = export(from_folder(tmp_path).results, tmp_path / "again")[0]
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda text: text[: len(text) // 2], "not a result of this version"),
        (lambda text: "[1, 2]", "not a result of this version"),
        (lambda text: text.replace('"format": 2', '"format": 9'), "result format 9"),
        (lambda text: text.replace('"format": 2', '"format": 1'), "not a result of this version"),
        (lambda text: text.replace('"direction": "lower"', '"direction": "up"'), "not a result of this version"),
        (lambda text: text.replace('"study": "aud"', '"study": "toy"'), "holds a result of study toy"),
        (lambda text: text.replace('"is_phantom": true', '"is_phantom": true, "more": 1'), "not a result"),
    ],
)
def test_a_spoilt_file_is_named(tmp_path: Path, spoil: Any, said: str) -> None:
    path = export([result()], tmp_path)[0]
    path.write_text(spoil(path.read_text()))
    with pytest.raises(UserError, match=re.escape(str(path)) + f".*{said}"):
        from_folder(tmp_path)


# Version 0.1.0.


def test_the_committed_board_is_that_of_the_committed_results() -> None:
    text = render(build(from_folder(COMMITTED)), "markdown")
    assert text == (COMMITTED / "board.md").read_text()
    assert all("MADE BY 0.1.0" in line for line in text.splitlines() if re.match(r"## \d", line))


def test_results_of_0_1_0_keep_their_numbers_and_keys() -> None:
    (file,) = COMMITTED.glob("recovery/*.json")
    raw = json.loads(file.read_text())
    (run,) = from_folder(COMMITTED, "recovery").results
    assert (run.format, run.key, run.old_version) == (1, "b3da13f002c3", "0.1.0")
    assert [entry["value"] for entry in raw["entries"]] == [cell.estimate for cell in run.cells]
    assert [entry["is_control"] for entry in raw["entries"]] == [cell.is_control for cell in run.cells]
    sections = board(run, result(study="recovery", study_version="2")).sections
    assert len(sections) == 2


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ("oracle", RowKind.CEILING),
        ("other-half", RowKind.FLOOR),
        ("noise", RowKind.CONTROL),
        ("pcgm (volumes)", RowKind.VOLUMES),
        ("pcgm (volumes, labels permuted)", RowKind.PERMUTED),
    ],
)
def test_rows_of_0_1_0_say_what_they_are_by_their_names(row: str, kind: RowKind) -> None:
    assert kind_of(row, True) is kind


def test_results_of_0_1_0_are_not_exported_again(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="copy their files"):
        export(from_folder(COMMITTED, "recovery").results, tmp_path)
