"""The reader study (paper, user study, Table 2): blinded images out, answers in."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from typing import ClassVar

from pcgm_bench.contracts import Conclusion
from pcgm_bench.contracts import Progress
from pcgm_bench.contracts import ReaderCase
from pcgm_bench.contracts import ReaderExport
from pcgm_bench.contracts import ReaderRequest
from pcgm_bench.contracts import ReadingStudy
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import silent
from pcgm_bench.studies.reader.attention import warnings
from pcgm_bench.studies.reader.conclusion import conclusion
from pcgm_bench.studies.reader.draw import Design
from pcgm_bench.studies.reader.export import export
from pcgm_bench.studies.reader.key import read_key
from pcgm_bench.studies.reader.records import study_records
from pcgm_bench.studies.reader.scores import score_readings
from pcgm_bench.studies.reader.sheets import read_sheets
from pcgm_bench.studies.reader.tables import all_tables

if TYPE_CHECKING:
    from pcgm_bench.tables import Table


class ReaderStudy(ReadingStudy):
    """Blinded images for people to read, and what their answers say. It makes no images: it draws from a run's.

    `pcgm-bench reader export` and `pcgm-bench reader score` are its two halves.
    """

    name: ClassVar[str] = "reader"
    title: ClassVar[str] = "Reader study: can experts tell made brains from real ones?"
    version: ClassVar[str] = "1"
    reference: ClassVar[str] = "Li et al. 2025, user study, Table 2"

    def export(
        self,
        real: Sequence[ReaderCase],
        made: Sequence[ReaderCase],
        out: Path,
        origin: Mapping[str, str],
        request: ReaderRequest,
        progress: Progress = silent,
    ) -> ReaderExport:
        """Write a study: see `ReadingStudy.export`, and `Design` for the ranges of the numbers."""
        return export(real, made, out, Design(**vars(request)), origin, progress)

    def score(self, key: Path, sheets: Sequence[Path], seed: int = 0) -> list[Record]:
        """Facts about the study, every reader, their average, and all readers together.

        Raises:
            UserError: a sheet is incomplete, has a row twice, an unknown answer, or is of another study.
        """
        opened = read_key(key)
        score = score_readings(read_sheets(sheets, opened), seed)
        return study_records(score, opened.study, len(opened.readers), opened.origin)

    def tables(self, records: Sequence[Record]) -> list[Table]:
        """Table 2 as printed, and the readers in detail."""
        return all_tables(records)

    def warnings(self, records: Sequence[Record]) -> list[str]:
        """Sheets that are missing, obvious fakes that were missed, one and the same answer nearly always."""
        return warnings(records)

    def conclusion(self, records: Sequence[Record]) -> Conclusion | None:
        """What was asked of the readers, what they answered, what follows; None where nobody has read."""
        return conclusion(records)
