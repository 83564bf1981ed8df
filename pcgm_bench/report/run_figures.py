"""All figures of one run, in its folder: people to look at, and what the study has to show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pcgm_bench import registry
from pcgm_bench.report.doses import doses_figure
from pcgm_bench.report.effects import effects_figure
from pcgm_bench.report.figures import example_figures
from pcgm_bench.report.trajectories import trajectories_figure
from pcgm_bench.runner.scoring import Scored

KINDS: dict[str, Callable[..., None]] = {
    "effects": effects_figure,
    "trajectories": trajectories_figure,
    "doses": doses_figure,
}
"""What a study can have drawn: `pcgm_bench.contracts.Plot.kind`."""


def run_figures(scored: Scored) -> list[Path]:
    """Draw what is not drawn yet of a run: its examples, and its study's plots, anew where the scores are newer.

    Returns:
        All of them, drawn now or before.

    Raises:
        ValueError: the study asks for a kind of figure that there is not; a bug of the study.
    """
    folder = scored.folder
    paths = example_figures(scored.examples, folder.figures)
    stored: Any = folder.scores
    study = registry.get("studies", folder.identity.study)()
    for plot in study.plots(stored["scores"]) if hasattr(study, "plots") else ():
        if plot.kind not in KINDS:
            raise ValueError(f"study {study.name!r} asks for a figure of kind {plot.kind!r}: {', '.join(KINDS)}")
        path = folder.figures / f"{plot.name}.png"
        if not path.exists() or path.stat().st_mtime < folder.scores_file.stat().st_mtime:
            kind = "phantom (simulated people)" if stored["is_phantom"] else folder.identity.cohort
            KINDS[plot.kind](plot.data, path, title=f"{plot.title}; {kind}")
        paths.append(path)
    return paths
