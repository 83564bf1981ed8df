"""``pcgm-bench ask``: what a study wants of images made elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pcgm_bench.cli import options


def ask(
    out: Annotated[Path, typer.Argument(help="Folder to write into.")],
    study: Annotated[str, typer.Option("--study", "-s", help="Protocol; see `pcgm-bench list studies`.")],
    real: options.Real = "phantom",
    maps: options.Maps = None,
    seed: options.Seed = 0,
    quick: options.QuickPhantom = False,
    effect: options.Effect = None,
    mechanism: options.Mechanism = None,
    scanner: options.Scanner = None,
    per_group: options.PerGroup = None,
    anatomies: options.Anatomies = None,
    grid: options.GridName = "3mm",
    home: options.Home = None,
    quiet: options.Quiet = False,
) -> None:
    """Write what `score` will look for: the real scans on their grid, and interventions.csv, one row an image to make.

    Change each scan as its row says (column do), save it under the name in the column path, and give the folder, or
    interventions.csv itself, to `pcgm-bench score` with the same options. Intensities: background 0, bright white
    matter about 1, as in the scans that are written.
    """
    from pcgm_bench.cohort.intensity import SCALE
    from pcgm_bench.contracts import CohortRequest
    from pcgm_bench.progress import Reporter
    from pcgm_bench.runner.interventions_csv import write_interventions

    request = CohortRequest.of(
        real,
        maps,
        effect=effect,
        mechanism=mechanism,
        grid=grid,
        scanner=scanner,
        per_group=per_group,
        anatomies=anatomies,
    )
    with Reporter(quiet=quiet) as progress:
        path, count = write_interventions(study, request, options.home_folder(home), seed, quick, out, progress)
    scale = f"intensities as in the scans: {SCALE}"
    if path is None:
        print(f"{study}: draw {count} new brains on the {grid} grid, under any names that end in _T1w.nii.gz; {scale}")
    else:
        print(f"{path}: {count} images to make, of the scans beside it, under the names in its column path; {scale}")
        print(f"then: pcgm-bench score {out} --study {study}, with the same options as here")
