"""What the AUD study measures, by the names that its records carry."""

from __future__ import annotations

VERSION = "1"
"""Of the study: raised whenever the same measurements would give another result."""


def versioned(term: str) -> str:
    """Name of what this study measures itself: equal for two values that may be compared.

    >>> versioned("right")
    'aud-right 1'
    """
    return f"aud-{term} {VERSION}"


def correct(column: str) -> str:
    """The paper's "# Correct" of a column."""
    return versioned(f"correct-{column}")


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
RIGHT = versioned("right")
WRONG = versioned("wrong")
# Of the people, their images and the effect that comes back.
OWN_NEAREST = "own-nearest"
ERROR_SHARE = versioned("oracle-error-share")
OF_REAL = versioned("recovery-of_real")
OF_PLANTED = versioned("recovery-of_planted")
ORACLE_ERROR = versioned("oracle-error")
SPILL_OVER = versioned("spill-over")
SAME_PERSON = "same-person"
VERDICT = "verdict"
DECIDING = "same-person-value"
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
