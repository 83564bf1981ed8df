"""Figures of people are written where they are asked for and show what they are given."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pcgm_bench.cli.carry_out import drawn
from pcgm_bench.cohort.quality.picture import draw_scan
from pcgm_bench.contracts import UserError
from pcgm_bench.report.figures import counterfactual_figure
from pcgm_bench.report.figures import example_figures
from pcgm_bench.report.figures import overlay_figure
from pcgm_bench.runner.examples import Example
from pcgm_bench.runner.run import RunResult
from pcgm_bench.store import ImageKey


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
        Example(ImageKey("1", "", "cfAUD"), lambda: factual, lambda: labels, {"pcgm": load}),
        Example(ImageKey("2", "", "cfAUD"), lambda: factual, lambda: labels, {}),
    ]
    for _ in range(2):
        paths = example_figures(examples, tmp_path)
    assert [path.name for path in paths] == ["sub-1_desc-cfAUD.png", "sub-1_dseg.png"]
    assert loaded == ["x"]
    assert all(path.stat().st_size > 1000 for path in paths)


def test_a_figure_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed while it is written, it would count as drawn for ever."""
    image = np.full((20, 24, 20), 0.5, np.float32)
    seen: list[list[str]] = []

    def stop(_descriptor: int) -> None:
        seen.append([path.name for path in tmp_path.iterdir()])
        raise KeyboardInterrupt

    for draw in (
        lambda: overlay_figure(image, np.full(image.shape, 2, np.int16), tmp_path / "a.png"),
        lambda: draw_scan(tmp_path / "a.png", image, np.full(image.shape, 2, np.int16), "a", "b"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr("os.fsync", stop)
            with pytest.raises(KeyboardInterrupt):
                draw()
        assert not (tmp_path / "a.png").exists()
        draw()
        (tmp_path / "a.png").unlink()
    assert all("a.png" not in names for names in seen)
    assert len(seen) == 2


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


def test_importing_the_figures_changes_no_global_of_matplotlib() -> None:
    code = (
        "import matplotlib, sys\n"
        "before = {name: matplotlib.rcParams._get(name) for name in matplotlib.rcParams}\n"
        "import pcgm_bench.report.run_figures\n"
        "assert before == {name: matplotlib.rcParams._get(name) for name in matplotlib.rcParams}\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_home_that_cannot_be_written_to_costs_figures_and_no_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[object] = []

    def refuse(result: object) -> None:
        called.append(result)
        raise UserError("figures/a.png: cannot write (Read-only file system); choose another place with --home")

    monkeypatch.setattr("pcgm_bench.report.run_figures.run_figures", refuse)
    result = RunResult.__new__(RunResult)
    assert drawn(result).startswith("not all figures are drawn: figures/a.png: cannot write")
    assert len(called) == 1
