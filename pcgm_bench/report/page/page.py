"""The report as one HTML page: text from the run's content, nothing fetched, all text escaped."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from jinja2 import Environment
from markupsafe import Markup

from pcgm_bench.report.page import dots
from pcgm_bench.report.page import forest
from pcgm_bench.report.page import svg
from pcgm_bench.report.page import viewer
from pcgm_bench.report.page.content import Content
from pcgm_bench.report.page.images import PersonImages
from pcgm_bench.tables import Table

PROSE = 60
"""Letters above which a cell is wrapped."""
LONGEST = 400
"""Lines above which a table is given as CSV only."""


@dataclass(frozen=True)
class FoldedTable:
    """A table as the page has it.

    Attributes:
        name: of its file and anchor.
        title: one line.
        html: the table; empty where it is too long to be read.
        lines: how many it has.
        csv: whole numbers, as a JSON string.
    """

    name: str
    title: str
    html: Markup
    lines: int
    csv: Markup


def page(content: Content, images: Sequence[PersonImages] = ()) -> str:
    """The whole page.

    Args:
        content: what it says.
        images: of the people whom it shows.
    """
    effects, changes = content.effects, content.changes
    drawn_effects = forest.forest(effects) if effects else []
    drawn_changes = dots.dots(content.people, changes.unit) if changes else []
    regions = list(dict.fromkeys(region for person in content.people for region in person.changes))
    parts = [
        ("conclusion", "Conclusion", True),
        ("effects", "Effects", bool(drawn_effects)),
        ("changes", "Asked and shown", bool(drawn_changes)),
        ("viewer", "Images", bool(images)),
        ("people", "People", bool(content.people)),
        ("controls", "Controls", True),
        ("tables", "Tables", True),
        ("provenance", "Provenance", True),
    ]
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(_file("report.html"))
    return template.render(
        content=content,
        method=content.identity.method_with_settings,
        own=content.identity.method,
        unexpected=[line for line in content.controls if line.is_unexpected],
        parts=[(anchor, title) for anchor, title, is_there in parts if is_there],
        forest=[Markup(panel) for panel in drawn_effects],
        key=_key(forest.rows_of(effects)) if effects else [],
        dots=[Markup(panel) for panel in drawn_changes],
        regions=regions,
        people_columns=["rank", "age", "sex", "diagnosis", "error", "no change", *regions],
        tables=[_folded(table) for table in content.tables],
        style=Markup(_file("report.css")),
        script=Markup(_file("report.js")),
        shown=viewer.shown_people(images, len(content.people)),
        ranks_shown={mine.person.rank for mine in images},
        has_truth=any(mine.truth is not None for mine in images),
        views=viewer.views(images),
        niivue=viewer.library() if images else "",
        viewer=Markup(_file("viewer.js")),
        licence=viewer.licence(),
    )


def _key(rows: list[str]) -> list[tuple[Markup, str]]:
    return [(Markup(svg.ornament(14, 14, [svg.glyph(7, 7, number)])), row) for number, row in enumerate(rows)]


def _folded(table: Table) -> FoldedTable:
    long = [(i, j) for i, row in enumerate(table.rows) for j, cell in enumerate(row) if len(str(cell)) > PROSE]
    # A JSON string in a script element must not be able to end it.
    text = json.dumps(table.csv()).replace("<", "\\u003c")
    shown = table.html(dict.fromkeys(long, "prose")) if len(table.rows) <= LONGEST else ""
    # What scrolls sideways can be scrolled by keys.
    label = f"table {html.escape(table.name, quote=True)}"
    shown = shown.replace("<div><table>", f'<div tabindex="0" role="region" aria-label="{label}"><table>')
    return FoldedTable(table.name, table.title, Markup(shown), len(table.rows), Markup(text))


def _file(name: str) -> str:
    return resources.files(__package__).joinpath("template", name).read_text(encoding="utf-8")
