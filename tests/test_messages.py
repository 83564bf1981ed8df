"""What a user is told: one line on stderr, an exit code that says whose fault it is, whatever the terminal is."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from test_cli import RUN
from test_cli import call

from pcgm_bench.contracts import UserError
from pcgm_bench.progress import Reporter

COMMAND = f"{sys.executable} -m pcgm_bench"


def bash(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A script in which ``$P`` is the command."""
    return subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        errors="surrogateescape",
        env={**os.environ, "P": COMMAND, **environment},
    )


@pytest.mark.parametrize("command", ["list metrics", "run --help", "show", "cohort check nowhere"])
def test_a_closed_pipe_is_no_error(command: str, home: Path) -> None:
    done = bash(f"$P {command} | true; echo ${{PIPESTATUS[0]}}")
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_a_closed_pipe_on_stderr_keeps_the_exit_code(home: Path) -> None:
    assert bash("$P show nothing 2>&1 | true; echo ${PIPESTATUS[0]}").stdout == "2\n"


def test_work_goes_on_where_nobody_reads_the_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w", buffering=1) as closed:
        monkeypatch.setattr(sys, "stderr", closed)
        with pytest.raises(BrokenPipeError):
            os.write(write, b"x")
        done = 0
        with Reporter(quiet=True) as report:
            for done in (1, 2):
                report("work", done, 2)
        assert done == 2
        monkeypatch.undo()
        os.dup2(os.open(os.devnull, os.O_WRONLY), write)


def test_streams_that_are_closed_or_full(home: Path) -> None:
    done = bash("$P list metrics >&-; echo $?; $P list metrics >/dev/full; echo $?")
    assert done.stdout == "0\n2\n"
    assert done.stderr == (
        "pcgm-bench: output: No space left on device; check the path, its permissions and the space on the disk\n"
    )


def test_any_terminal_takes_any_text(home: Path) -> None:
    done = bash("$P cohort check m\u00fc; echo $?", PYTHONIOENCODING="ascii")
    assert r"m\xfc: no such folder" in done.stdout
    assert done.stdout.endswith("2\n")
    # A file's name need not be text.
    done = bash("$P cohort check $'m\\xfc'; echo $?", LC_ALL="C")
    assert "no such folder" in done.stdout
    assert done.stdout.endswith("2\n")
    assert done.stderr == ""


def test_ctrl_c_in_a_command_says_how_to_go_on(
    home: Path, toys: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pcgm_bench.cli.carry_out.carry_out", interrupted)
    outcome = call(RUN, capsys, monkeypatch)
    assert (outcome.code, outcome.out) == (130, "")
    assert outcome.err == "pcgm-bench: interrupted; the same command goes on from here\n"


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UserError("sub-01: no age\nfill it in"), 2, "pcgm-bench: sub-01: no age fill it in\n"),
        (PermissionError(errno.EACCES, "Permission denied", "/x/y"), 2, "pcgm-bench: /x/y: Permission denied; check"),
        (OSError(errno.ENAMETOOLONG, "File name too long", "/x"), 2, "pcgm-bench: /x: File name too long; check"),
        (FileNotFoundError(errno.ENOENT, "No such file", "/x"), 1, "this is a bug of pcgm-bench or of a plugin"),
        (MemoryError(), 1, "pcgm-bench: not enough memory; fewer --workers"),
        (ValueError("x"), 1, "pcgm-bench: ValueError: x; this is a bug of pcgm-bench or of a plugin"),
    ],
)
def test_whose_fault_it_is(
    error: Exception,
    code: int,
    said: str,
    home: Path,
    toys: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def raising(*_arguments: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr("pcgm_bench.cli.carry_out.carry_out", raising)
    outcome = call(RUN, capsys, monkeypatch)
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (code, "", 1)
    assert said in outcome.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show"], "is a file; choose another place with --home or PCGM_BENCH_HOME"),
        (["leaderboard"], "is a file; choose another place"),
        (["cohort", "check", "x" * 300], "File name too long; check the path"),
        (["run", "-m", "pcgm", "-s", "aud", "--threads", "1000000000"], "less than or equal to 1024"),
    ],
)
def test_impossible_places_and_sizes(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PCGM_BENCH_HOME", str(tmp_path / "file" / "home"))
    outcome = call(arguments, capsys, monkeypatch)
    assert outcome.code == 2
    assert said in outcome.err
    assert "Traceback" not in outcome.err
