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


def with_interval(record: Record, form: str = ".2f") -> str:
    """Estimate and 95 % interval, where there is one.

    >>> from pcgm_bench.contracts import RowKind
    >>> with_interval(Record("a", RowKind.METHOD, "d", 0.9, 0.8, 1.0))
    '0.90 [0.80, 1.00]'
    """
    if record.estimate is None:
        return record.reason or "not known"
    value = f"{record.estimate:{form}}"
    if record.low is None or record.high is None:
        return value
    return f"{value} [{record.low:{form}}, {record.high:{form}}]"
