"""``pcgm-bench leaderboard``: stored results side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pcgm_bench.cli import options


def leaderboard(
    study: Annotated[str | None, typer.Option("--study", "-s", help="This study only.")] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", help="terminal, markdown, csv, latex or html; else what --out's ending says."),
    ] = None,
    results: Annotated[
        Path | None, typer.Option("--results", help="Folder that --export wrote, instead of the runs at home.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File to write instead of printing.")] = None,
    export: Annotated[
        Path | None, typer.Option("--export", help="Write one small JSON file a run into this folder.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="In the terminal: the tables by topic too.")] = False,
    home: options.Home = None,
) -> None:
    """Rank what has been run: estimates, intervals, tiers, controls, and the paper's tables for reference.

    Rows of different studies, cohorts, segmenters, sizes or seeds never share a table; the board says why.
    """
    from pcgm_bench.board.build import build
    from pcgm_bench.board.collect import from_home
    from pcgm_bench.board.files import export as write_results
    from pcgm_bench.board.files import from_folder
    from pcgm_bench.board.render import SUFFIXES
    from pcgm_bench.board.render import render
    from pcgm_bench.board.render import show
    from pcgm_bench.cli.printing import console

    chosen = form or SUFFIXES.get(out.suffix.lower() if out else "", "terminal")
    place = options.home_folder(home)
    collected = from_folder(results, study) if results is not None else from_home(place, study)
    if not collected.results:
        where = results if results is not None else place / "runs"
        left = f" ({len(collected.left_out)} left out: {collected.left_out[0][1]})" if collected.left_out else ""
        if study is not None:
            _check_has_board(study)
        what = f"scored run of study {study}" if study else "scored run"
        hint = f"`pcgm-bench run --method pcgm --study {study or 'aud'}` makes one"
        raise options.user_error(f"{where}: no {what}{left}; {hint}")
    if export is not None:
        paths = write_results(collected.results, export)
        console().print(f"{len(paths)} results in {export}", markup=False, highlight=False, soft_wrap=True)
        for name, reason in collected.left_out:
            console().print(f"left out: {name}: {reason}", markup=False, highlight=False, soft_wrap=True)
        if out is None and form is None:
            return
    board = build(collected)
    if out is None:
        if chosen == "terminal":
            show(board, console(), everything=everything)
        else:
            print(render(board, chosen), end="")
        return
    from pcgm_bench.store import atomic

    atomic.write_text(out, render(board, chosen))
    console().print(f"{out}", markup=False, highlight=False, soft_wrap=True)


def _check_has_board(name: str) -> None:
    """Raises UserError for a study that is not there, or that people carry out."""
    from pcgm_bench import registry
    from pcgm_bench.contracts import ReadingStudy

    if issubclass(registry.get("studies", name), ReadingStudy):
        hint = "people read it: `pcgm-bench reader score` prints its tables"
        raise options.user_error(f"study {name} is never on the board; {hint}")
