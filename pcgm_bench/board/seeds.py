"""Several seeds of one recipe: the mean over seeds, where every seed has a comparable value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pcgm_bench.board.rows import ColumnKey
from pcgm_bench.board.rows import Grid
from pcgm_bench.contracts import Record


def averaged(grids: Mapping[int, Grid]) -> Grid:
    """One grid whose cells are means over seeds.

    A mean needs a value under every seed in the same column (`ColumnKey`), in rows of one name and version; what lacks
    one is None, never averaged over. Rows of several versions are left out. ``low`` and ``high``
    are None: so few seeds have no interval; ``by_unit`` holds the value of each seed, so that two methods are compared
    under shared seeds. ``n`` is the number of seeds.

    Args:
        grids: seed -> grid.
    """
    first = next(iter(grids.values()))
    shared = [column for column in first.columns if all(column in grid.columns for grid in grids.values())]
    result = Grid(columns=shared)
    for label in first.labels():
        versions = {grid.versions.get(label) for grid in grids.values()}
        if all(label in grid.cells and label not in grid.variants for grid in grids.values()) and len(versions) == 1:
            cells = {column: mean for column in shared if (mean := _mean(grids, label, column)) is not None}
            if cells:
                result.cells[label] = cells
                result.runs[label] = [run for grid in grids.values() for run in grid.runs.get(label, [])]
                result.kinds[label] = first.kinds[label]
    return result


def _mean(grids: Mapping[int, Grid], label: str, column: ColumnKey) -> Record | None:
    entries = {seed: grid.cells[label].get(column) for seed, grid in grids.items()}
    known = [entry for entry in entries.values() if entry is not None]
    if not known:
        return None
    values = {f"seed {seed}": entry.estimate for seed, entry in entries.items() if entry and entry.estimate is not None}
    numbers = [value for value in values.values() if value is not None]
    complete = len(numbers) == len(grids)
    floors = [entry.floor for entry in known if entry.floor is not None]
    return replace(
        known[0],
        estimate=sum(numbers) / len(numbers) if complete else None,
        low=None,
        high=None,
        n=len(grids),
        floor=sum(floors) / len(grids) if len(floors) == len(grids) else None,
        by_unit=dict(zip(values, numbers, strict=True)) if complete else {},
    )
