"""Plots that a study asks for: every kind is drawn from typed numbers, and again only for new scores."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from pcgm_bench import registry
from pcgm_bench.contracts import Change
from pcgm_bench.contracts import ChangesPlot
from pcgm_bench.contracts import DosesPlot
from pcgm_bench.contracts import EffectsPlot
from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import ForestPlot
from pcgm_bench.contracts import Plot
from pcgm_bench.contracts import PluginError
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import RowKind
from pcgm_bench.contracts import Study
from pcgm_bench.contracts import TrajectoriesPlot
from pcgm_bench.contracts import Trajectory
from pcgm_bench.registry import Plugin
from pcgm_bench.report.canvas import NothingToDrawError
from pcgm_bench.report.doses import doses_figure
from pcgm_bench.report.effects import effects_figure
from pcgm_bench.report.run_figures import study_figures
from pcgm_bench.report.trajectories import trajectories_figure
from pcgm_bench.results.scores import Scores
from pcgm_bench.results.scores import write_scores
from pcgm_bench.store import Identity
from pcgm_bench.store import RunFolder


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """What would have been written."""
    caught: list[Figure] = []
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda figure, *_a, **_k: caught.append(figure))
    return caught


def test_effects_have_a_line_a_row_and_no_effect_is_at_the_edge(tmp_path: Path) -> None:
    none = -math.inf
    shown = {"pcgm": {"insula": math.log(0.6), "cuneus": math.log(0.1)}, "other": {"insula": none, "cuneus": -50.0}}
    drawn = []
    for number, effects in enumerate(({"pcgm": shown["pcgm"]}, shown, shown)):
        effects_figure(effects, tmp_path / f"{number}.png", "a phantom")
        drawn.append((tmp_path / f"{number}.png").read_bytes())
    assert drawn[0] != drawn[1] == drawn[2]
    for empty in ({}, {"pcgm": {"insula": math.nan}}):
        with pytest.raises(NothingToDrawError, match="to draw"):
            effects_figure(empty, tmp_path / "none.png")


def test_an_effect_that_is_no_number_has_no_dot(tmp_path: Path, figures: list[Figure]) -> None:
    effects_figure({"a": {"insula": -1.0, "cuneus": math.nan}, "b": {"cuneus": -2.0}}, tmp_path / "x.png")
    first, second, *_ = figures[0].axes[0].lines
    assert (list(first.get_xdata()), list(second.get_xdata())) == ([0], [1])
    assert [label.get_text() for label in figures[0].axes[0].get_xticklabels()] == ["insula", "cuneus"]


def test_doses_show_every_row_and_say_who_has_no_dots(tmp_path: Path, figures: list[Figure]) -> None:
    asked = [-10.0, 0.0, 10.0]
    good, weak = ([(dose, slope * dose) for dose in asked] for slope in (1.0, 0.5))
    shown = {"mine": {"insula": [*weak, (5.0, math.nan)]}, "oracle": {"insula": good, "ventricles": good}}
    doses_figure(shown, tmp_path / "doses.png", "a phantom")
    insula, ventricles = figures[0].axes
    assert [panel.get_title() for panel in (insula, ventricles)] == ["insula", "ventricles (not mine)"]
    lines = [line for line in insula.lines if line.get_linestyle() == "-"]
    assert [np.ptp(line.get_ydata()) for line in lines] == pytest.approx([10.0, 20.0])
    dots = [line for line in insula.lines if line.get_marker() != "None"]
    assert [list(line.get_ydata()) for line in dots] == [[y for _, y in weak], [y for _, y in good]]
    assert dots[0].get_xdata()[0] < -10 < dots[1].get_xdata()[0]  # side by side
    with pytest.raises(NothingToDrawError, match="no doses"):
        doses_figure({"mine": {"insula": [(5.0, math.nan)]}}, tmp_path / "none.png", "")


def test_trajectories_have_a_panel_a_row_and_group(tmp_path: Path, figures: list[Figure]) -> None:
    old = Trajectory([60.0, 65.0], [20.0, 25.0], {"mine": [20.0, math.nan], "oracle": [20.0, 25.0]})
    young = Trajectory([15.0, 17.0], [10.0, 11.0], {"mine": [10.0, 11.0]})
    trajectories_figure({"old": {"a": old}, "young": {"b": young}, "empty": {}}, tmp_path / "x.png", title="t")
    titles = [panel.get_title() for panel in figures[0].axes[:2]]
    assert titles == ["young (n = 1)", "old (n = 1)"]
    assert len(figures[0].axes) == 4
    assert list(figures[0].axes[1].lines[1].get_ydata()) == [20.0]
    with pytest.raises(NothingToDrawError):
        trajectories_figure({"old": {}}, tmp_path / "x.png")


# A study's plots.


class PlotStudy(Study):
    """A study that draws what the test says."""

    name = "plots"
    title = "t"
    version = "1"
    reference = "r"
    wanted: Any = ()

    def rows(self, method: str) -> Any:
        return ()

    def folds(self, table: Any, seed: int) -> Any:
        return ()

    def score(self, evidence: Any) -> Any:
        return ()

    def tables(self, records: Any) -> Any:
        return ()

    def plots(self, records: Sequence[Record]) -> Sequence[Plot]:
        assert [record.row for record in records] == ["mine"]
        return self.wanted() if callable(self.wanted) else self.wanted


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[RunFolder, Scores]:
    plugin = Plugin("studies", "plots", f"{__name__}:PlotStudy", "plot-toys", "1.5")
    monkeypatch.setattr(registry, "_found", lambda kind: [plugin] if kind == "studies" else [])
    identity = Identity(
        method="mine", generator="g", study="plots", study_version="1", cohort="lab", cohort_hash="c", segmenter="s",
        seed=0, quick=True, device="cpu", threads=1, harness="h",
    )  # fmt: skip
    folder = RunFolder.open(home, identity)
    records = [Record("mine", RowKind.METHOD, "d", 1.0)]
    scores = Scores(scored_by="x", study="plots", study_version="1", is_phantom=False, records=records)
    write_scores(folder.scores_file, scores)
    return folder, scores


PLOTS = (
    EffectsPlot("effects", "t", {"mine": {"insula": -1.0}}),
    DosesPlot("doses", "t", {"mine": {"insula": [(1.0, 1.0), (2.0, 2.0)]}}),
    TrajectoriesPlot("ages", "t", {"old": {"a": Trajectory([60, 65], [20, 21], {"mine": [20, 22]})}}),
    EffectsPlot("nothing", "t", {}),
    ForestPlot("forest", "t", "d", {"A against B": {"insula": {"mine": Estimate(-1.0, -2.0, 0.5)}}}),
    ForestPlot("no-forest", "t", "d", {"A against B": {}}),
    ChangesPlot("changes", "t", "log-%", {"mine": {"a": {"insula": Change(-5.0, -4.0)}}}),
    ChangesPlot("no-changes", "t", "log-%", {}),
)


def test_a_study_draws_every_kind_and_again_only_for_new_scores(
    run: tuple[RunFolder, Scores], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = run
    assert study_figures(*run) == []
    monkeypatch.setattr(PlotStudy, "wanted", PLOTS)
    paths = study_figures(*run)
    assert [path.name for path in paths] == ["effects.png", "doses.png", "ages.png", "forest.png", "changes.png"]
    assert all(path.parent == folder.figures and path.stat().st_size > 1000 for path in paths)
    drawn = paths[0].stat().st_mtime_ns
    study_figures(*run)
    assert paths[0].stat().st_mtime_ns == drawn
    os.utime(folder.scores_file, ns=(drawn + 10**9, drawn + 10**9))
    os.utime(paths[0], ns=(drawn, drawn))
    study_figures(*run)
    assert paths[0].stat().st_mtime_ns > drawn


def test_what_a_study_does_wrong_is_named(run: tuple[RunFolder, Scores], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PlotStudy, "wanted", ("pie",))
    with pytest.raises(PluginError, match=r"study 'plots' \(plot-toys 1.5\): drawing figures: .*type str, not a Plot"):
        study_figures(*run)
    monkeypatch.setattr(PlotStudy, "wanted", staticmethod(lambda: 1 / 0))
    with pytest.raises(PluginError, match="ZeroDivisionError"):
        study_figures(*run)
    monkeypatch.setattr(PlotStudy, "wanted", (EffectsPlot("../../out", "t", {"mine": {"insula": -1.0}}),))
    (path,) = study_figures(*run)
    assert path == run[0].figures / "out.png"
