"""QC scores made elsewhere: a column's name says whose score it is; a number without a name is judged by nobody."""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pcgm_bench.contracts import Segmenter
from pcgm_bench.contracts import UserError
from pcgm_bench.registry import suggestion
from pcgm_bench.segmenters.external.volume_table import WHO
from pcgm_bench.segmenters.external.volume_table import by_image
from pcgm_bench.segmenters.external.volume_table import numbers
from pcgm_bench.segmenters.external.volume_table import read_texts

GROUPS = (
    "general white matter", "general grey matter", "general csf", "cerebellum", "brainstem", "thalamus",
    "putamen+pallidum", "hippocampus+amygdala",
)  # fmt: skip
"""Structure groups, as SynthSeg names the columns of its ``--qc`` table (Billot et al. 2023)."""


@dataclass(frozen=True)
class Score:
    """Columns that hold one score.

    Attributes:
        name: whose it is; empty: nobody says.
        columns: all of them must be there.
        least: no number is below.
        most: no number is above.
    """

    name: str
    columns: tuple[str, ...]
    least: float = 0.0
    most: float = 1.0

    def of(self, row: Mapping[str, float]) -> tuple[float, dict[str, float]]:
        """The least of an image's numbers, and all of them by part where there are several."""
        values = {name.partition("_")[2]: row[name] for name in self.columns}
        return min(values.values()), values if len(values) > 1 else {}

    def wrong(self, value: float) -> str:
        """What is wrong with a number; empty if nothing is."""
        if self.least <= value <= self.most:
            return ""
        return f"{value:g} is " + (
            f"more than {self.most:g}" if math.isinf(self.least) else f"not between {self.least:g} and {self.most:g}"
        )


def plain_column(name: str) -> str:
    """Our name of a column: SynthSeg's ``general csf`` becomes ``qc_general_csf``; any other stays."""
    return f"qc_{name.replace(' ', '_')}" if name in GROUPS else name


NOBODYS = Score("", ("qc",))
SCORES = (
    NOBODYS,
    Score(Segmenter.qc_score, ("qc_unet",)),
    Score("SynthSeg QC", ("qc_synthseg",)),
    Score("SynthSeg QC", tuple(plain_column(name) for name in GROUPS)),
    Score("Euler number", ("euler",), -math.inf, 4.0),
    Score("Euler number", ("euler_lh", "euler_rh"), -math.inf, 2.0),
)
"""What a table may hold. An Euler number is 2 for a hemisphere without a hole, and falls by 2 a hole; ``euler`` may
be the sum of both."""
COLUMNS = frozenset(name for score in SCORES for name in score.columns)


def score_in(path: Path, columns: Sequence[str]) -> Score | None:
    """The score that a table holds; None if it has none.

    Raises:
        UserError: there are two, or one lacks a column.
    """
    found = [score for score in SCORES if any(name in columns for name in score.columns)]
    for score in found:
        if lost := [name for name in score.columns if name not in columns]:
            there = len(score.columns) - len(lost)
            raise UserError(
                f"{path}: column {lost[0]!r} is missing ({there} of {len(score.columns)} QC columns are there): "
                "give all or none"
            )
    if len(found) > 1:
        raise UserError(f"{path}: QC scores of two kinds ({found[0].columns[0]}, {found[1].columns[0]}); keep one")
    return found[0] if found else None


def read_scores(path: Path) -> tuple[Score, dict[str, dict[str, float]]]:
    """A table of QC scores alone, as SynthSeg's ``--qc`` writes it: whose they are, and image -> column -> number.

    Raises:
        UserError: something in it is wrong; names the file, the line and the column.
    """
    table = read_texts(path, plain_column)
    columns = [str(name) for name in table]
    if unknown := [name for name in columns if name not in (*WHO, *COLUMNS)]:
        raise UserError(f"{path}: unknown column {unknown[0]!r}{suggestion(unknown[0], COLUMNS)}; rename or drop it")
    score = score_in(path, columns)
    if score is None:
        raise UserError(f"{path}: no QC score; columns may be called {', '.join(sorted(COLUMNS))}")
    return score, by_image(numbers(path, table, lambda _name, value: score.wrong(value)))
