"""``pcgm-bench counterfactual``: one scan in, one scan out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pcgm_bench.cli import options


def counterfactual(
    scan: Annotated[Path, typer.Argument(help="A T1w NIfTI file.")],
    out: Annotated[Path, typer.Argument(help="NIfTI file to write.")],
    method: options.Method,
    do: Annotated[list[str], typer.Option("--do", help="What to change: diagnosis=AUD, age=71.5, sex=F. Repeat.")],
    age: Annotated[float, typer.Option("--age", min=0, max=120, help="Age of the person, years.")] = 50.0,
    sex: Annotated[str, typer.Option("--sex", help="Sex of the person: F or M.")] = "F",
    diagnosis: Annotated[str, typer.Option("--diagnosis", help="Diagnosis of the person as they are.")] = "control",
    cohort: options.CohortName = "phantom",
    maps: options.Maps = None,
    effect: options.Effect = None,
    grid: options.GridName = "3mm",
    seed: options.Seed = 0,
    segmenter: options.SegmenterName = "unet",
    weights: options.Weights = None,
    settings: options.Settings = None,
    config: options.Config = None,
    home: options.Home = None,
    device: options.Device = "cpu",
    threads: options.Threads = 1,
    quiet: options.Quiet = False,
) -> None:
    """Draw one person as they would be under another diagnosis, age or sex."""
    from pcgm_bench.contracts import CohortRequest
    from pcgm_bench.progress import Reporter
    from pcgm_bench.runner.one_off import Person
    from pcgm_bench.runner.one_off import counterfactual as change
    from pcgm_bench.runner.request import MethodRequest

    asked = options.intervention(do)
    person = Person(age, options.sex(sex, "--sex "), diagnosis)
    with Reporter(quiet=quiet) as progress:
        request = MethodRequest(
            method=method,
            home=options.home_folder(home),
            cohort=CohortRequest(cohort, tuple(maps or ()), effect=effect, grid=grid),
            seed=seed,
            weights=weights,
            segmenter=segmenter,
            device=options.device_name(device),
            threads=threads,
            settings=options.settings(settings, config),
        )
        path = change(request, scan, asked, person, out, progress)
    print(path)
