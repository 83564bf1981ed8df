"""``pcgm-bench score``: images made elsewhere through a study, without a plugin."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pcgm_bench.cli import options


def score(
    source: Annotated[
        Path,
        typer.Argument(
            help="Folder of NIfTI files (sub-001_desc-cfAUD_T1w.nii.gz; new brains: any *_T1w.nii.gz), or a CSV "
            "manifest with the columns path, subject, session, desc."
        ),
    ],
    study: Annotated[str, typer.Option("--study", "-s", help="Protocol; see `pcgm-bench list studies`.")],
    name: Annotated[
        str | None, typer.Option("--name", help="What the row is called.", show_default="the folder's name")
    ] = None,
    real: options.Real = "phantom",
    maps: options.Maps = None,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Score the images that are there; the tables say k/N.")
    ] = False,
    seed: options.Seed = 0,
    quick: options.QuickPhantom = False,
    effect: options.Effect = "demo",
    mechanism: options.Mechanism = "pial",
    grid: options.GridName = "3mm",
    segmenter: options.SegmenterName = "unet",
    segmentations: options.Segmentations = None,
    qc_threshold: options.QCThreshold = None,
    home: options.Home = None,
    workers: options.Workers = None,
    quiet: options.Quiet = False,
) -> None:
    """Score images made elsewhere: the same tables and the same row on the board as a plugin gets.

    An image lies on the grid of the real scans and is called after the scan it was made from and what was asked:
    desc-cfAUD, desc-cfcontrol, desc-cfAge71p5. `pcgm-bench ask` writes those scans and a list of all names. Every file
    is read before anything is scored; wrong grids, missing people, NaN and damaged files are named. Of more new brains
    than there are real ones the first by name are scored; images that nobody asked for are named.
    """
    from pcgm_bench.cli.printing import print_scored
    from pcgm_bench.progress import Reporter
    from pcgm_bench.runner import CohortRequest
    from pcgm_bench.runner import Given
    from pcgm_bench.runner import Request
    from pcgm_bench.runner import default_workers
    from pcgm_bench.runner import run as run_it

    ruler = options.ruler(segmenter, segmentations)
    label = name or source.resolve().name.split(".")[0]
    request = Request(
        method=label,
        study=study,
        home=options.home_folder(home),
        cohort=CohortRequest(real, tuple(maps or ()), effect, mechanism, grid),
        seed=seed,
        quick=quick,
        segmenter=ruler,
        segmentations=segmentations,
        qc_threshold=qc_threshold,
        workers=workers or default_workers(1),
        given=Given(source, label, allow_missing),
    )
    with Reporter(quiet=quiet) as progress:
        scored = run_it(request, progress)
    from pcgm_bench.report.run_figures import run_figures

    run_figures(scored)
    print_scored(scored.folder, scored.tables, scored.warnings)
