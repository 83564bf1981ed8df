"""``pcgm-bench``: collects the verbs; turns errors into one line and an exit code."""

from __future__ import annotations

import logging
import os
import sys
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
from pcgm_bench.cli.run import run
from pcgm_bench.cli.sample import sample
from pcgm_bench.cli.score import score
from pcgm_bench.cli.show import show

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
app.command("leaderboard")(leaderboard)
app.add_typer(reader, name="reader")
app.command("list")(list_plugins)
app.command("doctor")(doctor)

DEBUG = False


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


def main() -> None:
    """Entry point: exit code 0; 2 for the user's mistake; 1 for our bug; 130 for Ctrl-C."""
    keep_freed_memory()
    # A helper process that failed, a task that was lost: said in a line, like everything else on stderr.
    messages = logging.StreamHandler()
    messages.setFormatter(logging.Formatter("pcgm-bench: %(message)s"))
    logging.getLogger("pcgm_bench").addHandler(messages)
    try:
        app()
    except KeyboardInterrupt:
        _fail("interrupted; the same command goes on from here", 130)
    except BrokenPipeError:
        # The reader (`| head`) has gone; Python must not complain about it while it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if DEBUG:
            raise
        from pcgm_bench.contracts import PluginError
        from pcgm_bench.contracts import UserError

        if isinstance(error, UserError):
            _fail(_line(error), 2)
        if isinstance(error, PluginError):
            _fail(_line(error), 1)
        # Python itself is asked: an exception has this attribute once a note was added.
        where = "".join(f" ({note})" for note in getattr(error, "__notes__", []))
        text = f"{type(error).__name__}: {_line(error)}{where}"
        _fail(f"{text}; this is a bug of pcgm-bench or of a plugin: run `pcgm-bench --debug ...` and report it", 1)
    finally:
        logging.getLogger("pcgm_bench").removeHandler(messages)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _fail(text: str, code: int) -> None:
    print(f"pcgm-bench: {text}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
