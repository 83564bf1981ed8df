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
    weights: options.Weights = None,
    settings: options.Settings = None,
    config: options.Config = None,
    home: options.Home = None,
    device: options.Device = "cpu",
    threads: options.Threads = 1,
    workers: options.Workers = None,
    shard: options.Shard = None,
    executor: options.ExecutorName = "local",
    jobs: options.Jobs = 4,
    partition: options.Partition = "",
    gpus_per_task: options.GpusPerTask = 0,
    constraint: options.Constraint = "",
    minutes: options.Minutes = 240,
    memory: options.Memory = "8GB",
    quiet: options.Quiet = False,
) -> None:
    """Run a method through a study, and print its tables.

    Interrupted or killed, the same command goes on where it stopped; finished, it reads the result from the store.
    """
    from pcgm_bench.cli.carry_out import Cluster
    from pcgm_bench.cli.carry_out import carry_out
    from pcgm_bench.contracts import CohortRequest
    from pcgm_bench.runner.request import RunRequest

    request = RunRequest(
        method=method,
        study=study,
        home=options.home_folder(home),
        cohort=CohortRequest.of(
            cohort,
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
        weights=weights,
        device=options.device_name(device),
        threads=threads,
        metrics=options.added(metrics),
        features=options.added(features),
        expect=expect,
        keep_poor_scans=keep_poor_scans,
        settings=options.settings(settings, config),
    )
    cluster = Cluster(executor, shard, jobs, partition, gpus_per_task, constraint, minutes, memory)
    carry_out(request, workers, cluster, quiet=quiet)
