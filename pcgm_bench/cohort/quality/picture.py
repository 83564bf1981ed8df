"""A picture of one scan: three slices, and the outlines of what was segmented."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from pcgm_bench.anatomy import TISSUE_LABELS
from pcgm_bench.store.atomic import write_bytes

PLANES = ("sagittal", "coronal", "axial")
OUTLINES = (("head", "tab:cyan"), ("ventricles", "tab:red"), ("white_matter", "tab:orange"))
WIDTH, DPI = 9.0, 90


def draw_scan(path: Path, image: np.ndarray, labels: np.ndarray, title: str, reasons: str) -> None:
    """Write a PNG with the middle slices of a scan; the folder is made if it is new.

    Args:
        path: the file.
        image: ``(X, Y, Z)`` on a grid.
        labels: ``(X, Y, Z)`` FreeSurfer's numbers, or no voxels.
        title: over everything.
        reasons: below it.

    Raises:
        UserError: the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # Matplotlib takes a second to import
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, WIDTH / 2.3), layout="constrained")
    FigureCanvasAgg(figure)
    bright = max(float(np.quantile(image, 0.995)), 1e-6)
    for axis, (panel, name) in enumerate(zip(figure.subplots(1, 3), PLANES, strict=True)):
        middle = image.shape[axis] // 2
        panel.imshow(np.take(image, middle, axis).T, cmap="gray", origin="lower", vmin=0, vmax=bright)
        if labels.shape == image.shape:
            here = np.take(labels, middle, axis).T
            for structure, colour in OUTLINES:
                mask = here > 0 if structure == "head" else here == TISSUE_LABELS[structure]
                if mask.any() and not mask.all():
                    panel.contour(mask, levels=[0.5], colors=[colour], linewidths=0.8)
        panel.set_title(f"{name}, slice {middle}", fontsize=8)
        panel.axis("off")
    figure.suptitle(f"{title}\n{reasons}", fontsize=8, wrap=True)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=DPI, metadata={"Software": "pcgm-bench"})
    write_bytes(path, drawn.getvalue())
