"""The volumes that `norms.py`, `mask_sensitivity.py`, `finer_grid.py` and `meshnet.py` put in their tables."""

from __future__ import annotations

from collections.abc import Mapping

from pcgm_bench.anatomy import LOBE_NAMES

COLUMNS = (*LOBE_NAMES, "cortex", "white_matter", "ventricles", "head_size")


def cortex_of(volumes: Mapping[str, float]) -> float:
    """The six lobes together."""
    return sum(volumes[lobe] for lobe in LOBE_NAMES)


def with_totals(volumes: Mapping[str, float], head_size: float) -> dict[str, float]:
    """The volumes with ``cortex`` and ``head_size`` among them, in the unit of both."""
    return {**volumes, "cortex": cortex_of(volumes), "head_size": head_size}


def title_of(column: str) -> str:
    """A column's name in a table.

    >>> title_of("white_matter"), title_of("cortex")
    ('white matter', 'all cortex')
    """
    return column.replace("_", " ").replace("cortex", "all cortex")
