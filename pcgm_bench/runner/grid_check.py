"""Can the segmenter and the method work on the grid that is asked for? Asked before any work."""

from __future__ import annotations

from collections.abc import Sequence

from pcgm_bench import registry
from pcgm_bench.cohort.grid import grid as grid_called
from pcgm_bench.contracts import Generator
from pcgm_bench.contracts import UserError


def check_grid_of_segmenter(grid: str, segmenter: str) -> None:
    """Refuse a grid that a segmenter does not read.

    Raises:
        UserError: such a grid, or a name of none; the message names those that it reads.
        PluginError: the segmenter cannot be imported.
    """
    grid_called(grid)
    reads = registry.find("segmenters", segmenter).load().grids
    if reads is not None and grid not in reads:
        raise UserError(
            f"--grid {grid}: the segmenter {segmenter} does not read it, and nothing was made: use {_options(reads)}; "
            "or measure the scans with a tool of your own, and give its results by --segmenter and --segmentations"
        )


def check_grid_of_method(grid: str, generator: Generator) -> None:
    """Refuse a grid of which a method, configured, makes no images.

    Raises:
        UserError: such a grid, or a name of none; the message names those that it knows.
    """
    grid_called(grid)
    knows = generator.grids()
    if knows is None or grid in knows:
        return
    name = generator.card.name
    if not knows:
        raise UserError(f"{name}: its images are on none of the standard grids as it is set: choose other settings")
    raise UserError(f"--grid {grid}: {name} makes no images on it, and nothing was made: use {_options(knows)}")


def _options(grids: Sequence[str]) -> str:
    """``--grid 3mm or --grid 2mm``."""
    return " or ".join(f"--grid {name}" for name in grids)
