"""The aging study's conclusion: what was asked of the method, what its images show, what follows and what does not."""

from __future__ import annotations

from collections.abc import Sequence

from pcgm_bench.contracts import Conclusion
from pcgm_bench.contracts import Record
from pcgm_bench.results.select import only
from pcgm_bench.results.select import select
from pcgm_bench.results.select import values_of
from pcgm_bench.results.sentences import listed
from pcgm_bench.results.sentences import with_interval
from pcgm_bench.studies.aging import terms
from pcgm_bench.studies.aging.scores import BETTER
from pcgm_bench.studies.aging.scores import INCONCLUSIVE
from pcgm_bench.studies.aging.scores import WORSE


def conclusion(records: Sequence[Record], method: str) -> Conclusion | None:
    """About the method, or the control, of a run; None where no image of it was scored."""
    mine = select(records, row=method)
    if not select(mine, metric=terms.VERDICT):
        return None
    return Conclusion(_asked(records, method), _shown(records, mine), _follows(mine))


def _asked(records: Sequence[Record], row: str) -> str:
    facts = select(records, row="", metric=[terms.PEOPLE, terms.FOLLOW_UPS])
    people = sum(fact.n or 0 for fact in facts if fact.metric == terms.PEOPLE)
    visits = sum(fact.n or 0 for fact in facts if fact.metric == terms.FOLLOW_UPS)
    return f"{row} was to show {people} people as old as they are at {visits} later visits, from the first scan alone."


def _shown(records: Sequence[Record], mine: Sequence[Record]) -> str:
    parts = []
    for bias in select(mine, contrast=terms.BIAS):
        real = only(records, row="", metric=terms.REAL_RATE, group=bias.group)
        if bias.estimate is not None and real is not None and real.estimate is not None:
            made = real.estimate + bias.estimate
            off = with_interval(bias, "+.2f")
            parts.append(
                f"in {bias.group} by {made:.2f} where the real ones grow by {real.estimate:.2f} (off by {off})"
            )
    if not parts:
        return "no group has enough images to say how fast their ventricles grow."
    return f"ventricles grow, in log-% a year, {'; '.join(parts)}."


def _follows(mine: Sequence[Record]) -> str:
    said = select(mine, metric=terms.VERDICT)
    groups = {word: values_of(select(said, text=word), "group") for word in (BETTER, INCONCLUSIVE, WORSE)}
    words = {
        BETTER: "the images come nearer to the later scans than the unchanged first scan does in",
        INCONCLUSIVE: "these people are too few to tell whether the images or the unchanged first scan come nearer in",
        WORSE: "the images are farther from the later scans than the unchanged first scan in",
    }
    parts = [f"{words[word]} {listed(names)}" for word, names in groups.items() if names]
    trained = [r for r in select(mine, contrast=terms.TRAINING) if r.low is not None and r.low > 0]
    known = (
        f"the person's own rate is told from the mean rate of others in {listed(values_of(trained, 'group'))}"
        if trained
        else "in no group are the images shown to be nearer than everybody's mean rate of growth would be, so nothing "
        "is known of a person's own aging"
    )
    return f"{'; '.join(parts)}; {known}."
