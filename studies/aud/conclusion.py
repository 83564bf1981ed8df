"""The AUD study's conclusion: what was asked of the method, what its images show, what follows and what does not."""

from __future__ import annotations

from collections.abc import Sequence

from pcgm_bench.contracts import Conclusion
from pcgm_bench.contracts import Record
from pcgm_bench.results.select import only
from pcgm_bench.results.select import select
from pcgm_bench.results.sentences import with_interval
from pcgm_bench.results.verdict import Outcome
from pcgm_bench.studies.aud import terms
from pcgm_bench.studies.aud.comparisons import CELLS
from pcgm_bench.studies.aud.facts import MODEL
from pcgm_bench.studies.aud.facts import TRUTH
from pcgm_bench.studies.aud.rows import ORACLE
from pcgm_bench.studies.aud.verdict_tables import expected_words


def conclusion(records: Sequence[Record], method: str) -> Conclusion | None:
    """About the method, or the control, of a run; None where no image of it was scored."""
    if not select(records, row=method, metric=terms.VERDICT):
        return None
    return Conclusion(_asked(records, method), _shown(records, method), _follows(records, method))


def _asked(records: Sequence[Record], row: str) -> str:
    controls, patients = (round(record.estimate or 0) for record in select(records, metric=terms.N))
    what = f"{row} was to show {controls} controls as patients, and {patients} patients as controls"
    asked = [f"{r.region} {r.estimate:+.1f} %" for r in select(records, row=row, metric=terms.ASKED) if r.estimate]
    by = ", and nobody says by how much each lobe was to change"
    if asked:
        by = f", and {', '.join(asked)} was asked of the controls on average, the reverse of the patients"
    return f"{what}{by}; right is {expected_words(records)}."


def _shown(records: Sequence[Record], row: str) -> str:
    ratios = [r for r in select(records, row=row, metric=terms.ACHIEVED) if r.estimate is not None]
    parts = []
    if ratios:
        worst = max(ratios, key=lambda r: abs((r.estimate or 0) - 1))
        lobes = "lobe that was" if len(ratios) == 1 else f"{len(ratios)} lobes that were"
        parts.append(
            f"{with_interval(worst)} of what was asked of the {worst.region} lobe is done, the farthest from 1 of the "
            f"{lobes} asked to move"
        )
    else:
        parts.append("no lobe was asked to change by enough to say what share of it is done")
    nearest = only(records, row=row, metric=terms.OWN_NEAREST)
    if nearest is not None and nearest.estimate is not None:
        parts.append(f"{nearest.estimate:.0%} of the images are nearest to the scan that they were made from")
    return "; ".join(parts) + "."


def _follows(records: Sequence[Record], row: str) -> str:
    verdict = only(records, row=row, metric=terms.VERDICT)
    assert verdict is not None
    n, what = _decidable(records, row)
    limits = (
        "these are phantoms, so nothing follows about patients"
        if select(records, metric=terms.PLANTED)
        else "no truth is known for these people, so the change of a single person is not confirmed"
    )
    if verdict.text == Outcome.FAIL:
        return (
            f"the row fails ({verdict.reason}), so a difference between its groups is not to be read as the "
            f"diagnosis'; {limits}."
        )
    if verdict.text == Outcome.PASS:
        return (
            f"the row passes all that n = {n} can decide, {what}; where in a lobe tissue has changed is another "
            f"question, and {limits}."
        )
    return (
        f"neither that the row is right nor that it is wrong ({verdict.reason}); n = {n} decides {what}, and {limits}."
    )


def _decidable(records: Sequence[Record], row: str) -> tuple[str, str]:
    """The two group sizes, and how many cells they decide."""
    controls, patients = (round(record.estimate or 0) for record in select(records, metric=terms.N))
    group = TRUTH if row == ORACLE or not select(records, row=row, metric=terms.REFITTED) else MODEL
    cells = len(select(records, metric=terms.DECIDABLE, group=group, text="yes"))
    detectable = only(records, metric=terms.DETECTABLE)
    least = f"{detectable.estimate:.2f}" if detectable is not None and detectable.estimate is not None else "any"
    return (
        f"{controls} + {patients}",
        f"{cells} of {CELLS} cells (a lobe in a column) and real differences of d >= {least}",
    )
