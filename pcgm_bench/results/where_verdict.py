"""The part *where* of a verdict: has the image changed in the right place, and nowhere else?"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from pcgm_bench.contracts import Estimate
from pcgm_bench.results.sentences import interval
from pcgm_bench.results.verdict import Outcome
from pcgm_bench.results.verdict import VerdictPart

WHERE = "where"


@dataclass(frozen=True)
class Bar:
    """What a metric must reach.

    Attributes:
        metric: registered name.
        words: what it is, in a reason.
        bar: least, or largest, value that passes.
        at_least: whether more is better.
    """

    metric: str
    words: str
    bar: float
    at_least: bool

    def outcome(self, estimate: Estimate) -> Outcome:
        """Pass or fail where the whole 95 % interval says so; else this n cannot decide."""
        least, most = (self.bar, inf) if self.at_least else (-inf, self.bar)
        return Outcome.of_interval(estimate.low, estimate.high, least, most)

    def reason(self, estimate: Estimate) -> str:
        """``correlation of the change map 0.23 [0.21, 0.26], at least 0.6 is needed``."""
        found = interval(estimate.value, estimate.low, estimate.high)
        return f"{self.words} {found}, at {'least' if self.at_least else 'most'} {self.bar:g} is needed"


BARS: tuple[Bar, ...] = (
    Bar("change-correlation", "correlation of the change map with the true one", 0.6, at_least=True),
    Bar("parcel-recovery", "error of the parcels, of the true change,", 1.0, at_least=False),
    Bar("grey-level-drift", "drift of grey levels away from the change, % of white matter,", 0.5, at_least=False),
)
"""Chosen on phantom seeds 10 and 12; docs/concepts/controls.md says what was measured.

Correlation: half way between one-patch (0.2 to 0.3) and the oracle with fresh noise (1.0). Parcels: 1 is the unchanged
scan; all of a lobe's change in one place of it is further from the truth than no change. Drift: five times the
oracle's, a quarter of an image that is darker by 2 %. The dose is no part of it: that is asked of the volumes.
"""


def where_part(images: Mapping[str, Estimate], ceiling: Mapping[str, Estimate]) -> VerdictPart | None:
    """The part, or None where nobody knows where the images should have changed.

    Args:
        images: metric -> what it says of the row.
        ceiling: metric -> what it says of the true images; empty: not made. Where these do not pass a bar, nobody can
            be held to it.
    """
    known = [bar for bar in BARS if bar.metric in images and not images[bar.metric].reason]
    if not known:
        return None
    fair = [bar for bar in known if not ceiling or _passes(bar, ceiling)]
    if not fair:
        return VerdictPart(WHERE, Outcome.CANNOT_DECIDE, "the true images do not pass at this n", is_decidable=False)
    for outcome in (Outcome.FAIL, Outcome.CANNOT_DECIDE):
        for bar in fair:
            if bar.outcome(images[bar.metric]) is outcome:
                return VerdictPart(WHERE, outcome, bar.reason(images[bar.metric]))
    return VerdictPart(WHERE, Outcome.PASS, _together(fair, images))


def _passes(bar: Bar, ceiling: Mapping[str, Estimate]) -> bool:
    return bar.metric in ceiling and bar.outcome(ceiling[bar.metric]) is Outcome.PASS


def _together(bars: Sequence[Bar], images: Mapping[str, Estimate]) -> str:
    return "; ".join(f"{bar.metric} {images[bar.metric].value:.2f}" for bar in bars)
