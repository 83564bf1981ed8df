"""How results look in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from pcgm_bench.printable import printable

if TYPE_CHECKING:
    from pcgm_bench.contracts import Conclusion
    from pcgm_bench.contracts import Record
    from pcgm_bench.runner.run import RunResult
    from pcgm_bench.store import RunFolder
    from pcgm_bench.tables import Table

WIDTH_WITHOUT_TERMINAL = 160


def console() -> Console:
    """For stdout; wide when it is a file or a pipe, so that no table is cut there."""
    plain = Console()
    return plain if plain.is_terminal else Console(width=WIDTH_WITHOUT_TERMINAL)


def print_run(result: RunResult) -> None:
    """What came out of a run."""
    print_scored(result.folder, result.tables, result.scores.warnings)
    print_conclusion(result.folder, result.scores.records)


def print_conclusion(folder: RunFolder, records: Sequence[Record]) -> None:
    """What the run's study concludes about its method, last of all."""
    from pcgm_bench.contracts import Study
    from pcgm_bench.registry import find

    study = find("studies", folder.identity.study).load()()
    if isinstance(study, Study):
        print_sentences(study.conclusion(records, folder.identity.method))


def print_sentences(said: Conclusion | None) -> None:
    """The three sentences, where there is something to conclude."""
    for line in said.lines() if said is not None else ():
        console().print(printable(line), markup=False, highlight=False)


def print_warnings(warnings: Sequence[str]) -> None:
    """What not to believe, a line each."""
    for warning in warnings:
        console().print(printable(f"warning: {warning}"), markup=False, highlight=False)


def print_scored(
    folder: RunFolder, tables: Sequence[Table], warnings: Sequence[str], *, everything: bool = False
) -> None:
    """Tables (the detailed ones with ``everything``), then what not to believe, then where everything is."""
    out = console()
    hidden = [] if everything else [table for table in tables if table.detail]
    for table in (table for table in tables if table not in hidden):
        out.print(table.rich())
        out.print()
    print_warnings(warnings)
    manifest = folder.manifest
    if manifest.sessions:
        from pcgm_bench.progress import span

        peak = max(session.peak_rss_mib for session in manifest.sessions)
        made = sum(session.made for session in manifest.sessions)
        out.print(f"{made} images made in {span(manifest.wall_seconds)}, at most {peak:.0f} MiB", highlight=False)
    if hidden:
        names = ", ".join(table.name for table in hidden)
        out.print(f"more tables: {names}; `pcgm-bench show {folder.identity.key} --all`", highlight=False)
    out.print(f"run {folder.identity.key}: {folder.root}", markup=False, highlight=False, soft_wrap=True)
    if folder.figures.is_dir():
        out.print(f"figures: {folder.figures}", markup=False, highlight=False, soft_wrap=True)
    if folder.report_file.exists():
        out.print(f"report: {folder.report_file}", markup=False, highlight=False, soft_wrap=True)
