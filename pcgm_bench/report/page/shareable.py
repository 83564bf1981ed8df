"""Texts and tables of a run as they may leave the machine."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from dataclasses import replace

from pcgm_bench.board.privacy import PATH
from pcgm_bench.board.privacy import TOKEN
from pcgm_bench.board.privacy import may_name_somebody
from pcgm_bench.board.privacy import without_paths
from pcgm_bench.tables import Cell
from pcgm_bench.tables import Table

PRIVATE_TABLES = frozenset({"left-out", "poor-scans"})
"""Tables that name scans: the report says how many lines they have."""
PLUGIN_WORDS = frozenset({"skipped", "records"})
"""Tables with reasons that a plugin gave, in words of its own."""
HIDDEN = "not said here, since it may name a person or a file; `pcgm-bench show` says it"


@dataclass(frozen=True)
class Shareable:
    """Takes out what names a person or a place.

    Attributes:
        is_phantom: whether the people are simulated.
        labels: of the run's people.
    """

    is_phantom: bool
    labels: Collection[str]

    def is_private(self, warning: str) -> bool:
        """Whether a warning has a path, or may name somebody of a real cohort."""
        return PATH.search(warning) is not None or (not self.is_phantom and may_name_somebody(warning, self.labels))

    def text(self, words: str) -> str:
        """Words of a study: without paths, and hidden where a label of the run stands in them."""
        return HIDDEN if self._has_label(words) else without_paths(words)

    def reason(self, words: str) -> str:
        """Words of a plugin: hidden where they may name somebody of a real cohort, known or not."""
        named = not self.is_phantom and may_name_somebody(words, self.labels)
        return HIDDEN if words and named else self.text(words)

    def table(self, table: Table) -> Table:
        """A table without lines that name scans, and without words that may."""
        if table.name in PRIVATE_TABLES:
            lines = "1 line" if len(table.rows) == 1 else f"{len(table.rows)} lines"
            notes = [f"{lines} not shown, since scans are named: see `pcgm-bench show`."]
            return replace(table, rows=[], notes=notes)
        reasons = [column.name == "reason" and table.name in PLUGIN_WORDS for column in table.columns]
        rows = [[self._cell(cell, plain) for cell, plain in zip(row, reasons, strict=True)] for row in table.rows]
        return replace(table, rows=rows, notes=[self.text(note) for note in table.notes])

    def _cell(self, cell: Cell, is_reason: bool) -> Cell:
        if not isinstance(cell, str):
            return cell
        return self.reason(cell) if is_reason else self.text(cell)

    def _has_label(self, words: str) -> bool:
        """Whether a known label stands in the words; a label of digits alone cannot be told from a number."""
        tokens = {match[0].lower().removeprefix("sub-") for match in TOKEN.finditer(words)}
        known = {label.lower() for label in self.labels if not label.isdigit()}
        return bool(tokens & known) or "sub-" in words.lower()
