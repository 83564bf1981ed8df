"""A person's images as one still picture: what is printed, and what a browser without WebGL shows."""

from __future__ import annotations

import io

import numpy as np
from matplotlib.axes import Axes

from pcgm_bench.report.canvas import new_figure
from pcgm_bench.report.page.images import PersonImages

PLANES = ((2, 0.52), (1, 0.5))
"""Axis that is cut, and where: axial and coronal, a little off the middle, so that ventricles and cortex are seen."""
GREY = 1.2
"""Intensity (units of white matter) that is white."""


def still(images: PersonImages, full: float = 0.25) -> bytes:
    """Factual scan, made image, true image where it is known, and differences to the scan, as PNG.

    Args:
        images: of one person.
        full: difference (units of white matter) at which the colour is full.
    """
    columns = [("factual scan", images.factual, False), ("made image", images.made, False)]
    if images.truth is not None:
        columns.append(("true image", images.truth, False))
    columns.append(("made - factual", images.made - images.factual, True))
    if images.truth is not None:
        columns.append(("true - factual", images.truth - images.factual, True))
    figure = new_figure(2.0 * len(columns) + 0.8, 4.6)
    axes = figure.subplots(len(PLANES), len(columns), squeeze=False)
    drawn = None
    for (title, volume, signed), column in zip(columns, axes.T, strict=True):
        for (axis, part), panel in zip(PLANES, column, strict=True):
            picture = _upright(np.take(volume, int(volume.shape[axis] * part), axis=axis), images.affine)
            if signed:
                drawn = panel.imshow(picture, origin="lower", cmap="PuOr_r", vmin=-full, vmax=full)
            else:
                panel.imshow(picture, origin="lower", cmap="gray", vmin=0, vmax=GREY)
            panel.set_axis_off()
            _sides(panel, dark=not signed)
        column[0].set_title(title, fontsize=9)
    if drawn is not None:
        bar = figure.colorbar(drawn, ax=axes, shrink=0.6, pad=0.01)
        bar.set_label("difference; 1 is white matter", fontsize=8)
        bar.ax.tick_params(labelsize=7)
    out = io.BytesIO()
    figure.savefig(out, dpi=90, format="png", metadata={"Software": "pcgm-bench"})
    return out.getvalue()


def _upright(plane: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Left-to-right voxels along the horizontal, the person's left on the left of the picture."""
    return (plane if affine[0, 0] > 0 else plane[::-1]).T


def _sides(panel: Axes, dark: bool) -> None:
    colour = "white" if dark else "black"
    for x, side, anchor in ((0.02, "L", "left"), (0.98, "R", "right")):
        panel.text(x, 0.5, side, transform=panel.transAxes, color=colour, fontsize=8, ha=anchor, va="center")
