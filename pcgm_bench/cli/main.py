"""``pcgm-bench``: collects the verbs; turns errors into one line and an exit code."""

from __future__ import annotations

import errno
import logging
import sys
from contextlib import suppress
from typing import Annotated

import typer

from pcgm_bench import __version__
from pcgm_bench.allocator import keep_freed_memory
from pcgm_bench.cli.ask import ask
from pcgm_bench.cli.cohort import cohort
from pcgm_bench.cli.counterfactual import counterfactual
from pcgm_bench.cli.doctor import doctor
from pcgm_bench.cli.fit import fit
from pcgm_bench.cli.leaderboard import leaderboard
from pcgm_bench.cli.list_plugins import list_plugins
from pcgm_bench.cli.reader import reader
from pcgm_bench.cli.report import report
from pcgm_bench.cli.run import run
from pcgm_bench.cli.sample import sample
from pcgm_bench.cli.score import score
from pcgm_bench.cli.show import show
from pcgm_bench.cli.streams import came_from
from pcgm_bench.cli.streams import reader_may_leave
from pcgm_bench.cli.streams import take_any_text
from pcgm_bench.cli.streams import write_nowhere
from pcgm_bench.cli.verify import verify
from pcgm_bench.printable import printable

app = typer.Typer(
    name="pcgm-bench",
    help="Does a synthetic brain MRI carry the right anatomy?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run)
app.command("ask")(ask)
app.command("score")(score)
app.command("counterfactual")(counterfactual)
app.command("sample")(sample)
app.add_typer(cohort, name="cohort")
app.command("fit")(fit)
app.command("show")(show)
app.command("verify")(verify)
app.command("report")(report)
app.command("leaderboard")(leaderboard)
app.add_typer(reader, name="reader")
app.command("list")(list_plugins)
app.command("doctor")(doctor)

DEBUG = False
GO_ON = "interrupted; the same command goes on from here"
OF_THE_MACHINE = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENAMETOOLONG, errno.ELOOP, errno.EISDIR,
     errno.ENOTDIR, errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENFILE}
)  # fmt: skip
"""Errors that no code of ours can cause: the user's paths, permissions and disks."""


def _version(wanted: bool) -> None:
    if wanted:
        print(f"pcgm-bench {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    global DEBUG
    DEBUG = debug


class _OneLine(logging.Formatter):
    """A message as one line of plain text: it may hold what a plugin or a file's name says."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return printable(super().format(record))


def main() -> None:
    """Entry point: exit code 0; 2 for the user's mistake; 1 for a plugin's and for our bug; 130 for Ctrl-C."""
    take_any_text()
    keep_freed_memory()
    # A helper process that failed, a task that was lost: said in a line, like everything else on stderr.
    messages = logging.StreamHandler()
    messages.setFormatter(_OneLine("pcgm-bench: %(message)s"))
    logging.getLogger("pcgm_bench").addHandler(messages)
    # A line that nobody can read is no reason for a traceback.
    logging.raiseExceptions = DEBUG
    try:
        with reader_may_leave():
            _command()
    finally:
        logging.getLogger("pcgm_bench").removeHandler(messages)


def _command() -> None:
    """Carry the command out; an error becomes a line and an exit code."""
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        _fail(GO_ON, 130)
    except SystemExit as stop:
        # Typer ends the process at Ctrl-C without a word.
        if came_from(stop, KeyboardInterrupt):
            _fail(GO_ON, 130)
        raise
    except BrokenPipeError:
        raise
    except Exception as error:
        if DEBUG:
            raise
        _report(error)


def _report(error: Exception) -> None:
    """Say what went wrong, and end with the exit code of whose fault it is."""
    from pcgm_bench.contracts import PluginError
    from pcgm_bench.contracts import UserError

    if isinstance(error, UserError):
        _fail(_line(error), 2)
    if isinstance(error, PluginError):
        _fail(_line(error), 1)
    if isinstance(error, OSError) and error.errno in OF_THE_MACHINE:
        where = error.filename if error.filename is not None else "output"
        if error.filename is None:
            write_nowhere()
        _fail(f"{where}: {error.strerror}; check the path, its permissions and the space on the disk", 2)
    if isinstance(error, MemoryError):
        _fail("not enough memory; fewer --workers, or a coarser grid, need less", 1)
    # Python itself is asked: an exception has this attribute once a note was added.
    where = "".join(f" ({note})" for note in getattr(error, "__notes__", []))
    text = f"{type(error).__name__}: {_line(error)}{where}"
    _fail(f"{text}; this is a bug of pcgm-bench or of a plugin: run `pcgm-bench --debug ...` and report it", 1)


def _line(error: BaseException) -> str:
    return printable(" ".join(str(error).split()))


def _fail(text: str, code: int) -> None:
    with suppress(OSError):
        print(f"pcgm-bench: {text}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
