"""The loss log of a training: a table with a row every few steps, cut back to the checkpoint after a restart."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from pcgm_bench.training.distributed import Processes


class LossLog:
    """Sums of named losses since the last row, and the file ``{name}_loss.tsv``."""

    def __init__(self, path: Path, step: int, processes: Processes) -> None:
        """Keep the rows up to ``step``: what came after the checkpoint will be run again."""
        self._path, self._processes = path, processes
        self._sums: dict[str, tuple[float, int]] = {}
        if processes.is_main:
            rows = path.read_text("utf-8").splitlines() if path.exists() else []
            kept = [row for row in rows[1:] if row and float(row.split("\t")[0]) <= step]
            path.write_text("\n".join([*rows[:1], *kept]) + "\n" if kept else "")

    def add(self, terms: Mapping[str, Tensor]) -> None:
        """Take in the losses of one step."""
        for key, value in terms.items():
            total, count = self._sums.get(key, (0.0, 0))
            self._sums[key] = (total + float(value.detach()), count + 1)

    def write(self, step: int, elapsed: float, rate: float) -> str:
        """Write a row with the means since the last one, and return them as text."""
        values = self._processes.mean([total / count for total, count in self._sums.values()])
        means = dict(zip(self._sums, values, strict=True))
        self._sums = {}
        if self._processes.is_main:
            self._append({"step": step, "seconds": round(elapsed, 1), "lr": rate, **means})
        return "  ".join(f"{key} {value:.5f}" for key, value in means.items())

    def _append(self, row: Mapping[str, float]) -> None:
        lines = self._path.read_text("utf-8").splitlines() or ["\t".join(row)]
        columns = lines[0].split("\t")
        if added := [column for column in row if column not in columns]:
            # A loss that starts later than the others: earlier rows have no value of it.
            columns += added
            lines = ["\t".join(columns), *(line + "\tnan" * len(added) for line in lines[1:])]
        lines.append("\t".join(f"{row.get(column, math.nan):.8g}" for column in columns))
        self._path.write_text("\n".join(lines) + "\n")
