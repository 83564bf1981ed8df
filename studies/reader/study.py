"""The reader study (paper, user study, Table 2): can experts tell made brains from real ones?"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any
from typing import ClassVar

from pcgm_bench.studies import reader_score
from pcgm_bench.studies.reader_cases import Case
from pcgm_bench.studies.reader_draw import Design
from pcgm_bench.studies.reader_export import Exported
from pcgm_bench.studies.reader_export import export
from pcgm_bench.studies.reader_sheets import read_key
from pcgm_bench.studies.reader_sheets import read_sheets

if TYPE_CHECKING:
    from pcgm_bench.tables import Table


class ReaderStudy:
    """Blinded images for people to read, and what their answers say. It makes no images: it draws from a run's.

    `pcgm-bench reader export` and `pcgm-bench reader score` are its two halves.
    """

    name: ClassVar[str] = "reader"
    title: ClassVar[str] = "Reader study: can experts tell made brains from real ones?"
    version: ClassVar[str] = "1"
    reference: ClassVar[str] = "Li et al. 2025, user study, Table 2"
    job: ClassVar[str] = "reading"
    case: ClassVar[type[Case]] = Case

    def export(
        self, real: Sequence[Case], made: Sequence[Case], out: Path, origin: Mapping[str, Any], **design: Any
    ) -> Exported:
        """Write a study: see `pcgm_bench.studies.reader_export.export`; ``design`` as in `Design`."""
        return export(real, made, out, Design(**design), origin)

    def score(self, key: Path, sheets: Sequence[Path], seed: int = 0) -> dict[str, Any]:
        """Score answer sheets with the sealed key: see `pcgm_bench.studies.reader_score.score`.

        Raises:
            UserError: a sheet is incomplete, has a row twice, an unknown answer, or is of another study.
        """
        opened = read_key(key)
        return {
            "study": opened.study,
            "readers_planned": len(opened.readers),
            "origin": dict(opened.content["origin"]),
            **reader_score.score(read_sheets(sheets, opened), seed),
        }

    def tables(self, scores: Mapping[str, Any]) -> list[Table]:
        """Table 2 as printed, and the readers in detail."""
        return reader_score.tables(scores)
