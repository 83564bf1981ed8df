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
    from pcgm_bench.cli.printing import console
    from pcgm_bench.cli.printing import print_conclusion
    from pcgm_bench.cli.printing import print_scored
    from pcgm_bench.contracts import UserError
    from pcgm_bench.registry import find
    from pcgm_bench.results.scores import read_scores
    from pcgm_bench.runner.scoring import study_tables
    from pcgm_bench.store import RunFolder
    from pcgm_bench.tables import Cell
    from pcgm_bench.tables import Column
    from pcgm_bench.tables import Table

    place = options.home_folder(home)
    if run is not None:
        folder = RunFolder.find(place, run)
        if not folder.scores_file.exists():
            raise options.user_error(f"{folder.root}: not scored yet; give the same `pcgm-bench run` command again")
        scores = read_scores(folder.scores_file)
        study = find("studies", folder.identity.study).load()()
        print_scored(folder, study_tables(study, scores), scores.warnings, everything=everything)
        print_conclusion(folder, scores.records)
        return
    rows: list[list[Cell]] = []
    for folder in RunFolder.all(place):
        state = "scored" if folder.scores_file.exists() else "unfinished"
        try:
            run_of = folder.identity
        except UserError as error:
            rows.append([folder.root.name, None, None, None, None, None, str(error)])
            continue
        quick = "yes" if run_of.quick else "no"
        rows.append([run_of.key, run_of.method_with_settings, run_of.study, run_of.cohort, run_of.seed, quick, state])
    names = ("run", "method", "study", "cohort", "seed", "quick", "state")
    console().print(Table("runs", f"Runs in {place / 'runs'}", [Column(name) for name in names], rows).rich())
