"""Headings of columns that rank a useless control, or a model of permuted labels, above the method."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

from pcgm_bench.contracts import Record
from pcgm_bench.contracts import RowKind
from pcgm_bench.results.control_flags import Cell
from pcgm_bench.results.control_flags import flags
from pcgm_bench.results.control_flags import marked

USELESS = frozenset({RowKind.CONTROL, RowKind.PERMUTED})
"""A causal model of permuted labels knows nothing of the diagnosis, and may not stand above one that does."""


@dataclass(frozen=True)
class Flagged:
    """Columns of one table in which a useless row stands above the method.

    Attributes:
        above: heading -> those rows.
    """

    above: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, records: Iterable[Record], name: Callable[[Cell], str]) -> Flagged:
        """Look for them in all cells; ``name`` is what a cell is called in the note below the table."""
        return cls({name(cell): rows for cell, rows in flags(records, USELESS).items()})

    def heading(self, name: str, shown_as: str = "") -> str:
        """The heading, marked where the column of this name, or any of its groups, is flagged.

        >>> Flagged({"occipital (to control)": ["copy-input"]}).heading("occipital")
        'occipital (!)'
        """
        is_flagged = any(key == name or key.startswith(f"{name} (") for key in self.above)
        return marked(shown_as or name, is_flagged)
