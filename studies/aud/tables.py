"""Tables of the AUD study: the paper's p-values, sound effects, recovery, and whether the people are the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pcgm_bench.contracts import Record
from pcgm_bench.contracts import RowKind
from pcgm_bench.results.control_flags import flag_notes
from pcgm_bench.results.pivot import count
from pcgm_bench.results.pivot import pivot
from pcgm_bench.results.pivot import spread
from pcgm_bench.results.pivot import with_interval
from pcgm_bench.results.select import only
from pcgm_bench.results.select import rows_of
from pcgm_bench.results.select import select
from pcgm_bench.results.select import values_of
from pcgm_bench.results.where import where_tables
from pcgm_bench.studies.aud import terms
from pcgm_bench.studies.aud.comparisons import COLUMNS
from pcgm_bench.studies.aud.flagged import Flagged
from pcgm_bench.studies.aud.lobe_table import lobe_table
from pcgm_bench.studies.aud.overviews import paper_overview
from pcgm_bench.studies.aud.overviews import size_line
from pcgm_bench.studies.aud.overviews import sound_overview
from pcgm_bench.studies.aud.paper_rule import THRESHOLD
from pcgm_bench.studies.aud.paper_rule import PaperPattern
from pcgm_bench.studies.aud.rows import REAL
from pcgm_bench.studies.aud.same_person import OWN_NEAREST
from pcgm_bench.studies.aud.sample import LOBES
from pcgm_bench.studies.aud.sample import REGIONS
from pcgm_bench.studies.aud.truth_power import ERROR_SHARE
from pcgm_bench.studies.aud.verdict_tables import achieved_table
from pcgm_bench.studies.aud.verdict_tables import power_table
from pcgm_bench.studies.aud.verdict_tables import verdict_table
from pcgm_bench.tables import Cell
from pcgm_bench.tables import Column
from pcgm_bench.tables import Table
from pcgm_bench.tables import slug

_P = Column("p", 4, p_value=True)
_CORRECT = "# correct"


def all_tables(records: Sequence[Record]) -> list[Table]:
    """Both overviews, then the row that a run is about and the person; the rest is detail."""
    methods = rows_of(select(records, metric=terms.PAPER_P), RowKind.METHOD)
    shown = [paper_overview(records), sound_overview(records), verdict_table(records)]
    if select(records, metric=terms.ACHIEVED):
        shown.append(achieved_table(records))
    shown += [table(records, row) for row in methods for table in (paper_table, recovery_table)]
    if select(records, metric=terms.ORACLE_ERROR):
        shown.append(oracle_table(records))
    shown.append(person_table(records))
    shown += where_tables(records)
    detail = [sound_table(records, row) for row in (REAL, *methods)]
    detail += [paper_table(records, REAL), spill_table(records), power_table(records)]
    return [*shown, *(replace(table, detail=True) for table in detail)]


def paper_table(records: Sequence[Record], row: str) -> Table:
    """One row's p-values, laid out as Table 3; marked where they are significant."""
    differences = {(r.contrast, r.region): r for r in select(records, row=row, metric=terms.PAPER_DIFFERENCE)}
    expect = terms.expect_of(records)
    correct = select(records, row=row, metric=[terms.correct(name, expect) for name in COLUMNS])
    real = select(records, row=REAL, metric=terms.PAPER_DIFFERENCE, contrast="real")
    larger = [r.region for r in real if (r.estimate or 0.0) > 0] if expect != terms.AUD else []
    pattern = PaperPattern(larger=larger)

    def show(record: Record) -> Cell:
        if record.region == _CORRECT:
            return count(record)
        if record.estimate is None:
            return None
        difference = differences[record.contrast, record.region].estimate
        is_wrong = difference is not None and pattern.is_wrong_sign(
            record.estimate, difference, record.contrast, record.region
        )
        return _P.text(record.estimate) + ("*" if record.estimate <= THRESHOLD else "") + ("(+)" if is_wrong else "")

    return pivot(
        [*select(records, row=row, metric=terms.PAPER_P), *(replace(record, region=_CORRECT) for record in correct)],
        name=f"paper-{slug(row)}",
        title=f"{row}: p-values by the paper rule",
        lines=["region"],
        across="contrast",
        show=show,
        headings={"region": "lobe"} | {name: column.title for name, column in COLUMNS.items()},
        notes=["* p <= 0.05 / 6; (+) significant the wrong way round.", size_line(records)],
    )


def sound_table(records: Sequence[Record], row: str) -> Table:
    """One row's effects with intervals and verdicts."""
    signed = {"d": "d", "d low": "low", "d high": "high", terms.DIFFERENCE: "difference, %", terms.D_Z: "d_z"}
    tests = {terms.P_HOLM: "p (Holm)", terms.TOST_P: "TOST p"}
    heads: dict[str, str | Column] = {"contrast": "column", "region": "lobe", terms.R: "r", "d n": "n"}
    heads |= {terms.TOST_POWER: "TOST power", terms.EFFECT_VERDICT: "verdict"}
    heads |= {key: Column(name, signed=True) for key, name in signed.items()}
    heads |= {key: Column(name, 4, p_value=True) for key, name in tests.items()}
    effects = [part for r in select(records, row=row, metric=terms.D) for part in spread(r, "low", "high", "n")]
    others = (terms.P_HOLM, terms.TOST_P, terms.TOST_POWER, terms.DIFFERENCE, terms.D_Z, terms.R)
    shown = [*effects, *select(records, row=row, metric=[*others, terms.EFFECT_VERDICT])]
    return pivot(
        shown,
        name=f"sound-{slug(row)}",
        title=f"{row}: effects by the sound rule",
        lines=["contrast", "region"],
        show={"d n": count},
        columns=["d", "d low", "d high", *others, "d n", terms.EFFECT_VERDICT],
        headings=heads,
        notes=_sound_notes(records, row),
    )


def _sound_notes(records: Sequence[Record], row: str) -> list[str]:
    replicates = only(records, metric=terms.REPLICATES)
    bounds = {r.contrast: r.estimate or 0.0 for r in select(records, metric=terms.BOUND)}
    paired = [name for name, column in COLUMNS.items() if column.same_people]
    notes = [
        "d: adjusted for age, sex and factual head size; 95 % intervals by subject bootstrap "
        f"({count(replicates) if replicates else 0} replicates); p by Holm over six lobes.",
        f"Equivalence: TOST, declared bound abs(d) {bounds[REAL]:g}, same people (columns {', '.join(paired)}) "
        f"{bounds[paired[0]]:g}; its power is for no difference at all with this standard error.",
    ]
    refitted = only(records, row=row, metric=terms.REFITTED)
    if refitted is not None:
        notes.append(
            "The causal model was fitted anew in every replicate."
            if refitted.estimate
            else "PGM not refitted: intervals ignore how uncertain the causal model's effect is, and are too narrow."
        )
    return notes


def recovery_table(records: Sequence[Record], row: str) -> Table:
    """One row's counterfactual effect over the real and over the planted one."""
    ratios = select(records, row=row, metric=[terms.OF_REAL, terms.OF_PLANTED])
    planted = [
        replace(loss, row=row, contrast=contrast)
        for contrast in (name for name in COLUMNS if name in values_of(ratios, "contrast"))
        for loss in select(records, metric=terms.PLANTED, region=LOBES)
    ]
    heads = {terms.OF_REAL: "d / d real", f"{terms.OF_REAL} low": "low", f"{terms.OF_REAL} high": "high"}
    heads |= {terms.OF_PLANTED: "% / planted", f"{terms.OF_PLANTED} low": "low ", f"{terms.OF_PLANTED} high": "high "}
    heads |= {terms.PLANTED: "planted loss, %"}
    return pivot(
        [*planted, *(part for ratio in ratios for part in spread(ratio, "low", "high"))],
        name=f"recovery-{slug(row)}",
        title=f"{row}: recovery of the effect",
        lines=["contrast", "region"],
        columns=list(heads),
        headings=heads | {"contrast": "column", "region": "lobe"},
        notes=[
            "Target 1, tolerance 0.8 to 1.25; 95 % intervals by Fieller. Where the interval of the real effect "
            "includes 0, the ratio to it is not determined, and left empty."
        ],
    )


def oracle_table(records: Sequence[Record]) -> Table:
    """Every row's error to the oracle, lobe by lobe."""
    return lobe_table(
        select(records, metric=terms.ORACLE_ERROR),
        name="oracle-error",
        title="Error to the oracle: rms over people, % of the lobe [95 %]",
        notes=["Both volumes are measured by the same segmenter, so that sqrt(2) times its noise is the floor."],
    )


def person_table(records: Sequence[Record]) -> Table:
    """Whose scan a row's images come nearest to, and how far they are from the right change."""
    names = {terms.OWN_NEAREST: "own scan nearest, % [95 %]", terms.ERROR_SHARE: "error to the oracle, share"}
    shown = select(records, metric=list(names))
    flagged = Flagged.of(shown, lambda cell: names[cell.metric])
    return pivot(
        shown,
        name="person",
        title="The same person?",
        columns=list(names),
        show={terms.OWN_NEAREST: with_interval(factor=100), terms.ERROR_SHARE: with_interval()},
        headings={metric: flagged.heading(name) for metric, name in names.items()},
        notes=[
            f"Own scan nearest: images whose nearest factual scan is the person's own; at least {OWN_NEAREST:.0%}.",
            "Error to the oracle: mean over the affected lobes, as a share of the unchanged scan's. The verdict "
            f"takes the noise of reading out of both, and asks for {ERROR_SHARE:g} in every such lobe.",
            *flag_notes(flagged.above),
        ],
    )


def spill_table(records: Sequence[Record]) -> Table:
    """Every row's change achieved minus asked, in both directions."""
    excess = select(records, metric=terms.SPILL_OVER)
    flagged = Flagged.of(excess, lambda cell: f"{cell.region} ({cell.group})")
    note = (
        "Occipital lobe, white matter and ventricles are to do what the truth does (stay, where it is not known), and "
        "other lobes what the row says it asks. A (volumes) row makes no image: what it shows in the occipital lobe is "
        "the effect its model estimates there."
    )
    return pivot(
        excess,
        name="spill-over",
        title="Change achieved minus asked, mean over people, % [95 %]",
        lines=["row", "group"],
        across="region",
        columns=REGIONS,
        show=with_interval("+.2f"),
        headings={"group": "direction"} | {region: flagged.heading(region) for region in REGIONS},
        notes=[note, *flag_notes(flagged.above)],
    )
