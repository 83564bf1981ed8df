"""Part of the verdict: the causal model against the groups, or the images where no model says what it asked for."""

from __future__ import annotations

from pcgm_bench.contracts import RowKind
from pcgm_bench.results.sentences import interval
from pcgm_bench.results.verdict import Outcome
from pcgm_bench.results.verdict import VerdictPart
from pcgm_bench.statistics import equivalence
from pcgm_bench.studies.aud.comparisons import COLUMNS
from pcgm_bench.studies.aud.row_evidence import RowEvidence
from pcgm_bench.studies.aud.sound_rule import INCONCLUSIVE
from pcgm_bench.studies.aud.sound_rule import WRONG
from pcgm_bench.studies.aud.sound_rule import judge
from pcgm_bench.studies.aud.truth_power import FAIL_LEVEL
from pcgm_bench.studies.aud.truth_power import Cell

GROUPS = "against the groups"

SAME_PEOPLE = tuple(name for name, column in COLUMNS.items() if column.same_people)
"""Columns 2 and 3. The other columns add only how the real groups differ by chance to what these show."""


def groups_part(evidence: RowEvidence) -> VerdictPart | None:
    """Do the volumes that were asked for differ between the diagnoses as they should, and nowhere else?

    Cells that the truth would not show at this n take no part (`truth_power`). A lobe that the diagnosis leaves alone
    is tested once over the columns with the same people, not once a column.
    """
    if evidence.row.kind is RowKind.REAL:
        return None
    failed = _wrong_cell(evidence) or _moved_though_unaffected(evidence) or _not_of_the_groups(evidence)
    if failed is not None:
        return failed
    cells = sorted(evidence.power.decidable)
    open_cells = [cell for cell in cells if _judged(evidence, cell) == INCONCLUSIVE]
    everything = sum(len(by_lobe) for name, by_lobe in evidence.groups.effects.items() if name != "real")
    if not cells:
        return VerdictPart(GROUPS, Outcome.CANNOT_DECIDE, "this n cannot decide any cell", is_decidable=False)
    if open_cells:
        column, lobe = min(open_cells, key=lambda cell: -evidence.power.chance[cell])
        chance = evidence.power.chance[column, lobe]
        share = "more than 99 %" if chance > 0.99 else f"{100 * chance:.0f} %"
        reason = f"{_said(evidence, (column, lobe))}: not shown, as the truth would be in {share} of simulated cohorts"
        return VerdictPart(GROUPS, Outcome.CANNOT_DECIDE, reason, lobe, column)
    return VerdictPart(GROUPS, Outcome.PASS, f"right in all {len(cells)} of {everything} cells that this n can decide")


def _judged(evidence: RowEvidence, cell: Cell) -> str:
    column, lobe = cell
    return judge(COLUMNS[column], lobe, evidence.groups.effects[column][lobe], evidence.pattern)


def _said(evidence: RowEvidence, cell: Cell) -> str:
    effect = evidence.groups.effects[cell[0]][cell[1]]
    return f"column {cell[0]}, {cell[1]}: d = {interval(effect.d, effect.low, effect.high, '+z.2f')}"


def _wrong_cell(evidence: RowEvidence) -> VerdictPart | None:
    """A decidable cell that is shown to be wrong; in columns 4 and 5 at `FAIL_LEVEL` over all their cells."""
    wrong = [cell for cell in sorted(evidence.power.decidable) if _judged(evidence, cell) == WRONG]
    alike = [cell for cell in evidence.power.decidable if not COLUMNS[cell[0]].effect]
    for column, lobe in wrong:
        reason = _said(evidence, (column, lobe))
        if COLUMNS[column].effect and (sign := evidence.pattern.sign(lobe)):
            expected = f"patients must have {'less' if sign < 0 else 'more'}"
            return VerdictPart(GROUPS, Outcome.FAIL, f"{reason}; {expected}", lobe, column)
        if not COLUMNS[column].effect and evidence.groups.effects[column][lobe].p * len(alike) <= FAIL_LEVEL:
            return VerdictPart(GROUPS, Outcome.FAIL, f"{reason}; the two must be alike", lobe, column)
    return None


def _moved_though_unaffected(evidence: RowEvidence) -> VerdictPart | None:
    """The lobes that the diagnosis leaves alone, one test over the columns in which the same people are compared."""
    cells = [(name, lobe) for name in SAME_PEOPLE for lobe in evidence.pattern.still if name in evidence.groups.effects]
    for column, lobe in cells:
        effect = evidence.groups.effects[column][lobe]
        if effect.p * len(cells) <= FAIL_LEVEL and effect.verdict == equivalence.DIFFERENT:
            reason = f"{_said(evidence, (column, lobe))}; the diagnosis leaves this lobe alone"
            return VerdictPart(GROUPS, Outcome.FAIL, reason, lobe, column)
    return None


def _not_of_the_groups(evidence: RowEvidence) -> VerdictPart | None:
    """An effect that the real groups do not show, where they alone say what is right."""
    cells = [(name, lobe) for name in evidence.groups.beyond_real for lobe in evidence.pattern.unknown]
    for column, lobe in cells:
        effect, beyond = evidence.groups.effects[column][lobe], evidence.groups.beyond_real[column][lobe]
        if effect.verdict == equivalence.DIFFERENT and beyond * len(cells) <= FAIL_LEVEL:
            real = evidence.groups.effects["real"][lobe]
            shown = interval(real.d, real.low, real.high, "+z.2f")
            reason = f"{_said(evidence, (column, lobe))}; the real groups show {shown}"
            return VerdictPart(GROUPS, Outcome.FAIL, reason, lobe, column)
    return None
