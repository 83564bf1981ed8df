"""``participants.tsv`` and the ``sessions.tsv`` of a person, with what their sidecars say of the columns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pcgm_bench.cohort.mapping import is_missing
from pcgm_bench.cohort.units import Unit
from pcgm_bench.cohort.units import read_sidecar
from pcgm_bench.cohort.units import unit_of
from pcgm_bench.contracts import UserError
from pcgm_bench.text_table import read_text_table

OF_EVERY_VISIT = ("age", "diagnosis")
"""What a visit has of its own: where a sessions file has the column, an empty cell there is missing. Sex and head size
are the person's."""


@dataclass(frozen=True)
class LabelledTable:
    """A table with one row a label.

    Attributes:
        path: its file.
        columns: their names.
        rows: label, without ``sub-`` or ``ses-`` -> column -> cell.
        sidecar: column -> what the sidecar says of it.
        sidecar_file: its file, there or not.
    """

    path: Path
    columns: tuple[str, ...]
    rows: Mapping[str, Mapping[str, str]]
    sidecar: Mapping[str, Mapping[str, Any]]
    sidecar_file: Path

    def unit(self, ours: str, column: str) -> Unit:
        """The unit of ``age`` or ``head_size``; raises as `unit_of`."""
        return unit_of(ours, column, self.sidecar, self.sidecar_file)

    def levels(self, column: str) -> Mapping[str, Any]:
        """Value -> meaning, as far as the sidecar says."""
        levels = self.sidecar.get(column, {}).get("Levels", {})
        return levels if isinstance(levels, dict) else {}


def read_labelled(path: Path, key: str, sidecars: tuple[Path, ...], faults: list[str]) -> LabelledTable | None:
    """A table of people or visits; None after a fault that leaves nothing to read.

    Args:
        path: a TSV file.
        key: ``participant_id`` or ``session_id``.
        sidecars: files that may describe its columns; the first that is there does.
        faults: gets what is wrong, a line each.
    """
    prefix = "sub-" if key == "participant_id" else "ses-"
    sidecar = next((file for file in sidecars if file.exists()), sidecars[0])
    try:
        table = read_text_table(path, "\t", key)
        described = read_sidecar(sidecar)
    except UserError as error:
        faults.append(str(error))
        return None
    rows: dict[str, Mapping[str, str]] = {}
    for row in table.rows:
        label = re.sub(f"(?i)^{prefix}", "", row.cells[key])
        if is_missing(label):
            faults.append(f"{path}: row {row.line} has no {key}: fill it in or remove the row")
        elif label in rows:
            visits = f" (visits go to sub-{label}_sessions.tsv)" if prefix == "sub-" else ""
            faults.append(f"{path}: {prefix}{label} has two rows: keep one{visits}")
        else:
            rows[label] = row.cells
    return LabelledTable(path, table.columns, rows, described, sidecar)


@dataclass(frozen=True)
class Known:
    """What the tables say of one visit.

    Attributes:
        person: their row of ``participants.tsv``.
        people: that table.
        visit: the row of the sessions file; None where there is none.
        visits: that table; likewise.
    """

    person: Mapping[str, str]
    people: LabelledTable
    visit: Mapping[str, str] | None = None
    visits: LabelledTable | None = None

    def cell(self, ours: str, column: str) -> tuple[str, LabelledTable]:
        """A cell, and the table that it is in."""
        if self.visit is not None and self.visits is not None and column in self.visits.columns:
            cell = self.visit[column]
            if not is_missing(cell) or ours in OF_EVERY_VISIT:
                return cell, self.visits
        return self.person.get(column, ""), self.people

    def unit(self, ours: str, column: str) -> Unit:
        """The unit of a cell.

        Raises:
            UserError: an unknown unit, a contradiction, or a sessions file that says none beside people's ages in
                months.
        """
        _cell, table = self.cell(ours, column)
        unit = table.unit(ours, column)
        if table is self.visits and not unit.said_by and column in self.people.columns:
            other = self.people.unit(ours, column)
            if other.name != unit.name:
                raise UserError(
                    f"{table.path}: {column} is in {other.name} in {self.people.path.name}, and nobody says in what it "
                    f"is here: write its Units into {table.sidecar_file}"
                )
        return unit
