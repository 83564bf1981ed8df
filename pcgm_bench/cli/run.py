"""``pcgm-bench run``: a method through a study."""

from __future__ import annotations

from typing import Annotated

import typer

from pcgm_bench.cli import options


def run(
    method: options.Method,
    study: Annotated[str, typer.Option("--study", "-s", help="Protocol; see `pcgm-bench list studies`.")],
    cohort: options.CohortName = "phantom",
    maps: options.Maps = None,
    seed: options.Seed = 0,
    quick: Annotated[bool, typer.Option("--quick", help="Few people: to see it work, not to believe it.")] = False,
    effect: options.Effect = "demo",
    mechanism: options.Mechanism = "pial",
    grid: options.GridName = "3mm",
    segmenter: options.SegmenterName = "unet",
    segmentations: options.Segmentations = None,
    qc_threshold: options.QCThreshold = None,
    weights: options.Weights = None,
    home: options.Home = None,
    device: options.Device = "cpu",
    threads: options.Threads = 1,
    workers: options.Workers = None,
    quiet: options.Quiet = False,
) -> None:
    """Run a method through a study, and print its tables.

    Interrupted or killed, the same command goes on where it stopped; finished, it reads the result from the store.
    """
    from pcgm_bench.cli.printing import print_scored
    from pcgm_bench.progress import Reporter
    from pcgm_bench.runner import CohortRequest
    from pcgm_bench.runner import Request
    from pcgm_bench.runner import default_workers
    from pcgm_bench.runner import run as run_it

    ruler = options.ruler(segmenter, segmentations)
    device = options.device_name(device)
    request = Request(
        method=method,
        study=study,
        home=options.home_folder(home),
        cohort=CohortRequest(cohort, tuple(maps or ()), effect, mechanism, grid),
        seed=seed,
        quick=quick,
        segmenter=ruler,
        segmentations=segmentations,
        qc_threshold=qc_threshold,
        weights=weights,
        device=device,
        threads=threads,
        workers=workers or default_workers(threads),
    )
    with Reporter(quiet=quiet) as progress:
        scored = run_it(request, progress)
    from pcgm_bench.report.run_figures import run_figures

    run_figures(scored)
    print_scored(scored.folder, scored.tables, scored.warnings)
