"""Records by what they are of, in the order in which the study emitted them."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import fields

from pcgm_bench.contracts import Record
from pcgm_bench.contracts import RowKind

FIELDS = frozenset(field.name for field in fields(Record))
Value = str | Sequence[str]


def select(records: Iterable[Record], **where: Value) -> list[Record]:
    """The records whose fields have these values; a sequence stands for any of its values.

    >>> kept = Record("a", RowKind.METHOD, "d", 1.0, region="insula")
    >>> select([kept, Record("a", RowKind.METHOD, "d", 2.0, region="frontal")], region="insula") == [kept]
    True

    Raises:
        ValueError: a record has no such field.
    """
    if unknown := sorted(set(where) - FIELDS):
        raise ValueError(f"a record has no {', '.join(unknown)}")
    wanted = {name: {value} if isinstance(value, str) else set(value) for name, value in where.items()}
    return [record for record in records if all(field(record, name) in values for name, values in wanted.items())]


def only(records: Iterable[Record], **where: Value) -> Record | None:
    """The one record that `select` finds; None where there is none.

    Raises:
        ValueError: there are several.
    """
    chosen = select(records, **where)
    if len(chosen) > 1:
        raise ValueError(f"{len(chosen)} records of {where}, where there should be one")
    return chosen[0] if chosen else None


def values_of(records: Iterable[Record], name: str) -> list[str]:
    """The different values of a field, in the order in which they first occur."""
    return list(dict.fromkeys(str(field(record, name)) for record in records))


def rows_of(records: Iterable[Record], *kinds: RowKind) -> list[str]:
    """Names of the rows (of these kinds), in the protocol's order; facts about the cohort are no row."""
    return list(dict.fromkeys(r.row for r in records if r.row and (not kinds or r.kind in kinds)))


def field(record: Record, name: str) -> object:
    """A field of a record by its name."""
    # Python itself is asked: the name is one of the dataclass's own fields.
    return getattr(record, name)
