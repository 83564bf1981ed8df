"""Tables of the verdict: its parts, achieved over asked, and what this many people can decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pcgm_bench.contracts import Record
from pcgm_bench.results.pivot import pivot
from pcgm_bench.results.select import select
from pcgm_bench.studies.aud import terms
from pcgm_bench.studies.aud.achieved import LEAST_RATIO
from pcgm_bench.studies.aud.achieved import MEASURABLE
from pcgm_bench.studies.aud.achieved import MOST_RATIO
from pcgm_bench.studies.aud.achieved import STAY
from pcgm_bench.studies.aud.lobe_table import lobe_table
from pcgm_bench.studies.aud.sample import LOBES
from pcgm_bench.studies.aud.truth_power import TOGETHER
from pcgm_bench.tables import Cell
from pcgm_bench.tables import Table


def verdict_table(records: Sequence[Record]) -> Table:
    """Rows by parts; below them the reason of every verdict that is not a pass."""
    shown = select(records, metric=[terms.PART, terms.VERDICT])
    reasons = [f"{r.row}: {r.text}. {_sentence(r.reason)}" for r in select(shown, metric=terms.VERDICT) if r.reason]
    parts = list(dict.fromkeys(record.group for record in shown if record.group))
    return pivot(
        (_as_column(record) for record in shown),
        name="verdict",
        title="Verdict",
        across="group",
        columns=[*parts, terms.VERDICT],
        show=_word,
        notes=[
            "fail: a part fails. pass: every part that this n can decide passes. Else inconclusive.",
            "A pass says that volumes and places are right. It does not say that the voxels are those of a scan: an "
            "edit by arithmetic that knows the right dose (the control planted-edit) passes as well.",
            *reasons,
        ],
    )


def _as_column(record: Record) -> Record:
    return replace(record, group=record.group or terms.VERDICT)


def _word(record: Record) -> Cell:
    return record.text


def _sentence(reason: str) -> str:
    return f"{reason[:1].upper()}{reason[1:]}."


def achieved_table(records: Sequence[Record]) -> Table:
    """Every row's achieved over asked, lobe by lobe."""
    return lobe_table(
        select(records, metric=terms.ACHIEVED),
        name="achieved",
        title="Achieved over asked: the change that the images show over the change that was asked for [95 %]",
        notes=[
            f"Target 1; to pass, the whole interval lies between {LEAST_RATIO:g} and {MOST_RATIO:g}. A lobe that is "
            f"asked to change by less than {MEASURABLE:g} % has no ratio; it may be off by {STAY:g} %.",
            "A control is held against what the run's causal model asks, the oracle against the truth.",
        ],
    )


def power_table(records: Sequence[Record]) -> Table:
    """How often the truth would come out right, by column and lobe; and which cells a verdict takes."""
    taken = {(r.group, r.contrast, r.region): r.text == "yes" for r in select(records, metric=terms.DECIDABLE)}

    def show(record: Record) -> Cell:
        mark = "" if taken[record.group, record.contrast, record.region] else " (-)"
        return None if record.estimate is None else f"{record.estimate:.2f}{mark}"

    return pivot(
        select(records, metric=terms.CHANCE),
        name="power",
        title="Chance that the truth is shown to be right, at this n",
        lines=["group", "contrast"],
        across="region",
        columns=LOBES,
        show=show,
        headings={"group": "counterfactuals of", "contrast": "column"},
        notes=[
            "(-): this n cannot decide the cell, and no verdict takes it. The others would all come out right together "
            f"in at least {TOGETHER:.0%} of such cohorts.",
            f"Expected: {expected_words(records)}.",
        ],
        detail=True,
    )


def expected_words(records: Sequence[Record]) -> str:
    """The pattern in words: ``frontal -4.5 %, ..., occipital unchanged``."""
    words = []
    for record in select(records, metric=terms.EXPECTED):
        if record.estimate is None:
            words.append(f"{record.region} not known")
        else:
            words.append(f"{record.region} {f'{record.estimate:+.1f} %' if record.estimate else 'unchanged'}")
    source = "AUD's pattern" if terms.expect_of(records) == terms.AUD else "what the real groups show"
    return f"{source}: {', '.join(words)}"
