"""Figures are written where they are asked for and show what they are given."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pcgm_bench.contracts import Plot
from pcgm_bench.report.doses import doses_figure
from pcgm_bench.report.effects import effects_figure
from pcgm_bench.report.figures import counterfactual_figure
from pcgm_bench.report.figures import example_figures
from pcgm_bench.report.figures import overlay_figure
from pcgm_bench.report.run_figures import run_figures
from pcgm_bench.runner import CohortRequest
from pcgm_bench.runner import Request
from pcgm_bench.runner import run
from pcgm_bench.runner.scoring import Example
from pcgm_bench.store import Unit


def test_a_figure_has_two_panels_a_counterfactual(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    factual = rng.random((20, 24, 20)).astype(np.float32)
    sizes = []
    for n in (1, 2):
        path = tmp_path / "new" / f"{n}.png"
        counterfactual_figure(factual, {str(i): factual * 0.9 for i in range(n)}, path, "a phantom")
        with Image.open(path) as picture:
            sizes.append(picture.size)
            assert len(np.unique(np.asarray(picture.convert("L")))) > 20
    assert sizes[1][0] > sizes[0][0]


def test_examples_are_drawn_once(tmp_path: Path) -> None:
    factual = np.random.default_rng(0).random((20, 24, 20)).astype(np.float32)
    loaded: list[str] = []

    def load() -> np.ndarray:
        loaded.append("x")
        return factual * 0.9

    labels = np.full(factual.shape, 1028, np.int16)
    examples = [
        Example(Unit("1", "", "cfAUD"), lambda: factual, lambda: labels, {"pcgm": load}),
        Example(Unit("2", "", "cfAUD"), lambda: factual, lambda: labels, {}),
    ]
    for _ in range(2):
        paths = example_figures(examples, tmp_path)
    assert [path.name for path in paths] == ["sub-1_desc-cfAUD.png", "sub-1_dseg.png"]
    assert loaded == ["x"]
    assert all(path.stat().st_size > 1000 for path in paths)


def test_an_overlay_colours_what_was_labelled(tmp_path: Path) -> None:
    image = np.full((20, 24, 20), 0.5, np.float32)
    colours = []
    for number in (0, 1028, 2):  # background, superior frontal, white matter
        overlay_figure(image, np.full(image.shape, number, np.int16), tmp_path / f"{number}.png")
        with Image.open(tmp_path / f"{number}.png") as picture:
            pixels = np.asarray(picture.convert("RGB"), int)
        lower = pixels[pixels.shape[0] // 2 : int(0.8 * pixels.shape[0])]
        colours.append(np.abs(lower - lower.mean(axis=-1, keepdims=True)).mean())
    assert colours[0] < 1 < min(colours[1:])


def test_effects_have_a_line_a_row_and_no_effect_is_at_the_edge(tmp_path: Path) -> None:
    shown = {"pcgm": {"insula": math.log(0.6), "cuneus": math.log(0.1)}, "other": {"insula": None, "cuneus": -50.0}}
    drawn = []
    for number, effects in enumerate(({"pcgm": shown["pcgm"]}, shown, shown)):
        effects_figure(effects, tmp_path / f"{number}.png", "a phantom")
        drawn.append((tmp_path / f"{number}.png").read_bytes())
    assert drawn[0] != drawn[1] == drawn[2]
    with pytest.raises(ValueError, match="to draw"):
        effects_figure({}, tmp_path / "none.png")


def test_doses_show_every_row_and_say_who_has_no_dots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [-10.0, 0.0, 10.0]
    good, weak = ({"asked": asked, "read": [slope * dose for dose in asked]} for slope in (1.0, 0.5))
    shown = {"mine": {"insula": weak}, "oracle": {"insula": good, "ventricles": good}}
    figures = []
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda figure, *_a, **_k: figures.append(figure))
    doses_figure(shown, tmp_path / "doses.png", "a phantom")
    insula, ventricles = figures[0].axes
    assert [panel.get_title() for panel in (insula, ventricles)] == ["insula", "ventricles (not mine)"]
    lines = [line for line in insula.lines if line.get_linestyle() == "-"]
    assert [np.ptp(line.get_ydata()) for line in lines] == pytest.approx([10.0, 20.0])
    dots = [line for line in insula.lines if line.get_marker() != "None"]
    assert [list(line.get_ydata()) for line in dots] == [weak["read"], good["read"]]
    assert dots[0].get_xdata()[0] < -10 < dots[1].get_xdata()[0]  # side by side
    with pytest.raises(ValueError, match="no responses"):
        doses_figure({"mine": {}}, tmp_path / "none.png", "")


def test_a_run_draws_what_its_study_shows_and_again_only_for_new_scores(
    home: Path, toys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scored = run(Request("copier", "toy-samples", home, CohortRequest("toy"), segmenter="toy"))
    kind = "effects"

    def plots(_study: object, scores: dict[str, object]) -> list[Plot]:
        return [Plot("mine", kind, "title", {"copier": {"insula": float(len(scores))}})]

    assert "mine.png" not in {path.name for path in run_figures(scored)}
    monkeypatch.setattr("fakes.ToySampleStudy.plots", plots, raising=False)
    (path,) = (path for path in run_figures(scored) if path.name == "mine.png")
    assert path.parent == scored.folder.figures
    made = path.stat().st_mtime_ns
    run_figures(scored)
    assert path.stat().st_mtime_ns == made
    os.utime(scored.folder.scores_file, ns=(made + 10**9, made + 10**9))
    os.utime(path, ns=(made, made))
    run_figures(scored)
    assert path.stat().st_mtime_ns > made
    path.unlink()
    kind = "pie"
    with pytest.raises(ValueError, match="a figure of kind 'pie'"):
        run_figures(scored)
