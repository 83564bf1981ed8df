"""Figures without a window: each has its own canvas, and nothing of Matplotlib's global state is touched."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from pcgm_bench.store.atomic import write_bytes

MARKERS = "osD^vPX*"
"""Of the rows of a figure, in their order; Matplotlib's names."""
COLOURS = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
)  # fmt: skip
"""Ten that people with a colour vision deficiency can tell apart (Petroff 2021, arXiv 2107.02270)."""


class NothingToDrawError(ValueError):
    """A plot without a single number."""


def new_figure(width: float, height: float) -> Figure:
    """An empty figure that draws into memory.

    Args:
        width: inches.
        height: inches.
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: Path, title: str, dpi: int) -> None:
    """Write the figure as PNG, whole or not at all, under its title; the folder is made if it is new.

    Args:
        figure: of `new_figure`.
        path: the file.
        title: over everything; may be empty.
        dpi: pixels an inch.

    Raises:
        UserError: the folder cannot be written to, or the disk is full.
    """
    if title:
        figure.suptitle(title, fontsize=10)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=dpi, metadata={"Software": "pcgm-bench"})
    write_bytes(path, drawn.getvalue())


def colour(number: int) -> tuple[float, float, float]:
    """Colour of a row, by its number in the figure."""
    return to_rgb(COLOURS[number % len(COLOURS)])


def marker(number: int) -> str:
    """Marker of a row, by its number in the figure."""
    return MARKERS[number % len(MARKERS)]
