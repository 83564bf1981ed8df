"""What the paper prints, as data and as labelled reference tables that enter no ranking and no column of ours."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

from pydantic import BaseModel
from pydantic import ConfigDict
from pydantic import Field

from pcgm_bench.tables import Cell
from pcgm_bench.tables import Column
from pcgm_bench.tables import Table

REFERENCE = "Li et al. 2025, arXiv 2509.09054"
NAMES = ("table1", "table2", "table3", "figure3")


class PaperColumn(BaseModel):
    """One column: heading as printed, better direction (``higher``, ``lower`` or empty), unit, and what it is."""

    model_config = ConfigDict(extra="forbid")

    name: str
    direction: str
    unit: str
    means: str


class PaperTable(BaseModel):
    """A table or figure as printed.

    It is found by item and section. There is no page: the text that the numbers were copied from has none.

    Attributes:
        item: ``Table 1``.
        section: that discusses it, which is not always where it is printed: Table 1 stands in 3.3.
        studies: of ours that repeat it, or whose images it is about.
        caption: in our words.
        columns: headings.
        rows: name -> cells as printed, as many as columns; numbers and percent signs are kept as text.
        remarks: what to know before reading it.
    """

    model_config = ConfigDict(extra="forbid")

    item: str = Field(pattern=r"^(Table|Figure) [1-9]$")
    section: str = Field(pattern=r"^[1-9](\.[1-9])?$")
    studies: list[str]
    caption: str
    columns: list[PaperColumn]
    rows: dict[str, list[str]]
    remarks: list[str]

    def value(self, row: str, column: str) -> float:
        """A printed cell as a number; ``5.96%`` is 5.96.

        Raises:
            KeyError: there is no such row or column.
        """
        index = {one.name: i for i, one in enumerate(self.columns)}[column]
        return float(self.rows[row][index].rstrip("%"))


@cache
def paper_table(name: str) -> PaperTable:
    """One of `NAMES`.

    >>> paper_table("table1").value("PCGM", "MS-SSIM")
    1.06
    """
    with (files("pcgm_bench.board") / "data" / f"{name}.json").open(encoding="utf-8") as stream:
        return PaperTable.model_validate(json.load(stream))


def reference_tables(study: str) -> list[Table]:
    """The paper's tables on a study; every row is marked ``paper``."""
    return [_table(name, paper_table(name)) for name in NAMES if study in paper_table(name).studies]


def _table(name: str, printed: PaperTable) -> Table:
    arrows = {"higher": " \u2191", "lower": " \u2193"}
    heads = [Column("row"), *(Column(c.name + arrows.get(c.direction, "")) for c in printed.columns)]
    rows: list[list[Cell]] = [[f"{row} (paper)", *cells] for row, cells in printed.rows.items()]
    title = f"Reference, not ranked: {REFERENCE}, {printed.item} (section {printed.section}). {printed.caption}"
    notes = [
        "As printed, on the paper's own cohorts and by its own rules: never to be compared with a number above.",
        *(f"{column.name}: {column.means}." for column in printed.columns),
        *printed.remarks,
    ]
    return Table(f"paper-{name}", title, heads, rows, notes, faint=frozenset(range(len(rows))))
