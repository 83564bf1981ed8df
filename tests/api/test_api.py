"""``import pcgm_bench as pb``: lazy, changes nothing global, and gives what the command line gives as data."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import fakes
import nibabel as nib
import numpy as np
import pytest
import torch
from toy_registry import register

import pcgm_bench as pb
from pcgm_bench.contracts import UserError

TOYS = {"cohort": "toy", "segmenter": "toy"}
FRESH = """
import logging, sys, warnings
before = list(warnings.filters), list(logging.getLogger().handlers), dict(sys.modules)
import pcgm_bench as pb
assert [name for name in ("numpy", "torch", "pandas", "matplotlib", "pcgm_bench.api") if name in sys.modules] == []
assert (list(warnings.filters), list(logging.getLogger().handlers)) == before[:2]
assert "run" in pb.__all__ and callable(pb.run)
assert "matplotlib" not in sys.modules or "matplotlib.pyplot" not in sys.modules
assert list(logging.getLogger().handlers) == before[1]
"""


def test_importing_it_loads_and_changes_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", FRESH], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_name_is_there_and_no_other() -> None:
    assert all(callable(getattr(pb, name)) for name in pb.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'rum'"):
        pb.rum  # noqa: B018


def test_a_run_is_data(home: Path, toys: list[str]) -> None:
    threads = torch.get_num_threads()
    result = pb.run("shifter", "toy", **TOYS)
    assert torch.get_num_threads() == threads
    frame = result.to_frame()
    frontal = frame[frame["metric"] == "frontal"].set_index("row")
    assert list(frontal.index[:3]) == ["real", "shifter", "truth"]
    assert frontal.loc["shifter", "kind"] == "method"
    assert frontal["estimate"].between(90, 100).all()
    assert (frontal["n"] == 13).all()
    people = result.people()
    assert {"00", "13"} <= set(people.loc[people["metric"] == "refitted", "unit"])
    assert people["unit"].map(type).eq(str).all()
    assert result.folder.root.is_relative_to(home)
    toys.clear()
    again = pb.run("shifter", "toy", **TOYS, home=str(home))
    assert (again.made, toys) == (0, [])
    assert again.to_frame().equals(frame)


def test_images_made_elsewhere(home: Path, toys: list[str], tmp_path: Path) -> None:
    run = pb.run("shifter", "toy", **TOYS)
    images = run.folder.root / "derivatives" / "shifter"
    frame = pb.score(images, "toy", name="mine", real="toy", segmenter="toy", home=tmp_path / "other").to_frame()
    estimates = frame[frame["metric"] == "frontal"].set_index("row")["estimate"]
    theirs = run.to_frame().query("metric == 'frontal'").set_index("row")["estimate"]
    assert estimates["mine"] == theirs["shifter"]
    with pytest.raises(UserError, match="reserved"):
        pb.score(images, "toy", name="real", real="toy", segmenter="toy")


def test_a_metric_alone(toys: list[str]) -> None:
    real, made = [np.ones((2, 2, 2))] * 3, [np.full((2, 2, 2), 1.5)] * 2
    assert pb.metric("contrast")(real, made).value == 0.5
    with pytest.raises(UserError, match="did you mean contrast"):
        pb.metric("contrasts")


def test_a_segmentation_alone(home: Path, toys: list[str], tmp_path: Path) -> None:
    x, y, z = np.mgrid[:60, :70, :60]
    ball = ((x - 30) ** 2 + (y - 35) ** 2 + (z - 30) ** 2 < 24**2).astype(np.float32)
    path = tmp_path / "sub-1_T1w.nii.gz"
    nib.save(nib.Nifti1Image(ball, np.diag([3.0, 3.0, 3.0, 1.0])), path)
    segmentation = pb.segment(path, segmenter="toy")
    assert set(segmentation.volumes) == set(fakes.LOBE_NAMES)
    with pytest.raises(UserError, match="nowhere"):
        pb.segment(tmp_path / "nowhere.nii.gz", segmenter="toy")


def test_methods_as_a_table(toys: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, {"methods": {"gone": "fakes:NotThere"}})
    table = pb.list_methods().set_index("name")
    assert table.loc["shifter", "jobs"] == "counterfactual, volumes"
    assert table.loc["truth", "is_control"]
    assert table.loc["shifter", "package"] == "toys 1"
    assert "NotThere" in table.loc["gone", "problem"]


def test_the_leaderboard_as_a_table(home: Path, toys: list[str]) -> None:
    assert pb.leaderboard().empty
    pb.run("shifter", "toy", **TOYS, metrics=["contrast"])
    table = pb.leaderboard()
    assert {"row", "column", "estimate", "study", "run"} <= set(table.columns)
    assert "shifter" in set(table["row"])


def test_errors_are_errors_not_exits(home: Path, toys: list[str]) -> None:
    with pytest.raises(UserError, match="did you mean shifter"):
        pb.run("shiftr", "toy", **TOYS)


def test_a_script_without_a_main_guard_may_use_workers(tmp_path: Path, home: Path) -> None:
    """A spawned helper must not run the script again."""
    script = tmp_path / "script.py"
    script.write_text(
        "import pcgm_bench as pb\n"
        "from pcgm_bench.runner.executors.local import local_helpers\n"
        "from pathlib import Path\n"
        "import helpful\n"
        "print('once', flush=True)\n"
        f"with local_helpers(2, helpful.work, Path({str(tmp_path)!r}), 'images'):\n"
        "    pass\n"
    )
    (tmp_path / "helpful.py").write_text(
        "def work(folder, step, number, of):\n    (folder / f'share-{number}').write_text(str(of))\n"
    )
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, "once\n"), done.stderr
    assert (tmp_path / "share-1").read_text() == "2"
