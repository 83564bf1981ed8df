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
    effect: options.Effect = None,
    mechanism: options.Mechanism = None,
    scanner: options.Scanner = None,
    per_group: options.PerGroup = None,
    anatomies: options.Anatomies = None,
    grid: options.GridName = "3mm",
    segmenter: options.SegmenterName = "unet",
    segmentations: options.Segmentations = None,
    expect: options.Expect = "",
    qc_threshold: options.QCThreshold = None,
    keep_poor_scans: options.KeepPoorScans = False,
    metrics: options.AddedMetrics = None,
    features: options.AddedFeatures = None,
    home: options.Home = None,
    workers: options.Workers = None,
    quiet: options.Quiet = False,
) -> None:
    """Score images made elsewhere: the same tables and the same row on the board as a plugin gets.

    An image lies on the grid of the real scans and is called after the scan it was made from and what was asked:
    desc-cfAUD, desc-cfcontrol, desc-cfAge71p5. `pcgm-bench ask` writes those scans and a list of all names. Every file
    is read before anything is scored; wrong grids, missing people, NaN and damaged files are named. Of more new brains
    than there are real ones the first by name are scored; images that nobody asked for are named.

    Intensities are on the scale of the real scans: background 0, bright white matter about 1, stored as float32. Images
    that are all on 0 to 255 or -1 to 1 are rescaled, and the tables say so; any other scale is refused.
    """
    from pcgm_bench.cli.carry_out import Cluster
    from pcgm_bench.cli.carry_out import carry_out
    from pcgm_bench.contracts import CohortRequest
    from pcgm_bench.runner.request import ImageFolder
    from pcgm_bench.runner.request import RunRequest

    request = RunRequest(
        method=name or source.resolve().name.split(".")[0],
        study=study,
        home=options.home_folder(home),
        cohort=CohortRequest.of(
            real,
            maps,
            effect=effect,
            mechanism=mechanism,
            grid=grid,
            scanner=scanner,
            per_group=per_group,
            anatomies=anatomies,
        ),
        seed=seed,
        quick=quick,
        segmenter=options.ruler(segmenter, segmentations),
        segmentations=segmentations,
        qc_threshold=qc_threshold,
        image_folder=ImageFolder(source, allow_missing),
        metrics=options.added(metrics),
        features=options.added(features),
        expect=expect,
        keep_poor_scans=keep_poor_scans,
    )
    carry_out(request, workers, Cluster(), quiet=quiet)
