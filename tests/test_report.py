"""Figures are written where they are asked for and show what they are given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from pcgm_bench.report.figures import counterfactual_figure
from pcgm_bench.report.figures import example_figures
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

    examples = [
        Example(Unit("1", "", "cfAUD"), lambda: factual, {"pcgm": load}),
        Example(Unit("2", "", "cfAUD"), lambda: factual, {}),
    ]
    for _ in range(2):
        paths = example_figures(examples, tmp_path)
    assert [path.name for path in paths] == ["sub-1_desc-cfAUD.png"]
    assert loaded == ["x"]
    assert paths[0].stat().st_size > 1000
