"""``pcgm-bench report``: a stored run as one HTML page."""

from __future__ import annotations

from typing import Annotated

import typer

from pcgm_bench.cli import options


def report(
    run: Annotated[str, typer.Argument(help="Path, folder name, or first digits of the key.")],
    show: Annotated[bool, typer.Option("--open", help="Open it in the web browser.")] = False,
    home: options.Home = None,
) -> None:
    """Write a stored run's report: one HTML file that needs no network.

    Every run writes it too. It names no person, path, host or date; people are numbered by rank.

    Examples:  pcgm-bench report 12ab --open;  pcgm-bench report ~/.cache/pcgm-bench/runs/NAME
    """
    import webbrowser

    from pcgm_bench.cli.printing import console
    from pcgm_bench.report.page.write import write_report
    from pcgm_bench.store import RunFolder

    path = write_report(RunFolder.find(options.home_folder(home), run))
    console().print(f"report: {path}", markup=False, highlight=False, soft_wrap=True)
    if show:
        webbrowser.open(path.as_uri())
