"""``pcgm-bench fit``: train a generator."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pcgm_bench.cli import options


def fit(
    method: options.Method,
    cohort: options.CohortName = "phantom",
    maps: options.Maps = None,
    grid: options.GridName = "3mm",
    seed: options.Seed = 0,
    segmenter: options.SegmenterName = "unet",
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for the weights instead of the home folder.")
    ] = None,
    settings: options.Settings = None,
    config: options.Config = None,
    home: options.Home = None,
    device: options.Device = "cpu",
    threads: options.Threads = 1,
    processes: Annotated[
        int, typer.Option("--processes", min=1, help="Processes that share every batch: one a GPU.")
    ] = 1,
    quiet: options.Quiet = False,
) -> None:
    """Train a generator on a cohort (the phantom gives its training controls), and keep its weights."""
    from pcgm_bench.contracts import CohortRequest
    from pcgm_bench.progress import Reporter
    from pcgm_bench.runner.one_off import fit as fit_it
    from pcgm_bench.runner.request import MethodRequest

    with Reporter(quiet=quiet) as progress:
        request = MethodRequest(
            method=method,
            home=options.home_folder(home),
            cohort=CohortRequest(cohort, tuple(maps or ()), grid=grid),
            seed=seed,
            segmenter=segmenter,
            device=options.device_name(device),
            threads=threads,
            settings=options.settings(settings, config),
        )
        folder = fit_it(request, out, progress, processes)
    print(folder)
