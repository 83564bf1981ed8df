"""One measure, lobe by lobe: rows down, lobes across."""

from __future__ import annotations

from collections.abc import Sequence

from pcgm_bench.contracts import Record
from pcgm_bench.results.control_flags import flag_notes
from pcgm_bench.results.pivot import pivot
from pcgm_bench.results.pivot import with_interval
from pcgm_bench.studies.aud.flagged import Flagged
from pcgm_bench.studies.aud.sample import LOBES
from pcgm_bench.tables import Table


def lobe_table(records: Sequence[Record], name: str, title: str, notes: Sequence[str]) -> Table:
    """Estimates with intervals, and marks where a control stands above every method.

    Args:
        records: of one measure: a row's value of a lobe each.
        name: of the table.
        title: likewise.
        notes: below it; which controls the marks are about is added.
    """
    flagged = Flagged.of(records, lambda cell: cell.region)
    return pivot(
        records,
        name=name,
        title=title,
        across="region",
        columns=LOBES,
        show=with_interval(),
        headings={lobe: flagged.heading(lobe) for lobe in LOBES},
        notes=[*notes, *flag_notes(flagged.above)],
    )
