"""The leaderboard as one HTML file: nothing is fetched, nothing runs, it prints well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from pcgm_bench.board.build import Board
from pcgm_bench.board.build import Section
from pcgm_bench.board.cells import MISSING
from pcgm_bench.board.forest import forest
from pcgm_bench.tables import Table

STYLE = """
:root { --ink: #1c2430; --grey: #76808d; --line: #dde2e8; --best: #0b6e4f; --flag: #b3541e; --paper: #fbfaf7 }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); margin: 2rem auto; max-width: 76rem; padding: 0 1rem }
h1 { margin-bottom: 0 }
h2 { margin-top: 3rem; border-top: 2px solid var(--ink); padding-top: .6rem; font-size: 1.25rem }
a { color: inherit }
.badge { border: 1px solid; border-radius: 1em; padding: 0 .6em; font-size: .8rem; margin-right: .4em }
.phantom { color: #5b3f8c } .quick, .old { color: var(--flag) }
figure { margin: 1.6rem 0 } figure > div { overflow-x: auto } figcaption { font-weight: 600; margin-bottom: .4rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .87rem }
th, td { text-align: left; padding: .3rem .7rem; border-bottom: 1px solid var(--line); vertical-align: top }
thead th { border-bottom: 2px solid var(--ink); max-width: 15em; font-weight: 600 }
td { white-space: nowrap } td.num { text-align: right } td.prose { white-space: normal }
tr.faint { color: var(--grey) } .lost { color: var(--flag); font-style: italic }
.first { color: var(--best); font-weight: 700 }
ul.notes, ul.about { color: var(--grey); font-size: .82rem; padding-left: 1.1rem; margin: .5rem 0; max-width: 62rem }
ul.about li.warning { color: var(--flag) }
.reference { background: var(--paper); border: 1px solid var(--line); padding: .2rem 1rem }
svg text { font: 11px system-ui, sans-serif; fill: var(--ink) } svg text.faint { fill: var(--grey) }
details > div { overflow-x: auto } details > summary { cursor: pointer; font-weight: 600 }
@media print { nav { display: none } }
"""

TEMPLATE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>pcgm-bench leaderboard</title><style>{{ style }}</style></head><body>
<h1>pcgm-bench leaderboard</h1>
<p>Does a synthetic brain MRI carry the right anatomy? Every cell is an estimate, with its 95&nbsp;% interval where
the metric has one. Methods that cannot be told apart share a rank (#1, #2, ...). Controls are grey and never
ranked; a column that a control wins, or the truth loses, is marked with an exclamation mark. Arrows point to the
better side.</p>
<nav><ul>
{% for section in sections %}
<li><a href="#s{{ section.slug }}">{{ section.label }}</a></li>
{% endfor %}
{% if references %}
<li><a href="#paper">The paper's own tables</a></li>
{% endif %}
<li><a href="#about">About this board</a></li>
</ul></nav>
{% for section in sections %}
<section id="s{{ section.slug }}"><h2>{{ section.label }}</h2>
<p>{% for kind, text in section.badges %}<span class="badge {{ kind }}">{{ text }}</span>{% endfor %}</p>
<ul class="about">
{% for note in section.notes %}
<li{{ " class=warning" if note.startswith("Warning") }}>{{ note }}</li>
{% endfor %}
</ul>
{% for table, plot in section.tables %}
{{ table }}
{% if plot %}
<details{{ " open" if loop.first }}><summary>Drawn</summary><div>{{ plot }}</div></details>
{% endif %}
{% endfor %}
{% for table in section.pairs %}
<details><summary>Pairwise verdicts between methods</summary>{{ table }}</details>
{% endfor %}
</section>
{% endfor %}
{% if references %}
<section id="paper"><h2>The paper's own tables</h2>
{% for table in references %}
<div class="reference">{{ table }}</div>
{% endfor %}
</section>
{% endif %}
<section id="about"><h2>About this board</h2>
{% for table in general %}
{{ table }}
{% endfor %}
</section>
</body></html>
"""


def page(board: Board) -> str:
    """The whole page; all text of runs and plugins is escaped."""
    template = Environment(autoescape=True, trim_blocks=True).from_string(TEMPLATE)
    return (
        template.render(
            style=Markup(STYLE),
            sections=[_section(section) for section in board.sections],
            references=[Markup(table.html()) for table in board.references],
            general=[Markup(table.html(dict.fromkeys(_prose(table), "prose"))) for table in board.general],
        )
        + "\n"
    )


def _section(section: Section) -> Mapping[str, Any]:
    title, *badges = section.title.split(" | ")
    kinds = [(_badge(text), text) for text in badges]
    plots = [forest(columns) for columns in section.blocks]
    return {
        "slug": section.number.replace("+", "-"),
        "label": f"{section.number}. {title}",
        "badges": kinds,
        "notes": section.notes,
        "tables": [(Markup(_marked(table)), Markup(plot)) for table, plot in zip(section.tables, plots, strict=True)],
        "pairs": [Markup(table.html()) for table in section.pairs],
    }


def _badge(text: str) -> str:
    """CSS class of a badge."""
    classes = {"PHANTOM": "phantom", "QUICK": "quick", "MADE BY": "old"}
    return next((name for word, name in classes.items() if text.startswith(word)), "real")


def _marked(table: Table) -> str:
    classes = {}
    for number, row in enumerate(table.rows):
        for index, cell in enumerate(row):
            if isinstance(cell, str) and cell.startswith("#1 "):
                classes[number, index] = "first"
            elif cell == MISSING:
                classes[number, index] = "lost"
    return table.html(classes)


def _prose(table: Table) -> list[tuple[int, int]]:
    long = 60
    return [(i, j) for i, row in enumerate(table.rows) for j, cell in enumerate(row) if len(str(cell)) > long]
