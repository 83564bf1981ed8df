"""Records in words, for the sentences that end a run."""

from __future__ import annotations

from collections.abc import Sequence

from pcgm_bench.contracts import Record


def listed(words: Sequence[str]) -> str:
    """Words as a sentence has them.

    >>> listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])
    ('a', 'a and b', 'a, b and c')
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def interval(value: float, low: float, high: float, form: str = ".2f", unit: str = "") -> str:
    """A value and the ends of its interval.

    Args:
        value: the estimate.
        low: lower end.
        high: upper end.
        form: how a number is written.
        unit: behind the value, with its space.

    >>> interval(0.9, 0.8, 1.0), interval(1.5, -1, 4, "+.1f", " %")
    ('0.90 [0.80, 1.00]', '+1.5 % [-1.0, +4.0]')
    """
    return f"{value:{form}}{unit} [{low:{form}}, {high:{form}}]"


def with_interval(record: Record, form: str = ".2f", factor: float = 1.0, unit: str = "") -> str:
    """Estimate and 95 % interval, where there is one; else the estimate, or the reason why there is none.

    Args:
        record: has the three.
        form: how a number is written.
        factor: on all three: 100 for a share in per cent.
        unit: behind the estimate, with its space.

    >>> from pcgm_bench.contracts import RowKind
    >>> with_interval(Record("a", RowKind.METHOD, "share", 0.9, 0.8, 1.0), ".0f", 100, " %")
    '90 % [80, 100]'
    """
    if record.estimate is None:
        return record.reason or "not known"
    if record.low is None or record.high is None:
        return f"{factor * record.estimate:{form}}{unit}"
    return interval(factor * record.estimate, factor * record.low, factor * record.high, form, unit)
