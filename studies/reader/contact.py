"""Three planes of every case on a few pages: for a quick look and for the record, not for reading."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pcgm_bench.studies.reader.cases import WHITE

ACROSS = 3
DOWN = 5
DOTS = 100


def planes(voxels: np.ndarray) -> np.ndarray:
    """The middle sagittal, coronal and axial planes side by side, up is up, ``(rows, columns)`` uint8.

    The patient's left is on the left of the picture. A step of an eighth of the width away from the midline, where
    the two hemispheres are parted, shows more of the cortex.

    >>> planes(np.zeros((8, 10, 6), np.int16)).shape
    (10, 26)
    """
    x, y, z = voxels.shape
    views = [voxels[x // 2 - x // 8].T, voxels[:, y // 2].T, voxels[:, :, z // 2].T]
    rows = max(view.shape[0] for view in views)
    padded = []
    for view in views:
        space = rows - view.shape[0]
        padded.append(np.pad(view[::-1], ((space // 2, space - space // 2), (0, 0))))
    return np.hstack(padded).clip(0, WHITE).astype(np.uint8)


def write_pages(folder: Path, cases: Sequence[tuple[str, np.ndarray]]) -> None:
    """``page-01.png`` and so on, `ACROSS` x `DOWN` cases each, in reading order.

    Args:
        folder: made new.
        cases: name, and what `planes` gives; all of one size.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    folder.mkdir()
    rows, columns = cases[0][1].shape
    size = (ACROSS * 4.2, DOWN * (4.2 * rows / columns + 0.3))
    for page, start in enumerate(range(0, len(cases), ACROSS * DOWN), 1):
        figure = Figure(figsize=size, dpi=DOTS, facecolor="black")
        figure.subplots_adjust(left=0.01, right=0.99, bottom=0.01, top=0.97, wspace=0.03, hspace=0.15)
        FigureCanvasAgg(figure)
        for axes, (name, look) in zip(
            figure.subplots(DOWN, ACROSS).ravel(), _filled(cases[start : start + ACROSS * DOWN]), strict=True
        ):
            axes.set_axis_off()
            if look is not None:
                axes.imshow(look, cmap="gray", vmin=0, vmax=WHITE, interpolation="bilinear")
                axes.set_title(name, color="white", fontsize=9)
        # No program and no date in the file: the same study gives the same bytes.
        figure.savefig(folder / f"page-{page:02d}.png", metadata={"Software": None})


def _filled(cases: Sequence[tuple[str, np.ndarray]]) -> list[tuple[str, np.ndarray | None]]:
    return [*cases, *[("", None)] * (ACROSS * DOWN - len(cases))]
