"""A row's verdict is a list of parts: to add one, write a function of `RowEvidence`, and name it in `PARTS`."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence

from pcgm_bench.results.verdict import VerdictPart
from pcgm_bench.results.where_verdict import where_part
from pcgm_bench.studies.aud.row_evidence import RowEvidence
from pcgm_bench.studies.aud.same_person import change_part
from pcgm_bench.studies.aud.same_person import nearest_part
from pcgm_bench.studies.aud.verdict_groups import groups_part
from pcgm_bench.studies.aud.verdict_images import images_part


def _where(evidence: RowEvidence) -> VerdictPart | None:
    """Has the image changed in the right place; None where the truth is not known."""
    return where_part(evidence.images, evidence.ceiling)


PARTS: tuple[Callable[[RowEvidence], VerdictPart | None], ...] = (
    groups_part,
    images_part,
    nearest_part,
    change_part,
    _where,
)
"""In the order in which a row's reason is looked for. A part that does not apply to a row says None."""


def parts_of(evidence: RowEvidence) -> Sequence[VerdictPart]:
    """The parts that apply to a row."""
    answers = (part(evidence) for part in PARTS)
    return [answer for answer in answers if answer is not None]
