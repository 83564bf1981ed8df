"""The command line: fast help, one line an error, exit codes, results on stdout and progress on stderr."""

from __future__ import annotations

import dataclasses
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from toy_registry import register
from typer.testing import CliRunner

from pcgm_bench import __version__
from pcgm_bench.cli import main as cli
from pcgm_bench.cli import options
from pcgm_bench.cohort import grid
from pcgm_bench.contracts import UserError
from pcgm_bench.doctor import examine
from pcgm_bench.progress import Reporter
from pcgm_bench.store.weights import WeightsNote
from pcgm_bench.store.weights import seal

VERBS = ("run", "score", "counterfactual", "sample", "cohort", "fit", "leaderboard", "show", "list", "doctor")
RUN = ["run", "--method", "shifter", "--study", "toy", "--cohort", "toy", "--segmenter", "toy"]


@dataclasses.dataclass
class Outcome:
    """Exit code and what was printed."""

    code: int
    out: str
    err: str


def call(arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Outcome:
    """Run the command line in this process, through `main`, as a user would."""
    monkeypatch.setattr(sys, "argv", ["pcgm-bench", *arguments])
    try:
        cli.main()
        code = 0
    except SystemExit as stop:
        code = int(stop.code or 0)
    return Outcome(code, *capsys.readouterr())


def shell(*arguments: str, code: str = "") -> subprocess.CompletedProcess[str]:
    """A fresh interpreter."""
    command = [sys.executable, *(["-c", code] if code else ["-m", "pcgm_bench"]), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_help_lists_the_verbs_and_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom pcgm_bench.cli.main import app\n"
        "try:\n    app(['--help'])\nfinally:\n"
        "    print('HEAVY', [m for m in ('torch', 'numpy', 'pandas', 'monai', 'nibabel') if m in sys.modules])"
    )
    printed = shell(code=code).stdout
    assert "HEAVY []" in printed
    assert all(verb in printed for verb in VERBS)


def test_help_takes_less_than_half_a_second() -> None:
    # Processor time, best of three: a busy machine makes wall time say nothing about the program.
    times = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert shell("--help").returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(times) < 0.5


@pytest.mark.parametrize("verb", [[verb] for verb in VERBS] + [["cohort", "make"], ["cohort", "check"]])
def test_every_verb_has_help(verb: list[str]) -> None:
    result = CliRunner().invoke(cli.app, [*verb, "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.output


def test_version() -> None:
    assert shell("--version").stdout == f"pcgm-bench {__version__}\n"


def test_run_then_show(
    home: Path, toys: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = call(RUN, capsys, monkeypatch)
    assert first.code == 0, first.err
    assert "Means" in first.out
    assert "Not run" in first.out
    assert "warning: only 12 people" in first.out
    assert "counterfactuals, shifter: 13/13 done" in first.err
    assert "counterfactuals" not in first.out
    key = re.findall(r"^run (\w+): ", first.out, re.MULTILINE)[0]
    shown = call(["show", key], capsys, monkeypatch)
    assert shown.out == first.out
    listed = call(["show"], capsys, monkeypatch)
    assert key in listed.out
    assert "scored" in listed.out
    again = call(RUN, capsys, monkeypatch)
    assert again.out == first.out


def test_images_made_elsewhere_are_drawn_as_a_run_is(
    home: Path, toys: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = call(RUN, capsys, monkeypatch)
    (made,) = (home / "runs").glob("*/derivatives/shifter")
    there = ["--study", "toy", "--real", "toy", "--segmenter", "toy", "--workers", "1"]
    second = call(["score", str(made), "--name", "mine", *there], capsys, monkeypatch)
    assert second.code == 0, second.err
    for outcome in (first, second):
        (folder,) = re.findall(r"^figures: (.+)$", outcome.out, re.MULTILINE)
        assert next(path.name for path in sorted(Path(folder).glob("*_desc-cf*.png"))).startswith("sub-000_")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["list", "metods"], "did you mean methods?"),
        (["run", "--method", "pcmg", "--study", "toy"], "unknown method 'pcmg'"),
        (["run", "--method", "shifter", "--study", "tory"], "did you mean toy?"),
        ([*RUN[:5], "--cohort", "/no/such/folder"], "no cohort and no folder is called"),
        ([*RUN, "--device", "tpu"], "--device tpu: use cpu, cuda or auto"),
        ([*RUN, "--segmentations", "/no/such"], "no such folder"),
        ([*RUN, "--segmentations", __file__], "a table of volumes is called .csv or .tsv"),
        ([*RUN, "--home", "/proc/nowhere"], "cannot write"),
        (["show", "123abc"], "no such run"),
        (["leaderboard", "--study", "tory"], "unknown study 'tory'; did you mean toy?"),
        (["leaderboard", "--study", "toy"], "`pcgm-bench run --method pcgm --study toy` makes one"),
        (["leaderboard"], "`pcgm-bench run --method pcgm --study aud` makes one"),
        (["leaderboard", "--study", "read"], "people read it: `pcgm-bench reader score`"),
        (["score", "/no/such", "--study", "tory"], "unknown study 'tory'; did you mean toy?"),
        (["score", "/no/such", "--study", "read"], "read is a study that people carry out"),
        (["score", "/no/such", "--study", "toy"], "/no/such: no such folder or manifest of images"),
        (["sample", "out", "--method", "shifter"], "shifter does not draw new brains"),
        (["counterfactual", "a.nii", "b.nii", "-m", "shifter", "--do", "AUD"], "write it as name=value"),
        (["counterfactual", "a.nii", "b.nii", "-m", "shifter", "--do", "height=2"], "only age, sex and diagnosis"),
        (["counterfactual", "a.nii", "b.nii", "-m", "shifter", "--do", "age=old"], "not a number of years"),
        (["counterfactual", "a.nii", "b.nii", "-m", "shifter", "--do", "age=500"], "age=500: ages are more than 0"),
        (["counterfactual", "a.nii", "b.nii", "-m", "shifter", "--do", "age=nan"], "age=nan: not a number of years"),
        (["counterfactual", "a.nii", "b", "-m", "shifter", "--do", "age=70"], "name a NIfTI file"),
        (["counterfactual", "a.nii", "b.nii", "-m", "truth", "--do", "age=70"], "cannot change a scan"),
    ],
)
def test_users_mistake_is_one_line_and_exit_code_2(
    arguments: list[str],
    message: str,
    home: Path,
    toys: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    register(monkeypatch, {"studies": {"read": "pcgm_bench.studies.reader:ReaderStudy"}})
    outcome = call(arguments, capsys, monkeypatch)
    assert outcome.code == 2
    last = outcome.err.splitlines()[-1]
    assert last.startswith("pcgm-bench: ")
    assert message in last
    assert "Traceback" not in outcome.err
    assert outcome.out == ""


def test_a_plugins_failure_is_one_line_exit_code_1_and_the_other_rows(
    home: Path, toys: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def bug(*_arguments: object) -> None:
        raise ZeroDivisionError("nothing left")

    monkeypatch.setattr("fakes.Shifter.counterfactual", bug)
    outcome = call([*RUN, "--workers", "1"], capsys, monkeypatch)
    assert outcome.code == 1
    last = outcome.err.splitlines()[-1]
    where = "method 'shifter' (toys 1): making sub-000_ses-01_desc-cfAUD"
    assert last.startswith(f"pcgm-bench: {where}: ZeroDivisionError: nothing left")
    assert "Traceback" not in outcome.err
    assert re.search(r"truth +. +94", outcome.out)
    assert where in outcome.out


def test_our_bug_is_exit_code_1_and_says_where(
    home: Path, toys: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def bug(*_arguments: object, **_options: object) -> None:
        error = ZeroDivisionError("nothing left")
        error.add_note("while counting")
        raise error

    monkeypatch.setattr("pcgm_bench.cli.carry_out.carry_out", bug)
    outcome = call(RUN, capsys, monkeypatch)
    assert outcome.code == 1
    assert "ZeroDivisionError: nothing left (while counting); this is a bug of pcgm-bench" in outcome.err
    assert "Traceback" not in outcome.err
    with pytest.raises(ZeroDivisionError):
        call(["--debug", *RUN], capsys, monkeypatch)
    monkeypatch.setattr(cli, "DEBUG", False)


def test_list_check_reports_a_broken_plugin(
    toys: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, {"methods": {"gone": "fakes:NotThere"}})
    assert call(["list", "methods"], capsys, monkeypatch).code == 0
    outcome = call(["list", "methods", "--check"], capsys, monkeypatch)
    assert outcome.code == 2
    assert "gone" in outcome.out
    assert "BROKEN: while loading: AttributeError" in outcome.out


def test_sample_writes_files(
    home: Path, toys: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fakes.SHAPE", grid.grid("3mm").shape)
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "level.txt").write_text("0.7")
    seal(weights, WeightsNote(method="sampler"))
    out = tmp_path / "out"
    arguments = ["sample", str(out), "--method", "sampler", "-n", "2", "--weights", str(weights)]
    outcome = call(arguments, capsys, monkeypatch)
    assert outcome.code == 0, outcome.err
    assert outcome.out.splitlines() == [str(out / f"sample-00{i}_T1w.nii.gz") for i in (1, 2)]
    assert np.asarray(nib.load(out / "sample-002_T1w.nii.gz").dataobj).mean() == pytest.approx(0.7, abs=0.05)


def test_do_is_typed() -> None:
    assert options.intervention(["diagnosis=AUD", "age=71.5", "sex=f"]) == {"diagnosis": "AUD", "age": 71.5, "sex": "F"}
    with pytest.raises(UserError, match="given twice"):
        options.intervention(["age=1", "age=2"])
    with pytest.raises(UserError, match="write F or M"):
        options.intervention(["sex=x"])
    for age in ("7_0", "7e1", "70,5", "inf", "nan"):
        with pytest.raises(UserError, match=f"--do age={age}: not a number of years"):
            options.intervention([f"age={age}"])


def test_plain_progress_has_an_eta(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("pcgm_bench.progress.time.monotonic", lambda: now)
    with Reporter(quiet=True) as report:
        report("work", 10, 40)  # 10 were there already
        for done in range(11, 41):
            now += 2.0
            report("work", done, 40)
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert lines[0] == "work: 10/40 done"
    assert lines[1] == "work: 18/40 done, about 44 s left"
    assert lines[-1] == "work: 40/40 done in 1 min 0 s"
    assert len(lines) == 5


def test_doctor_finds_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("FREESURFER_HOME", raising=False)
    findings = {finding.what: finding for finding in examine(tmp_path)}
    assert findings["mri_synthseg"].level == "note"
    assert findings["mri_synthseg"].remedy
    assert findings["torch"].found.startswith("2.")
    assert findings["jinja2"].level == "ok"
    assert str(tmp_path) in findings["disk"].found
    tool = tmp_path / "mri_synthseg"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    assert {finding.what: finding for finding in examine(tmp_path)}["mri_synthseg"].level == "ok"
    monkeypatch.setattr("pcgm_bench.doctor.NEEDED_GIB", 1e9)
    assert {finding.what: finding for finding in examine(tmp_path)}["disk"].level == "missing"


def test_ctrl_c_says_how_to_go_on(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "app", interrupted)
    outcome = call(["run"], capsys, monkeypatch)
    assert outcome.code == 130
    assert "the same command goes on" in outcome.err


def test_reader_that_stops_reading_is_no_error() -> None:
    command = f"{sys.executable} -m pcgm_bench list methods | head -n 0"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert done.stderr == ""
