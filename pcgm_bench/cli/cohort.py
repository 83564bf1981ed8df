"""``pcgm-bench cohort``: make an embedded cohort as a BIDS folder, or check one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pcgm_bench.cli import options

cohort = typer.Typer(help="Make or check a cohort.", no_args_is_help=True)


@cohort.command("make")
def make(
    name: Annotated[str, typer.Argument(help="Embedded cohort: phantom.")],
    out: Annotated[Path, typer.Argument(help="Folder for the BIDS derivative dataset; new or empty.")],
    effect: options.Effect = None,
    mechanism: options.Mechanism = None,
    scanner: options.Scanner = None,
    seed: options.Seed = 0,
    grid: options.GridName = "3mm",
    population: Annotated[
        str, typer.Option("--population", help="aud, aging (with follow-up), synthesis or training.")
    ] = "aud",
    per_group: options.PerGroup = None,
    longitudinal: Annotated[
        bool, typer.Option("--longitudinal", help="Further visits for half of the people of aud.")
    ] = False,
    home: options.Home = None,
    quiet: options.Quiet = False,
) -> None:
    """Write an embedded cohort with its truth, for any tool that reads BIDS."""
    from pcgm_bench.contracts import CohortRequest
    from pcgm_bench.progress import Reporter
    from pcgm_bench.runner.resolve import find_cohort

    request = CohortRequest(name, (), effect, mechanism, grid, population, scanner, per_group)
    source, _plugin = find_cohort(request)
    with Reporter(quiet=quiet) as progress:
        written = source.write(request, out, seed, longitudinal, progress, options.home_folder(home))
    print(f"{out}: {written.table['subject'].nunique()} people, {len(written)} scans")


@cohort.command("check")
def check(
    folder: Annotated[Path, typer.Argument(help="BIDS folder.")],
    maps: options.Maps = None,
    quiet: options.Quiet = False,
) -> None:
    """Read every table and every voxel of a BIDS folder, and list what is wrong. Exit code 2 if anything is."""
    from pcgm_bench.cohort.check import check as check_it
    from pcgm_bench.progress import Reporter

    with Reporter(quiet=quiet) as progress:
        report = check_it(folder, tuple(maps or ()), progress)
    for line in report.lines():
        print(line)
    if not report.ok:
        raise typer.Exit(2)
