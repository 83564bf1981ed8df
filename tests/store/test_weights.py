"""Weights are complete, or not there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from pcgm_bench.contracts import UserError
from pcgm_bench.store.weights import COMPLETE
from pcgm_bench.store.weights import WeightsNote
from pcgm_bench.store.weights import read_note
from pcgm_bench.store.weights import seal
from pcgm_bench.store.weights import weights_digest
from pcgm_bench.store.weights import write_weights

NOTE = WeightsNote(method="toy", trained_on="phantom", grid="3mm")


def saver(value: float) -> Callable[[Path], None]:
    """A method's `save`: two files, one in a folder."""

    def save(folder: Path) -> None:
        assert not list(folder.iterdir())
        (folder / "deep").mkdir()
        save_file({"w": torch.full((3,), value)}, folder / "deep" / "net.safetensors")
        (folder / "config.json").write_text(json.dumps(value))

    return save


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    write_weights(tmp_path / "home" / "toy", saver(1), NOTE)
    return tmp_path / "home" / "toy"


def test_what_is_written_comes_back(weights: Path) -> None:
    note = read_note(weights)
    assert (note.method, note.trained_on, note.grid) == ("toy", "phantom", "3mm")
    assert set(note.files) == {"config.json", "deep/net.safetensors"}
    assert [path.name for path in weights.parent.iterdir()] == ["toy"], "something was left beside the weights"


def test_the_digest_is_that_of_the_contents(weights: Path, tmp_path: Path) -> None:
    before = weights_digest(weights)
    write_weights(tmp_path / "again", saver(1), NOTE.model_copy(update={"trained_on": "elsewhere"}))
    assert weights_digest(tmp_path / "again") == before
    write_weights(weights, saver(2), NOTE)
    assert weights_digest(weights) != before


def test_a_folder_without_a_note_is_refused(weights: Path, tmp_path: Path) -> None:
    (weights / COMPLETE).unlink()
    with pytest.raises(UserError, match=r"toy: no complete\.json: the training was interrupted"):
        read_note(weights)
    with pytest.raises(UserError, match="no such folder of weights; train them"):
        read_note(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("config.json", None, r"config\.json: this file of the weights is missing"),
        ("config.json", b"1.5", r"config\.json: not the file that was saved"),
        ("deep/other.safetensors", b"old", r"other\.safetensors: not one of the files"),
        (COMPLETE, b"{", r"complete\.json: the note of weights cannot be read"),
        (COMPLETE, b'{"schema_version": 99}', r"complete\.json: the note of weights with schema 99"),
    ],
)
def test_damage_is_named_with_a_remedy(weights: Path, name: str, change: bytes | None, message: str) -> None:
    path = weights / name
    if change is None:
        path.unlink()
    else:
        path.write_bytes(change)
    with pytest.raises(UserError, match=message) as error:
        read_note(weights)
    assert "python -m pcgm_bench.store.weights" in str(error.value)


def test_an_edited_note_is_refused(weights: Path) -> None:
    path = weights / COMPLETE
    path.write_text(path.read_text().replace("phantom", "phantoms"))
    with pytest.raises(UserError, match="damaged or edited"):
        read_note(weights)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_numbers_are_refused(weights: Path, value: float) -> None:
    before = weights_digest(weights)
    with pytest.raises(UserError, match="w has values that are not numbers"):
        write_weights(weights, saver(value), NOTE)
    assert weights_digest(weights) == before
    assert [path.name for path in weights.parent.iterdir()] == ["toy"]


def test_a_method_that_saves_nothing_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="toy saved no weights"):
        write_weights(tmp_path / "toy", lambda _folder: None, NOTE)
    assert not list(tmp_path.iterdir())


def test_an_error_in_save_leaves_the_old_weights(weights: Path) -> None:
    before = weights_digest(weights)

    def fails(folder: Path) -> None:
        (folder / "config.json").write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match="no space left"):
        write_weights(weights, fails, NOTE)
    assert weights_digest(weights) == before


KILLED = """
import os, sys
from pathlib import Path
from pcgm_bench.store import weights
step, final = sys.argv[1], Path(sys.argv[2])

def save(folder):
    (folder / "config.json").write_text("2")
    if step == "save":
        os._exit(9)

def dies(function, which):
    calls = []
    def wrapped(*arguments):
        calls.append(1)
        if len(calls) == which:
            os._exit(9)
        return function(*arguments)
    return wrapped

if step == "seal":
    weights.write_versioned = dies(weights.write_versioned, 1)
elif step.startswith("rename"):
    weights.Path.rename = dies(Path.rename, int(step[-1]))
elif step == "remove":
    weights.remove = dies(weights.remove, 2)
weights.write_weights(final, save, weights.WeightsNote(method="toy"))
"""


@pytest.mark.parametrize(
    ("step", "new"), [("save", False), ("seal", False), ("rename 1", False), ("rename 2", False), ("remove", True)]
)
def test_a_kill_at_any_moment_leaves_complete_weights(weights: Path, step: str, new: bool) -> None:
    before = weights_digest(weights)
    killed = subprocess.run([sys.executable, "-c", KILLED, step, str(weights)], check=False)
    assert killed.returncode == 9
    assert (weights_digest(weights) != before) is new
    write_weights(weights, saver(3), NOTE)
    assert len(read_note(weights).files) == 2
    assert [path.name for path in weights.parent.iterdir()] == ["toy"], "leftovers stay for ever"


def test_a_folder_is_sealed_from_a_shell(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pcgm_bench.store.weights", str(tmp_path), "--method", "toy"]
    nothing = subprocess.run(command, capture_output=True, text=True, check=False)
    assert nothing.returncode == 2
    assert "toy saved no weights" in nothing.stderr
    saver(1)(tmp_path)
    subprocess.run([*command, "--trained-on", "phantom", "--grid", "3mm"], check=True, capture_output=True)
    note = read_note(tmp_path)
    assert (note.method, note.trained_on, note.grid, len(note.files)) == ("toy", "phantom", "3mm", 2)
    first = (tmp_path / COMPLETE).read_bytes()
    seal(tmp_path, note)
    assert (tmp_path / COMPLETE).read_bytes() == first
