"""The reader study's conclusion: what was asked of the readers, what they answered, what follows and what does not."""

from __future__ import annotations

from collections.abc import Sequence

from pcgm_bench.contracts import Conclusion
from pcgm_bench.contracts import Record
from pcgm_bench.results.select import only
from pcgm_bench.results.select import rows_of
from pcgm_bench.results.select import select
from pcgm_bench.results.sentences import listed
from pcgm_bench.results.sentences import with_interval
from pcgm_bench.statistics.accuracy import CHANCE
from pcgm_bench.statistics.accuracy import MARGIN
from pcgm_bench.studies.reader import records as terms
from pcgm_bench.studies.reader.attention import inattentive
from pcgm_bench.studies.reader.attention import readers_of

LEVEL = 0.05
"""Of the test of every single reader against guessing, over all readers."""


def conclusion(records: Sequence[Record]) -> Conclusion | None:
    """About all readers together; None where nobody has read."""
    pooled = only(records, metric=terms.ACCURACY, group="")
    if pooled is None:
        return None
    return Conclusion(_asked(records), _shown(records, pooled), _follows(records, pooled))


def _is_phantom(records: Sequence[Record]) -> bool:
    cohort = only(records, metric=terms.ORIGIN, contrast="cohort")
    return cohort is not None and cohort.text.startswith("phantom")


def _asked(records: Sequence[Record]) -> str:
    readers, cases = len(readers_of(records)), only(records, metric=terms.CASES)
    images = (cases.n or 0) if cases is not None else 0
    scans = "phantom scans" if _is_phantom(records) else "real scans"
    return (
        f"{readers} reader{' was' if readers == 1 else 's were'} to say which of {images} images are {scans} and which "
        f"are made by {rows_of(records)[0]}."
    )


def _shown(records: Sequence[Record], pooled: Record) -> str:
    by_reader = [record.estimate or 0.0 for record in _of_readers(records)]
    ends = f", {100 * min(by_reader):.0f} % to {100 * max(by_reader):.0f} % by reader" if len(by_reader) > 1 else ""
    halves = [
        f"{100 * (share.estimate or 0.0):.0f} % of the {what}"
        for what, metric in (("scans", terms.SPECIFICITY), ("made images", terms.SENSITIVITY))
        for share in select(records, group=terms.AVERAGE, metric=metric)
    ]
    return f"{_percent(pooled)} of the answers are right{ends}: {listed(halves)}; guessing gives 50 %."


def _of_readers(records: Sequence[Record]) -> list[Record]:
    return select(records, metric=terms.ACCURACY, group=readers_of(records))


def _percent(share: Record) -> str:
    return with_interval(share, ".0f", 100, " %")


def _telling(records: Sequence[Record]) -> list[Record]:
    """Accuracies of the readers who, each tested alone, are right more often than guessing; Bonferroni over readers."""
    p = {record.group: record.estimate for record in select(records, metric=terms.P)}
    level = LEVEL / len(readers_of(records))
    shares = _of_readers(records)
    return [
        r for r in shares if (r.estimate or 0.0) > CHANCE and (found := p.get(r.group)) is not None and found <= level
    ]


def _follows(records: Sequence[Record], pooled: Record) -> str:
    low, high = pooled.low or 0.0, 1.0 if pooled.high is None else pooled.high
    at_chance = select(records, metric=terms.AT_CHANCE, text="yes")
    points = f"{100 * MARGIN:.0f} points"
    limits = "whether a program can tell them, and whether their anatomy is right, are other questions"
    if _is_phantom(records):
        limits += ", and phantoms say nothing of images that are made from real scans"
    if low > CHANCE:
        size = f", by less than {points} above guessing" if at_chance else ""
        return f"these readers can tell made images from scans{size}; {limits}."
    if high < CHANCE:
        return (
            "nothing about the images: who is wrong more often than by guessing can tell them apart, and labels may be "
            "swapped or a cue misread."
        )
    if asleep := inattentive(records):
        return f"nothing about the images: the answers of {listed(asleep)} are no evidence (warnings above)."
    if telling := _telling(records):
        who = listed([f"{record.group} ({_percent(record)})" for record in telling])
        return f"made images can be told from scans by {who}, though not by all readers together; {limits}."
    if at_chance:
        return (
            f"these readers together are within {points} of guessing; readers of other training may not be; {limits}."
        )
    return (
        "neither that these readers can tell made images from scans nor that they cannot: any accuracy from "
        f"{100 * low:.0f} % to {100 * high:.0f} % agrees with the answers; more cases would tell; {limits}."
    )
