"""``pcgm-bench show``: stored runs."""

from __future__ import annotations

from typing import Annotated

import typer

from pcgm_bench.cli import options


def show(
    run: Annotated[str | None, typer.Argument(help="Path, folder name, or first digits of the key.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="The detailed tables too.")] = False,
    home: options.Home = None,
) -> None:
    """Print a stored run's tables; without RUN, list the runs."""
    from pcgm_bench import registry
    from pcgm_bench.cli.printing import console
    from pcgm_bench.cli.printing import print_scored
    from pcgm_bench.runner.scoring import study_tables
    from pcgm_bench.store import RunFolder
    from pcgm_bench.tables import Cell
    from pcgm_bench.tables import Column
    from pcgm_bench.tables import Table

    place = options.home_folder(home)
    if run is not None:
        folder = RunFolder.find(place, run)
        scores = folder.scores
        if scores is None:
            raise options.user_error(f"{folder.root}: not scored yet; give the same `pcgm-bench run` command again")
        study = registry.get("studies", folder.identity.study)()
        print_scored(folder, study_tables(study, scores), scores["warnings"], everything=everything)
        return
    rows: list[list[Cell]] = []
    for folder in RunFolder.all(place):
        one = folder.identity
        state = "scored" if folder.scores_file.exists() else "unfinished"
        rows.append([one.key, one.method, one.study, one.cohort, one.seed, "yes" if one.quick else "no", state])
    names = ("run", "method", "study", "cohort", "seed", "quick", "state")
    console().print(Table("runs", f"Runs in {place / 'runs'}", [Column(name) for name in names], rows).rich())
