"""The records of the aging study as tables: people, comparisons, slopes, the paper's rule group by group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pcgm_bench.contracts import Record
from pcgm_bench.results.control_flags import flag_notes
from pcgm_bench.results.control_flags import flags
from pcgm_bench.results.pivot import pivot
from pcgm_bench.results.pivot import with_interval
from pcgm_bench.results.select import select
from pcgm_bench.results.select import values_of
from pcgm_bench.studies.aging import terms
from pcgm_bench.studies.aging.overviews import N
from pcgm_bench.studies.aging.overviews import flagged_lines
from pcgm_bench.studies.aging.overviews import marked_headings
from pcgm_bench.studies.aging.overviews import paper_overview
from pcgm_bench.studies.aging.overviews import sound_overview
from pcgm_bench.studies.aging.records import AGAINST
from pcgm_bench.tables import Cell
from pcgm_bench.tables import Column
from pcgm_bench.tables import Table


def all_tables(records: Sequence[Record]) -> list[Table]:
    """Both overviews and the people; then the detail."""
    return [
        sound_overview(records),
        paper_overview(records),
        people_table(records),
        comparisons_table(records),
        slopes_table(records),
        paper_table(records),
    ]


def _n(record: Record) -> Cell:
    return record.n


def people_table(records: Sequence[Record]) -> Table:
    """Who was scored, and what their ventricles really did."""
    headings = {
        terms.PEOPLE: Column("people"),
        **dict(zip(terms.VISITS, map(Column, ("2 visits", "3 visits", "4 or more")), strict=True)),
        terms.FOLLOW_UPS: Column("follow-ups"),
        terms.REAL_RATE: Column(f"real slope, {terms.UNIT} [95 %]"),
        terms.REAL_RATE_SD: Column("s.d."),
        terms.TRAINING_RATE: Column("training slope", signed=True),
        terms.DETECTABLE: Column("bias seen, s.d."),
    }
    return pivot(
        select(records, row="", metric=list(headings)),
        name="people",
        title="Who was scored, and how their ventricles grew",
        lines=("group",),
        columns=list(headings),
        show={
            **dict.fromkeys((terms.PEOPLE, *terms.VISITS, terms.FOLLOW_UPS), _n),
            terms.REAL_RATE: with_interval("+z.2f"),
        },
        headings=headings,
        notes=[
            "Slopes as read by the segmenter: their s.d. holds the noise of reading. Visits include the baseline.",
            "Bias seen: the slope bias that a paired t-test would show in four of five studies of this size, in s.d. "
            "of the slope error over people.",
        ],
    )


def comparisons_table(records: Sequence[Record]) -> Table:
    """Methods against every other row: paired tests of NMSE."""
    mine = select(records, metric=terms.COMPARED)
    mine += [replace(record, metric=N) for record in select(mine, metric=terms.RATIO)]
    lines = [
        replace(
            record,
            group=record.group or terms.EVERYBODY,
            contrast=f"{record.row} / {record.contrast.removeprefix(AGAINST)}",
        )
        for record in mine
    ]
    return pivot(
        lines,
        name="comparisons",
        title="Methods against other rows",
        lines=("group", "contrast"),
        columns=(*terms.COMPARED, N),
        show={N: _n},
        headings={
            "contrast": "rows",
            terms.T: Column(terms.T, signed=True),
            **{name: Column(name, 4, p_value=True) for name in (terms.P_T, terms.P, terms.P_HOLM)},
        },
        notes=[
            "Paper: paired t-test of NMSE, which is skewed. Sound: Wilcoxon's signed-rank test of log NMSE, Holm over "
            "the pairs of a group. Ratio: geometric mean, below 1 where the first row is better.",
        ],
        detail=True,
    )


def slopes_table(records: Sequence[Record]) -> Table:
    """Every row's slope error: bias, mean absolute, root mean square."""
    sizes = (terms.BIAS, terms.ABSOLUTE, terms.SQUARED)
    mine = select(records, contrast=(*sizes, terms.LESS))
    own = select(records, contrast=terms.OWN)
    biases = select(mine, contrast=terms.BIAS)
    lines = [*mine, *(replace(bias, contrast=N) for bias in biases)]
    lines += [replace(near, group=bias.group) for bias in biases for near in select(own, row=bias.row)]
    flagged = {line.replace(terms.BIAS, "bias"): rows for line, rows in flagged_lines(mine, sizes).items()}
    if above := list(flags(own).values()):
        flagged[terms.OWN] = above[0]
    marks = marked_headings(("bias", terms.ABSOLUTE, terms.SQUARED, terms.OWN), flagged)
    return pivot(
        lines,
        name="slopes",
        title=f"Slope error, {terms.UNIT} [95 %]",
        lines=("group", "row"),
        across="contrast",
        columns=(*sizes, terms.LESS, N, terms.OWN),
        show={
            terms.BIAS: with_interval("+z.2f"),
            **dict.fromkeys((terms.ABSOLUTE, terms.SQUARED), with_interval("z.2f")),
            terms.LESS: with_interval("+z.2f"),
            N: _n,
        },
        headings={
            terms.BIAS: marks["bias"],
            **{name: marks[name] for name in (terms.ABSOLUTE, terms.SQUARED, terms.OWN)},
        },
        notes=[
            "Less no change's: of the same people, paired; below 0 the made rate is nearer to the real one than no "
            "change.",
            "Own scan nearest: share of all the row's images whose nearest factual scan is one of the person's own.",
            *flag_notes(flagged),
        ],
        detail=True,
    )


def paper_table(records: Sequence[Record]) -> Table:
    """The paper's numbers group by group with intervals, and the part of Pearson's r that can be kept."""
    mine = select(records, contrast=(terms.NMSE, terms.MEDIAN, terms.R, terms.TWO_VISITS, terms.LONG_R), rule="paper")
    mine += [replace(record, contrast="n of that") for record in select(mine, contrast=terms.LONG_R)]
    mine += [replace(record, contrast=N) for record in select(mine, contrast=terms.NMSE)]
    groups = [*(group for group in values_of(mine, "group") if group), ""]
    lines = [
        replace(record, group=group or terms.EVERYBODY) for group in groups for record in select(mine, group=group)
    ]
    headings = {
        terms.NMSE: "NMSE [95 %]",
        terms.MEDIAN: "median",
        terms.R: "r [95 %]",
        terms.TWO_VISITS: "of whom 2 visits",
        terms.LONG_R: "r, 4 visits or more, follow-ups",
    }
    return pivot(
        lines,
        name="paper",
        title="The paper's rule, group by group",
        lines=("group", "row"),
        across="contrast",
        columns=(*headings, "n of that", N),
        show={
            terms.NMSE: with_interval("z.4f"),
            terms.MEDIAN: lambda record: None if record.estimate is None else f"{record.estimate:.4f}",
            terms.R: with_interval("z.2f"),
            terms.LONG_R: with_interval("z.2f"),
            **dict.fromkeys((terms.TWO_VISITS, "n of that", N), _n),
        },
        headings=dict(headings),
        detail=True,
    )
