"""What a method found on each training fold and says of itself: one small file a fold, beside the row's images."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pcgm_bench.plugin_guard import WrongReturn
from pcgm_bench.runner.generators import GeneratorSpec
from pcgm_bench.store import atomic
from pcgm_bench.tables import Column
from pcgm_bench.tables import Table


def write_fold_notes(row: Path, fold: int, notes: Mapping[str, str]) -> None:
    """Keep the notes of a fold (counted from 0); nothing is written where there are none.

    Args:
        row: folder of the row's images.
        fold: its number.
        notes: what -> in words, see `Generator.notes`.

    Raises:
        WrongReturn: they are no mapping of texts.
    """
    if not isinstance(notes, Mapping) or not all(isinstance(text, str) for text in [*notes, *notes.values()]):
        raise WrongReturn(f"notes returned {notes!r}, not a mapping of texts")
    if notes:
        atomic.write_json(_file(row, fold), dict(notes))


def read_fold_notes(row: Path, folds: int) -> dict[str, str]:
    """``PGM, fold 1`` -> in words; a damaged file has none."""
    found: dict[str, str] = {}
    for fold in range(folds):
        try:
            notes = json.loads(_file(row, fold).read_text("utf-8"))
        except (OSError, ValueError):
            continue
        found |= {f"{what}, fold {fold + 1}": str(text) for what, text in sorted(notes.items())}
    return found


def said_of_method(spec: GeneratorSpec, row: Path | None, folds: int) -> dict[str, str]:
    """What a reader of the tables should know of a run's method: its settings, and what it found on every fold."""
    settings = {"settings": " ".join(f"{name}={text}" for name, text in spec.settings.items())} if spec.settings else {}
    return settings | (read_fold_notes(row, folds) if row is not None else {})


def method_table(said: Mapping[str, str]) -> Table:
    """The same for a reader."""
    columns = [Column("what"), Column("value")]
    return Table(
        "method", "The method: its settings, and what it says of itself", columns, [list(p) for p in said.items()]
    )


def _file(row: Path, fold: int) -> Path:
    return row / f"fold-{fold + 1}_notes.json"
