"""What the AUD study measures, by the names that its records carry."""

from __future__ import annotations

from collections.abc import Iterable

from pcgm_bench.contracts import Record

VERSION = "2"
"""Of the study: raised whenever the same measurements would give another result."""


def versioned(term: str) -> str:
    """Name of what this study measures itself: equal for two values that may be compared.

    >>> versioned("right")
    'aud-right 2'
    """
    return f"aud-{term} {VERSION}"


AUD = "aud"


def _of_pattern(term: str, expect: str) -> str:
    """A count of what is right: counts by another pattern than AUD's have another name, and are never compared."""
    return versioned(term) if expect == AUD else f"{versioned(term)} {expect}"


def correct(column: str, expect: str = AUD) -> str:
    """The paper's "# Correct" of a column."""
    return _of_pattern(f"correct-{column}", expect)


def right(expect: str = AUD) -> str:
    """Lobes right by the sound rule, of all columns."""
    return _of_pattern("right", expect)


def wrong(expect: str = AUD) -> str:
    """Lobes wrong likewise."""
    return _of_pattern("wrong", expect)


def expect_of(records: Iterable[Record]) -> str:
    """The pattern that a run's records were held against."""
    record = next((record for record in records if record.metric == EXPECT), None)
    return record.text if record is not None else AUD


# Of the paper's rule, by column and lobe.
PAPER_P = "paper-p"
PAPER_DIFFERENCE = "paper-difference"
WRONG_SIGNS = "wrong-signs"
# Of the sound rule, by column and lobe.
D = "d"
P_HOLM = "p-holm"
TOST_P = "tost-p"
TOST_POWER = "tost-power"
DIFFERENCE = "difference"
D_Z = "d_z"
R = "r"
EFFECT_VERDICT = "effect-verdict"
# Of the sound rule, by column; then over all columns.
LOBES_RIGHT = "lobes-right"
LOBES_INCONCLUSIVE = "lobes-inconclusive"
LOBES_WRONG = "lobes-wrong"
# Of the people, their images and the effect that comes back.
OWN_NEAREST = "own-nearest"
ERROR_SHARE = versioned("oracle-error-share")
OF_REAL = versioned("recovery-of_real")
OF_PLANTED = versioned("recovery-of_planted")
ORACLE_ERROR = versioned("oracle-error")
SPILL_OVER = versioned("spill-over")
ASKED = "asked"
SHOWN = "shown"
ACHIEVED = versioned("achieved")
EXCESS = "achieved-minus-asked"
VERDICT = "verdict"
PART = "verdict-part"
LEFT_OUT = "people-left-out"
REFITTED = "refitted"
TOO_FEW = "too-few-people"
# Of the cohort and of the run.
LEVEL = "level"
N = "n"
DETECTABLE = "detectable-d"
BOUND = "bound"
REPLICATES = "replicates"
PLANTED = "planted-loss"
EXPECT = "expected-pattern"
EXPECTED = "expected-change"
CHANCE = "truth-shown"
DECIDABLE = "decidable"
