"""A row's verdict: named parts, each passed, failed or beyond what the people can decide, with the reason in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from math import isfinite


class Outcome(StrEnum):
    """What a part, or a whole row, comes to."""

    PASS = "pass"
    FAIL = "fail"
    CANNOT_DECIDE = "cannot decide"
    INCONCLUSIVE = "inconclusive"
    """Of a row: no part fails, and not every part that could be decided passes."""

    @property
    def rank(self) -> int:
        """2 for a pass, 0 for a fail, 1 between them."""
        return {Outcome.PASS: 2, Outcome.FAIL: 0}.get(self, 1)

    @classmethod
    def of_interval(cls, low: float, high: float, least: float = -inf, most: float = inf) -> Outcome:
        """Pass: the whole interval lies within the bounds; fail: outside them; else cannot decide.

        An interval that is not finite decides nothing.

        >>> [Outcome.of_interval(low, high, 0.9, 1.1).value for low, high in ((0.95, 1.02), (0.2, 0.4), (0.8, 1.0))]
        ['pass', 'fail', 'cannot decide']
        """
        if not (isfinite(low) and isfinite(high)):
            return cls.CANNOT_DECIDE
        if least <= low and high <= most:
            return cls.PASS
        return cls.FAIL if high < least or low > most else cls.CANNOT_DECIDE


@dataclass(frozen=True)
class VerdictPart:
    """One question to a row, and its answer.

    Attributes:
        name: of the question, in a few words: heading of its column.
        outcome: `Outcome.PASS`, `Outcome.FAIL` or `Outcome.CANNOT_DECIDE`.
        reason: in words: what was found in the cell that decides.
        region: of the cell that decides; empty where it is not one region.
        contrast: comparison of that cell; empty likewise.
        is_decidable: False: these people could not have shown a perfect row to be right, so that the part is left out
            of the row's verdict.
    """

    name: str
    outcome: Outcome
    reason: str
    region: str = ""
    contrast: str = ""
    is_decidable: bool = True


@dataclass(frozen=True)
class Verdict:
    """What the parts of a row come to together.

    Attributes:
        outcome: ``fail`` if a part fails; ``pass`` if all parts that can be decided pass, and there is one; else
            ``inconclusive``.
        reason: of the first part that fails, or that keeps the row from passing; empty for a pass.
    """

    outcome: Outcome
    reason: str

    @classmethod
    def of(cls, parts: Sequence[VerdictPart]) -> Verdict:
        """Put parts together, in their order.

        >>> part = VerdictPart("own scan nearest", Outcome.PASS, "40 of 40")
        >>> Verdict.of([part, VerdictPart("dose", Outcome.FAIL, "half of it")])
        Verdict(outcome=<Outcome.FAIL: 'fail'>, reason='dose: half of it')
        """
        failed = [part for part in parts if part.outcome is Outcome.FAIL]
        undecided = [part for part in parts if part.outcome is Outcome.CANNOT_DECIDE and part.is_decidable]
        for said, outcome in ((failed, Outcome.FAIL), (undecided, Outcome.INCONCLUSIVE)):
            if said:
                return cls(outcome, f"{said[0].name}: {said[0].reason}")
        if any(part.outcome is Outcome.PASS for part in parts):
            return cls(Outcome.PASS, "")
        return cls(Outcome.INCONCLUSIVE, "these people are too few to decide any part")
