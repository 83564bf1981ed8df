"""JSON files that say by which layout they were written."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcgm_bench.contracts import UserError
from pcgm_bench.store import atomic
from pcgm_bench.store.schema import read_versioned
from pcgm_bench.store.schema import write_versioned

CONTENT = {"d": -0.1, "n": 3, "none": float("nan"), "list": [1.5, "ä"], "nested": {"2": {"x": 1e-17}}}


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_versioned(path, 3, CONTENT)
    assert read_versioned(path, 3, "scores") == {**CONTENT, "none": None}


def test_another_layout_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_versioned(path, 3, CONTENT)
    with pytest.raises(UserError, match=r"a\.json: scores with schema 3; this .* reads schema 4; remove this file"):
        read_versioned(path, 4, "scores")
    atomic.write_json(path, CONTENT)
    with pytest.raises(UserError, match=r"no schema \(0\.1\.0 wrote none\).*; score again"):
        read_versioned(path, 4, "scores", "score again")


@pytest.mark.parametrize("damage", [("-0.1", "-0.2"), ('"n": 3', '"n": 4'), ("1e-17", "1e-18")])
def test_one_digit_is_noticed(tmp_path: Path, damage: tuple[str, str]) -> None:
    path = tmp_path / "a.json"
    write_versioned(path, 3, CONTENT)
    assert damage[0] in path.read_text()
    path.write_text(path.read_text().replace(*damage))
    with pytest.raises(UserError, match="scores damaged or edited"):
        read_versioned(path, 3, "scores")


@pytest.mark.parametrize("text", ["", "{", "[]", "1", "\x00"])
def test_what_is_no_file_of_ours_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    with pytest.raises(UserError, match=r"a\.json: no such file \(scores\)"):
        read_versioned(path, 1, "scores")
    path.write_text(text)
    with pytest.raises(UserError, match=r"a\.json: (scores cannot be read|not scores)"):
        read_versioned(path, 1, "scores")
