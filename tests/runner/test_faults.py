"""What a plugin does wrong is one line that names it, its package, the scan and the place; everything else lives."""

from __future__ import annotations

import importlib
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import ADDED
from command_line import ALONE
from command_line import Command
from command_line import Outcome
from command_line import runs

FIT = ("fit", "-m", "toy-scale", "--cohort", "toy-people", "--segmenter", "toy-slabs", "--quiet")
METHOD = r"pcgm-bench: method 'toy-scale' \(toy-brains 1\.2\): "
FIRST = r"making sub-000_desc-cfpatient: "
IMAGES = {
    "exit": rf"{FIRST}SystemExit: it ended the process, exit code 0 \(toybrains/generator/scale\.py:\d+\)",
    "scan 17": r"making sub-016_desc-cfpatient: RuntimeError: out of memory \(toybrains/generator/scale\.py:\d+\)",
    "none": rf"{FIRST}the image is of type NoneType, not a NumPy array",
    "shape": rf"{FIRST}the image has the shape \(5, 6, 6\), the scan has \(6, 6, 6\)",
    "uint8": rf"{FIRST}the image has the type uint8; give floats, .*",
    "zero": rf"{FIRST}the image is zero everywhere",
    "nan": rf"{FIRST}the image has NaN or infinite voxels",
}


def table(home: Path, name: str) -> str:
    (run,) = runs(home)
    return (run / "tables" / f"{name}.csv").read_text()


# A generator.


@pytest.mark.parametrize("fault", IMAGES)
def test_a_bad_generator_is_named_and_the_other_rows_are_there(command: Command, home: Path, fault: str) -> None:
    done = command(*ALONE, fault=fault)
    assert done.code == 1
    assert re.fullmatch(METHOD + IMAGES[fault], done.complaint)
    assert "Traceback" not in done.err + done.out
    shown = table(home, "swap")
    assert "toy-copy,frontal" in shown
    assert "toy-scale (volumes),frontal" in shown
    assert "toy-scale,frontal" not in shown
    assert "method 'toy-scale' (toy-brains 1.2): making sub-0" in table(home, "skipped")
    # Mended, what is missing is made, and nothing else.
    kept = len(list(home.rglob("*_desc-cf*_volumes.tsv")))
    assert command(*ALONE).code == 0
    assert "toy-scale,frontal" in table(home, "swap")
    assert len(list(home.rglob("*_desc-cf*_volumes.tsv"))) == 40 > kept


def test_exit_at_import_is_named(command: Command, home: Path) -> None:
    done = command(*ALONE, fault="import")
    assert done.code == 1
    said = r"while loading: SystemExit: it ended the process, exit code 3 \(toybrains/generator/scale\.py:\d+\)"
    assert re.fullmatch(METHOD + said, done.complaint)
    listed = command("list", "methods", "--check", fault="import")
    lines = [line for line in listed.out.splitlines() if "BROKEN" in line]
    assert [line.split()[0] for line in lines] == ["toy-copy", "toy-scale"]
    assert command("list", "studies", "--check", fault="import").code == 0


def test_a_control_that_cannot_be_imported_is_a_missing_row(command: Command, home: Path, edited: Path) -> None:
    (points,) = edited.glob("*.dist-info/entry_points.txt")
    points.write_text(points.read_text().replace("toybrains.generator:Copy", "toybrains.nowhere:Copy"))
    done = command(*ALONE, site=edited)
    assert (done.code, done.said) == (0, [])
    assert "toy-scale,frontal" in table(home, "swap")
    assert "toy-copy,method 'toy-copy' (toy-brains 1.2): while loading: ModuleNotFoundError" in table(
        home, "skipped"
    ).replace('"', "")


# Other plugins.


def test_a_metric_that_raises_has_no_value_and_a_reason(command: Command, home: Path) -> None:
    done = command(*ALONE, fault="metric")
    assert done.code == 0
    (line,) = done.said
    reason = "measuring: RuntimeError: no number (toybrains/metric.py:24)"
    assert line == f"pcgm-bench: metric 'toy-brightness' (toy-brains 1.2): {reason}"
    assert "toy-scale,frontal" in table(home, "swap")
    reason = r"metric 'toy-brightness' (toy-brains 1.2): measuring: RuntimeError: no number (toybrains/metric.py:"
    assert reason in table(home, "skipped")
    assert "(toy-scale, toy-copy)" in table(home, "skipped")


def test_an_extractor_that_raises_costs_its_metrics_alone(command: Command, home: Path) -> None:
    done = command(*ALONE, *ADDED, fault="extractor")
    assert (done.code, done.said) == (0, [])
    assert "toy-scale,toy-brightness-1" in table(home, "swap")
    assert "feature space 'toy-corner' (toy-brains 1.2): extracting features: RuntimeError: no card" in table(
        home, "skipped"
    )


@pytest.mark.parametrize(
    ("fault", "said"),
    [("study", "RuntimeError: no result"), ("study-exits", "SystemExit: it ended the process, exit code 0")],
)
def test_a_study_whose_score_fails_is_named(command: Command, home: Path, fault: str, said: str) -> None:
    done = command(*ALONE, fault=fault)
    assert done.code == 1
    line = rf"pcgm-bench: study 'toy-swap' \(toy-brains 1\.2\): scoring: {said} \(toybrains/study\.py:\d+\)"
    assert re.fullmatch(line, done.complaint)
    # The images are there: mended, it is only scored.
    assert len(list(home.rglob("*_desc-cf*_volumes.tsv"))) == 40
    assert command(*ALONE).code == 0


def test_a_segmenter_that_fails_at_one_scan_names_it(command: Command, home: Path) -> None:
    done = command(*ALONE, fault="segmenter")
    assert done.code == 1
    said = r"segmenter 'toy-slabs' \(toy-brains 1\.2\): segmenting sub-003: RuntimeError: no licence"
    assert re.fullmatch(rf"pcgm-bench: {said} \(toybrains/segmenter\.py:\d+\)", done.complaint)
    assert command(*ALONE).code == 0


# Cards and names.


def other_package(folder: Path, entry: str, code: str) -> Path:
    """A second package, with one generator."""
    folder.mkdir()
    (folder / "otherpkg.py").write_text(
        "from pcgm_bench.contracts import Card, Generator, Job\n"
        "class Gen(Generator):\n"
        f"    card = {code}\n"
        "    def counterfactual(self, scan, do, seed):\n"
        "        return scan.image * 1.01\n"
    )
    info = folder / "other_pkg-0.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other-pkg\nVersion: 0.3\n")
    (info / "entry_points.txt").write_text(f"[pcgm_bench.methods]\n{entry} = otherpkg:Gen\n")
    return folder


def card(name: str, jobs: str = "frozenset({Job.COUNTERFACTUAL})") -> str:
    return f'Card("{name}", "t", "1", "r", "l", {jobs})'


def asking(method: str) -> list[str]:
    """The run of another method."""
    return [method if word == "toy-scale" else word for word in ALONE]


@pytest.mark.parametrize(
    ("entry", "code", "said"),
    [
        ("gen", card("gen", '"counterfactual"'), r"ValueError: card of 'gen': jobs is a set of .*\(otherpkg\.py:3\)"),
        ("real", card("real"), "the name 'real' is reserved; rename it"),
        ("../y", card("../y"), r"'\.\./y' is no name: .*"),
        ("gen", card("other"), "the card says 'other', the entry point 'gen': make them equal"),
        ("gen", "None", "the card of Gen is of type NoneType, not Card"),
    ],
)
def test_a_bad_card_or_name_is_refused(
    command: Command,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    entry: str,
    code: str,
    said: str,
) -> None:
    monkeypatch.syspath_prepend(other_package(tmp_path / "other", entry, code))
    forget_other(monkeypatch)
    for arguments in (asking(entry), ["fit", "-m", entry]):
        done = command(*arguments)
        assert done.code == 1
        line = rf"pcgm-bench: method '{re.escape(entry)}' \(other-pkg 0\.3\): while loading: {said}"
        assert re.fullmatch(line, done.complaint)
    assert not (home / "y").exists()
    # Nobody else is harmed.
    assert command(*ALONE, "--quick").code == 0


def forget_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the second package had never been imported."""
    import sys

    monkeypatch.delitem(sys.modules, "otherpkg", raising=False)
    importlib.invalidate_caches()


def test_two_packages_that_claim_one_name(
    command: Command, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(other_package(tmp_path / "other", "toy-scale", card("toy-scale")))
    forget_other(monkeypatch)
    done = command(*ALONE)
    assert done.code == 2
    both = "write toy-scale@other-pkg or toy-scale@toy-brains"
    assert done.complaint == f"pcgm-bench: 2 packages claim method 'toy-scale'; {both}"
    for package, number in (("other-pkg", 1), ("toy-brains", 2)):
        done = command(*asking(f"toy-scale@{package}"), "--quick")
        assert (done.code, done.said) == (0, [])
        assert f"toy-scale@{package}" in done.out
        assert len(runs(home)) == number


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("real", "the name 'real' is reserved"),
        ("toy-copy", "there is a registered method of that name"),
        ("toy copy", "'toy copy' is no name"),
        ("Toy-Copy", "'toy-copy' has the same folder"),
    ],
)
def test_images_cannot_take_a_controls_name(
    command: Command, home: Path, alone: tuple[Outcome, Path], name: str, said: str
) -> None:
    (images,) = alone[1].glob("runs/*/derivatives/toy-scale")
    people = ("--real", "toy-people", "--segmenter", "toy-slabs", "--workers", "1", "--quiet")
    done = command("score", str(images), "--study", "toy-swap", "--name", name, *people)
    assert done.code == 2
    assert said in done.complaint
    assert not (home / "runs").exists()
    assert command("score", str(images), "--study", "toy-swap", "--name", "mine", *people).code == 0


# Weights.


def test_weights_are_complete_or_not_there(
    process: Callable[..., Outcome], command: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = process(*FIT, home=home, TOYBRAINS_WEIGHTS="yes", TOYBRAINS_FAULT="save-kill")
    assert killed.code == -signal.SIGKILL
    monkeypatch.setenv("TOYBRAINS_WEIGHTS", "yes")
    for _ in range(2):
        done = command(*ALONE, "--quick")
        assert done.code == 2
        assert "toy-scale has no weights yet; train them with `pcgm-bench fit --method toy-scale`" in done.complaint
    nothing = command(*FIT, fault="save-nothing")
    assert nothing.code != 0
    assert "toy-scale saved no weights" in nothing.complaint
    assert command(*ALONE, "--quick").code == 2
    done = command(*FIT)
    assert (done.code, done.said) == (0, [])
    assert sorted(path.name for path in (home / "weights" / "toy-scale").iterdir()) == [
        "complete.json",
        "level.txt",
        "more.txt",
    ]
    assert command(*ALONE, "--quick").code == 0
    # A file that is not the one that was saved is not loaded.
    (home / "weights" / "toy-scale" / "more.txt").write_text("less")
    done = command(*ALONE, "--quick")
    assert done.code == 2
    assert "more.txt: not the file that was saved" in done.complaint
    shutil.rmtree(home / "weights")
