"""All figures of one run, in its folder: people to look at, and what the study has to show."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from pcgm_bench import registry
from pcgm_bench.contracts import Change
from pcgm_bench.contracts import ChangesPlot
from pcgm_bench.contracts import DosesPlot
from pcgm_bench.contracts import EffectsPlot
from pcgm_bench.contracts import ForestPlot
from pcgm_bench.contracts import Plot
from pcgm_bench.contracts import ReadingStudy
from pcgm_bench.contracts import TrajectoriesPlot
from pcgm_bench.plugin_guard import WrongReturn
from pcgm_bench.plugin_guard import guarded
from pcgm_bench.report.canvas import NothingToDrawError
from pcgm_bench.report.doses import doses_figure
from pcgm_bench.report.effects import effects_figure
from pcgm_bench.report.figures import example_figures
from pcgm_bench.report.forest_figure import forest_figure
from pcgm_bench.report.trajectories import trajectories_figure
from pcgm_bench.results.scores import Scores
from pcgm_bench.runner.run import RunResult
from pcgm_bench.store import RunFolder


def run_figures(result: RunResult) -> list[Path]:
    """Draw what is not drawn yet of a run: its examples, and its study's plots, anew where the scores are newer.

    Returns:
        All of them, drawn now or before.

    Raises:
        PluginError: the study fails to say what to draw, or asks for what is no `Plot`.
    """
    people = example_figures(result.examples, result.folder.figures, anonymous=not result.scores.is_phantom)
    return [*people, *study_figures(result.folder, result.scores)]


def study_figures(folder: RunFolder, scores: Scores) -> list[Path]:
    """The part of `run_figures` that the study decides, from its records alone; raises as `run_figures` does."""
    plugin = registry.find("studies", scores.study)
    study = registry.get("studies", scores.study)
    if issubclass(study, ReadingStudy):
        return []
    people = "phantom (simulated people)" if scores.is_phantom else folder.identity.cohort
    paths = []
    with guarded(plugin, "drawing figures"):
        for plot in study().plots(scores.records):
            if not isinstance(plot, Plot):
                raise WrongReturn(f"plots returned an object of type {type(plot).__name__}, not a Plot")
            path = folder.figures / f"{Path(plot.name).name}.png"
            if not path.exists() or path.stat().st_mtime < folder.scores_file.stat().st_mtime:
                # A study of which every row is missing has plots without numbers.
                with suppress(NothingToDrawError):
                    draw(plot, path, f"{plot.title}; {people}")
            if path.exists():
                paths.append(path)
    return paths


def draw(plot: Plot, path: Path, title: str) -> None:
    """Draw one plot.

    Raises:
        NothingToDrawError: it has no number.
    """
    match plot:
        case EffectsPlot():
            effects_figure(plot.values, path, title)
        case TrajectoriesPlot():
            trajectories_figure(plot.groups, path, title=title)
        case DosesPlot():
            doses_figure(plot.points, path, title)
        case ForestPlot():
            forest_figure(plot, path, title)
        case ChangesPlot():
            doses_figure({row: _points(people) for row, people in list(plot.changes.items())[:1]}, path, title)


def _points(people: Mapping[str, Mapping[str, Change]]) -> dict[str, list[tuple[float, float]]]:
    """Region -> ``(asked, shown)`` of everybody."""
    points: dict[str, list[tuple[float, float]]] = {}
    for changes in people.values():
        for region, change in changes.items():
            points.setdefault(region, []).append((change.asked, change.shown))
    return points
