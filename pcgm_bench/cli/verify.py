"""``pcgm-bench verify``: is everything that is stored still what was stored?"""

from __future__ import annotations

from typing import Annotated

import typer

from pcgm_bench.cli import options
from pcgm_bench.printable import printable


def verify(
    run: Annotated[
        str | None, typer.Argument(help="Path, folder name, or first digits of the key; without, the whole home.")
    ] = None,
    home: options.Home = None,
    quiet: options.Quiet = False,
) -> None:
    """Compare every stored piece with what was stored: images, volumes, features, weights, phantoms, scores.

    One line for each piece that is damaged, changed or lost, with what to do. Nothing is changed. Exit code 2 if there
    is such a piece.
    """
    from pcgm_bench.cli.streams import reader_may_leave
    from pcgm_bench.progress import Reporter
    from pcgm_bench.runner.verify import verify_home
    from pcgm_bench.runner.verify import verify_run
    from pcgm_bench.store import RunFolder

    place = options.home_folder(home)
    with Reporter(quiet=quiet) as progress:
        report = verify_home(place, progress) if run is None else verify_run(RunFolder.find(place, run), progress)
    with reader_may_leave():
        for problem in report.problems:
            print(printable(problem))
        wrong = f"{len(report.problems)} not as stored" if report.problems else "all as stored"
        print(f"{report.checked} pieces checked: {wrong}")
    if report.problems:
        raise typer.Exit(2)
