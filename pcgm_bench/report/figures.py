"""Figures of one person: the factual scan, counterfactuals of it, and where they differ."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.patches import Patch

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.report.canvas import colour
from pcgm_bench.report.canvas import new_figure
from pcgm_bench.report.canvas import save
from pcgm_bench.runner.examples import Example
from pcgm_bench.runner.fold_plan import SAMPLE
from pcgm_bench.segmenters.external.label_volumes import fractions_of_labels

PLANES = ((2, "axial"), (1, "coronal"), (0, "sagittal"))
UNDER_LOBES = ("white_matter", "ventricles", "deep_grey")
DIFFERENCE = 0.25
"""Intensity (units of white matter) at which a difference is fully red or blue."""


def _slices(volume: np.ndarray) -> list[np.ndarray]:
    """A slice a plane, a little off the middle, so that ventricles and cortex are both seen; upright."""
    cuts = (int(volume.shape[2] * 0.52), int(volume.shape[1] * 0.5), int(volume.shape[0] * 0.44))
    return [np.take(volume, cut, axis=axis).T for (axis, _), cut in zip(PLANES, cuts, strict=True)]


def counterfactual_figure(
    factual: np.ndarray,
    counterfactuals: Mapping[str, np.ndarray],
    path: Path,
    title: str = "",
    *,
    differences: bool = True,
) -> None:
    """Draw the factual scan, and for every counterfactual its image and its difference to the factual scan.

    Args:
        factual: ``(X, Y, Z)``, white matter near 1.
        counterfactuals: name -> image of the same shape.
        path: the PNG to write.
        title: over everything.
        differences: draw them; a new brain has none, it is only set beside a real one.
    """
    columns = [("factual" if differences else "a real scan", factual, False)]
    for name, image in counterfactuals.items():
        columns.append((name, image, False))
        if differences:
            columns.append((f"{name} - factual", image - factual, True))
    figure = new_figure(2.3 * len(columns), 7.2)
    axes = figure.subplots(len(PLANES), len(columns), squeeze=False)
    for column, (name, volume, signed) in enumerate(columns):
        for row, picture in enumerate(_slices(volume)):
            panel = axes[row][column]
            if signed:
                panel.imshow(picture, origin="lower", cmap="RdBu_r", vmin=-DIFFERENCE, vmax=DIFFERENCE)
            else:
                panel.imshow(picture, origin="lower", cmap="gray", vmin=0, vmax=1.2)
            panel.set_axis_off()
        axes[0][column].set_title(name, fontsize=9)
    save(figure, path, title, dpi=80)


def overlay_figure(image: np.ndarray, labels: np.ndarray, path: Path, title: str = "") -> None:
    """Draw what the segmenter saw: the scan, and the scan under its lobes, white matter, ventricles and deep grey.

    Args:
        image: ``(X, Y, Z)``, white matter near 1.
        labels: ``(X, Y, Z)`` FreeSurfer numbers.
        path: the PNG to write.
        title: over everything.
    """
    parts = fractions_of_labels(labels)
    shown = [(name, parts[CHANNELS.index(name)] > 0) for name in (*LOBE_NAMES, *UNDER_LOBES)]
    figure = new_figure(2.6 * len(PLANES), 5.6)
    axes = figure.subplots(2, len(PLANES), squeeze=False)
    for row in axes:
        for panel, picture in zip(row, _slices(image), strict=True):
            panel.imshow(picture, origin="lower", cmap="gray", vmin=0, vmax=1.2)
            panel.set_axis_off()
    for number, (_, mask) in enumerate(shown):
        for panel, picture in zip(axes[1], _slices(mask.astype(np.float32)), strict=True):
            layer = np.zeros((*picture.shape, 4), np.float32)
            layer[picture > 0] = (*colour(number), 0.5)
            panel.imshow(layer, origin="lower")
    handles = [Patch(color=colour(number), label=name) for number, (name, _) in enumerate(shown)]
    figure.legend(handles=handles, loc="outside lower center", ncols=5, fontsize=7)
    save(figure, path, title, dpi=80)


def example_figures(examples: Sequence[Example], folder: Path, *, anonymous: bool = False) -> list[Path]:
    """Draw a run's examples that are not drawn yet: counterfactuals (``sub-001_desc-cfAUD.png``) and ``_dseg.png``.

    Args:
        examples: people to look at.
        folder: where the figures go.
        anonymous: real people, who are called ``example-1``, ``example-2``, ... in names and titles: a figure is soon
            in a talk or a paper.

    Returns:
        All of them, drawn now or before. A run without images has none.
    """
    paths = []
    people: dict[str, str] = {}
    for example in examples:
        if not example.images:
            continue
        factual = dataclasses.replace(example.key, description="").stem
        who = people.setdefault(factual, f"example-{len(people) + 1}" if anonymous else factual)
        what = f"{who}_desc-{example.key.description}" if example.key.description else who
        paths.append(folder / f"{what}.png")
        if not paths[-1].exists():
            images = {row: load() for row, load in example.images.items()}
            drawn = example.key.description == SAMPLE
            counterfactual_figure(example.factual(), images, paths[-1], what, differences=not drawn)
        drawing = folder / f"{who}_dseg.png"
        labels = None if drawing.exists() else example.labels()
        if labels is not None:
            overlay_figure(example.factual(), labels, drawing, f"{who}, as it was segmented")
        if drawing.exists():
            paths.append(drawing)
    return paths
