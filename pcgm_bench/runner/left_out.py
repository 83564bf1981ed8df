"""Images of the oracle whose truth is not known: left out of its row, counted, and named with the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

from pcgm_bench.contracts import Intervention
from pcgm_bench.results.scores import LeftOutImage
from pcgm_bench.runner.rows import RowPlace


@dataclass(frozen=True)
class LeftOut:
    """What is left of the rows of a run.

    Attributes:
        places: rows without the images that could not be made; rows that keep none are not there.
        failed: row -> why no image is left of it.
        images: every image that was left out.
        remarks: one line a row, without names of people.
    """

    places: Mapping[str, RowPlace]
    failed: Mapping[str, str]
    images: Sequence[LeftOutImage]
    remarks: Sequence[str]


def leave_out(places: Mapping[str, RowPlace]) -> LeftOut:
    """Take images whose truth is not known out of the rows.

    Args:
        places: rows of which everything that can be made was made.
    """
    kept: dict[str, RowPlace] = {}
    failed: dict[str, str] = {}
    images: list[LeftOutImage] = []
    remarks: list[str] = []
    for row, place in places.items():
        unknown = place.unknown()
        known = place.without(unknown) if unknown else place
        tasks = [task for plan in place.plans for task in plan.tasks]
        images += [LeftOutImage(row=row, image=key.stem, reason=reason) for key, reason in unknown.items()]
        if unknown and not any(plan.tasks for plan in known.plans):
            failed[row] = f"none of its {len(tasks)} images can be made; the first: {next(iter(unknown.values()))}"
            continue
        kept[row] = known
        if unknown:
            counts = Counter(_words(task.do) for task in tasks if task.key in unknown)
            asked = ", ".join(f"{words}: {count}" for words, count in sorted(counts.items()))
            remarks.append(
                f"{row}: {counts.total()} of {len(tasks)} images left out, since the truth is not known ({asked}); "
                "the table left-out says of whom and why"
            )
    return LeftOut(kept, failed, images, remarks)


def _words(do: Intervention) -> str:
    """``cingulate x 1.1``."""
    return " and ".join(f"{name} x {value:g}" if isinstance(value, float) else f"{value}" for name, value in do.items())
