"""Results made up for the leaderboard's tests."""

from __future__ import annotations

from typing import Any

from pcgm_bench.board.build import Board
from pcgm_bench.board.build import build
from pcgm_bench.board.collect import Collected
from pcgm_bench.board.collect import Result
from pcgm_bench.contracts import BoardEntry
from pcgm_bench.store import Identity

NASTY = "<b>&_%$[bold]"


def identity(method: str = "good", **changes: Any) -> Identity:
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
        "package": "0.1.0",
    }
    return Identity(**{**known, **changes})


def cells(method: str, error: float, control: float = 9.0) -> list[BoardEntry]:
    """One column of errors on eight people: the method's, a control's and the oracle's."""
    rows = ((method, error, False), ("copy-input", control, True), ("oracle", 0.0, True))
    return [
        BoardEntry(
            row, "error, %", "err 1", "lower", value, value - 0.1, value + 0.1, 8, floor=0.2, is_control=is_control,
            by_unit={f"p{i}": value + i / 1000 for i in range(8)},
        )
        for row, value, is_control in rows
    ]  # fmt: skip


def result(method: str = "good", error: float = 1.0, entries: list[BoardEntry] | None = None, **changes: Any) -> Result:
    extra = {
        key: changes.pop(key)
        for key in ("is_phantom", "skipped", "warnings", "sizes", "detectable_d")
        if key in changes
    }
    return Result(
        identity=identity(method, **changes),
        entries=cells(method, error) if entries is None else entries,
        **{"is_phantom": True, **extra},
    )


def board(*results: Result) -> Board:
    return build(Collected(list(results)))


def texts(one: Board, section: int = 0, table: int = 0) -> dict[str, list[str]]:
    """Row name -> printed cells of one table."""
    return {str(row[0]): row[1:] for row in one.sections[section].tables[table].printed()}


# What may share a table.


def seeds(count: int, **changes: Any) -> list[Result]:
    found = []
    for seed in range(count):
        cohort = f"phantom-aud-demo-pial-seed{seed}-3mm-n20-{seed:08x}"
        found += [
            result(name, error + seed / 10, cohort=cohort, cohort_hash=f"c{seed}", seed=seed, **changes)
            for name, error in (("good", 1.0), ("bad", 5.0))
        ]
    return found


def full_board() -> Board:
    strange = result(NASTY, 3.0, warnings=[NASTY], skipped={"lost": NASTY})
    return build(Collected([result("good", 1.0), strange, *seeds(2)[2:]], [("run", NASTY)]))
