"""Part of the verdict: the images against the volumes that they were asked for."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping

from pcgm_bench.results.sentences import interval
from pcgm_bench.results.verdict import Outcome
from pcgm_bench.results.verdict import VerdictPart
from pcgm_bench.studies.aud.achieved import LEAST_CHANCE
from pcgm_bench.studies.aud.achieved import LEAST_RATIO
from pcgm_bench.studies.aud.achieved import MOST_RATIO
from pcgm_bench.studies.aud.achieved import STAY
from pcgm_bench.studies.aud.achieved import Achieved
from pcgm_bench.studies.aud.row_evidence import RowEvidence

IMAGES = "achieved over asked"


def images_part(evidence: RowEvidence) -> VerdictPart | None:
    """Do the images show what was asked for, in every lobe; None where nothing was asked or no image made.

    Whether the cohort has a truth does not matter. Of the lobes that fail, the one farthest off is named.
    """
    if not evidence.achieved:
        return None
    parts = [_of_lobe(lobe, achieved) for lobe, achieved in evidence.achieved.items()]
    if failed := [part for part in parts if part.outcome is Outcome.FAIL]:
        return max(failed, key=lambda part: _distance(evidence.achieved, part.region))
    undecided = [part for part in parts if part.outcome is Outcome.CANNOT_DECIDE]
    if undecided:
        return max(undecided, key=lambda part: (part.is_decidable, _distance(evidence.achieved, part.region)))
    moved = [lobe for lobe, achieved in evidence.achieved.items() if achieved.is_measurable]
    reason = f"{LEAST_RATIO:g} to {MOST_RATIO:g} of what was asked in {len(moved)} lobes, {STAY:g} % in the others"
    return VerdictPart(IMAGES, Outcome.PASS, reason)


def _of_lobe(lobe: str, achieved: Achieved) -> VerdictPart:
    outcomes = dict(_compared(achieved))
    is_decidable = achieved.chance >= LEAST_CHANCE
    for outcome in (Outcome.FAIL, Outcome.CANNOT_DECIDE):
        said = [words for words, found in outcomes.items() if found is outcome]
        if said:
            return VerdictPart(IMAGES, outcome, f"{lobe}: {said[0]}", lobe, is_decidable=is_decidable)
    return VerdictPart(IMAGES, Outcome.PASS, next(iter(outcomes)), lobe, is_decidable=is_decidable)


def _compared(achieved: Achieved) -> Iterator[tuple[str, Outcome]]:
    """What was found in words, and what it comes to: one ratio, or two directions of a lobe that was to stay."""
    if achieved.is_measurable:
        ratio = achieved.ratio
        found = f"{interval(ratio.value, ratio.low, ratio.high)} of what was asked is done"
        outcome = Outcome.of_interval(ratio.low, ratio.high, LEAST_RATIO, MOST_RATIO)
        yield f"{found}{_too(ratio.low, ratio.high)}", outcome
        return
    for direction, excess in achieved.excess.items():
        words = f"{interval(excess.value, excess.low, excess.high, '+.1f', ' %')} beyond what was asked {direction}"
        yield f"{words}, at most {STAY:g} % is allowed", Outcome.of_interval(excess.low, excess.high, -STAY, STAY)


def _too(low: float, high: float) -> str:
    if low <= 0 <= high:
        return ": nothing"
    if high < 0:
        return ": the wrong way round"
    if high < LEAST_RATIO:
        return ": too little"
    return ": too much" if low > MOST_RATIO else ""


def _distance(lobes: Mapping[str, Achieved], lobe: str) -> float:
    """How far off a lobe is, in log-per cent."""
    achieved = lobes[lobe]
    if achieved.is_measurable:
        return abs((achieved.ratio.value - 1) * achieved.asked)
    return max(abs(excess.value) for excess in achieved.excess.values())
