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
    anatomies: options.Anatomies = None,
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

    request = CohortRequest.of(
        name,
        None,
        effect=effect,
        mechanism=mechanism,
        grid=grid,
        scanner=scanner,
        per_group=per_group,
        anatomies=anatomies,
        population=population,
    )
    source, _plugin = find_cohort(request)
    with Reporter(quiet=quiet) as progress:
        written = source.write(request, out, seed, longitudinal, progress, options.home_folder(home))
    print(f"{out}: {written.table['subject'].nunique()} people, {len(written)} scans")


@cohort.command("check")
def check(
    folder: Annotated[Path, typer.Argument(help="BIDS folder.")],
    maps: options.Maps = None,
    quality: Annotated[
        bool,
        typer.Option(
            "--quality",
            help="Align and segment every scan as a run does, print its quality, and name poor ones, which a run "
            "leaves out. About 10 s a scan on a free processor; a run finds it done.",
        ),
    ] = False,
    grid: options.GridName = "3mm",
    segmenter: options.SegmenterName = "unet",
    home: options.Home = None,
    quiet: options.Quiet = False,
) -> None:
    """Read every table and every voxel of a BIDS folder, and list what is wrong. Exit code 2 if anything is.

    Scans on a standard grid are judged by their voxels at once; native scans are judged with --quality.
    """
    from pcgm_bench.cohort.check import check as check_it
    from pcgm_bench.progress import Reporter

    with Reporter(quiet=quiet) as progress:
        report = check_it(folder, tuple(maps or ()), progress)
    for line in report.lines():
        print(line)
    poor = len(report.poor)
    if quality and report.ok:
        from pcgm_bench.contracts import CohortRequest
        from pcgm_bench.runner.quality_check import check_quality

        request = CohortRequest(str(folder), tuple(maps or ()), grid=grid)
        with Reporter(quiet=quiet) as progress:
            found = check_quality(request, options.home_folder(home), segmenter, progress)
        print("\n".join(found.lines()))
        poor = len(found.poor)
    if poor or not report.ok:
        raise typer.Exit(2)
