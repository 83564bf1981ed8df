"""``pcgm-bench sample``: new brains."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pcgm_bench.cli import options


def sample(
    out: Annotated[Path, typer.Argument(help="Folder for the NIfTI files.")],
    method: options.Method,
    n: Annotated[int, typer.Option("-n", help="How many.")] = 1,
    grid: options.GridName = "3mm",
    seed: options.Seed = 0,
    weights: options.Weights = None,
    settings: options.Settings = None,
    config: options.Config = None,
    home: options.Home = None,
    device: options.Device = "cpu",
    threads: options.Threads = 1,
    quiet: options.Quiet = False,
) -> None:
    """Draw new brains and write them as NIfTI."""
    from pcgm_bench.contracts import CohortRequest
    from pcgm_bench.progress import Reporter
    from pcgm_bench.runner.one_off import sample as sample_it
    from pcgm_bench.runner.request import MethodRequest

    with Reporter(quiet=quiet) as progress:
        request = MethodRequest(
            method=method,
            home=options.home_folder(home),
            cohort=CohortRequest(grid=grid),
            seed=seed,
            weights=weights,
            device=options.device_name(device),
            threads=threads,
            settings=options.settings(settings, config),
        )
        paths = sample_it(request, n, out, progress)
    for path in paths:
        print(path)
