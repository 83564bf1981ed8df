"""Results made up for the leaderboard's tests."""

from __future__ import annotations

from typing import Any

from pcgm_bench.board.build import Board
from pcgm_bench.board.build import build
from pcgm_bench.board.label import RunLabel
from pcgm_bench.board.result import Collected
from pcgm_bench.board.result import Result
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import RowKind
from pcgm_bench.store import digest

NASTY = "<b>&_%$[bold]"


def label(method: str = "good", **changes: Any) -> RunLabel:
    """Of a run whose key is a hash of the rest."""
    known: dict[str, Any] = {
        "method": method,
        "generators": {method: f"1-{method}", "copy-input": "1-copy", "oracle": "1-oracle"},
        "study": "aud",
        "study_version": "1",
        "cohort": "phantom-aud-demo-pial-seed0-3mm-n20-0123abcd",
        "cohort_hash": "c0",
        "segmenter": "unet-1",
        "seed": 0,
        "quick": False,
        "device": "cpu",
        "threads": 1,
        "package": "0.2.0",
    }
    fields = {**known, **changes}
    return RunLabel(key=digest(fields)[:12], **fields)


def record(
    row: str, column: str, metric: str, direction: str, estimate: float | None, *interval: float, **more: Any
) -> Record:
    """A cell of a method: ``interval`` is low and high."""
    low, high = interval or (None, None)
    fields = {"kind": RowKind.METHOD, "low": low, "high": high, **more}
    return Record(row=row, column=column, metric=metric, direction=direction, estimate=estimate, **fields)


def cells(method: str, error: float, control: float = 9.0) -> list[Record]:
    """One column of errors on eight people: the method's, a control's and the oracle's."""
    rows = ((method, error, RowKind.METHOD), ("copy-input", control, RowKind.CONTROL), ("oracle", 0.0, RowKind.CEILING))
    return [
        record(
            row, "error, %", "err 1", "lower", value, value - 0.1, value + 0.1, n=8, floor=0.2, kind=kind,
            by_unit={f"p{i}": value + i / 1000 for i in range(8)},
        )
        for row, value, kind in rows
    ]  # fmt: skip


OF_RESULT = ("is_phantom", "missing", "unmeasured", "warnings", "kinds", "format", "hidden_warnings")


def result(method: str = "good", error: float = 1.0, records: list[Record] | None = None, **changes: Any) -> Result:
    extra = {key: changes.pop(key) for key in OF_RESULT if key in changes}
    return Result(
        label=label(method, **changes),
        records=cells(method, error) if records is None else records,
        **{"is_phantom": True, **extra},
    )


def board(*results: Result) -> Board:
    return build(Collected(list(results)))


def texts(shown: Board, section: int = 0, table: int = 0) -> dict[str, list[str]]:
    """Row name -> printed cells of one table."""
    return {str(row[0]): row[1:] for row in shown.sections[section].tables[table].printed()}


def seeds(count: int, **changes: Any) -> list[Result]:
    results = []
    for seed in range(count):
        cohort = f"phantom-aud-demo-pial-seed{seed}-3mm-n20-{seed:08x}"
        results += [
            result(name, error + seed / 10, cohort=cohort, cohort_hash=f"c{seed}", seed=seed, **changes)
            for name, error in (("good", 1.0), ("bad", 5.0))
        ]
    return results


def full_board() -> Board:
    strange = result(NASTY, 3.0, warnings=[NASTY], missing={"lost": NASTY})
    return build(Collected([result("good", 1.0), strange, *seeds(2)[2:]], [("run", NASTY)]))
