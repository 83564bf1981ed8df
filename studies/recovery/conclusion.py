"""The recovery study's conclusion: what was asked of the method, what its images show, what follows and what not."""

from __future__ import annotations

from collections.abc import Sequence

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import Conclusion
from pcgm_bench.contracts import Record
from pcgm_bench.results.select import only
from pcgm_bench.results.select import select
from pcgm_bench.results.sentences import listed
from pcgm_bench.results.sentences import with_interval
from pcgm_bench.studies.recovery.records import WHERE
from pcgm_bench.studies.recovery.records import WHERE_PART
from pcgm_bench.studies.recovery.region_scores import IMPOSSIBLE
from pcgm_bench.studies.recovery.region_scores import INCONCLUSIVE
from pcgm_bench.studies.recovery.region_scores import RIGHT
from pcgm_bench.studies.recovery.region_scores import WRONG
from pcgm_bench.studies.recovery.region_scores import moves
from pcgm_bench.studies.recovery.requests import DOSES
from pcgm_bench.studies.recovery.row_scores import FAIL
from pcgm_bench.studies.recovery.row_scores import PASS

LIMITS = "what a diagnosis does to a brain is another question, which this study does not ask"


def conclusion(records: Sequence[Record], method: str) -> Conclusion | None:
    """About the method, or the control, of a run; None where no image of it was scored."""
    mine = select(records, row=method)
    if not select(mine, metric="verdict", region=""):
        return None
    return Conclusion(_asked(method, mine), _shown(mine), _follows(mine))


def _asked(row: str, mine: Sequence[Record]) -> str:
    images = only(mine, metric="images")
    count = f"{images.n} images" if images is not None and images.n else "images"
    sizes = f"{100 * (min(DOSES) - 1):+.0f} % to {100 * (max(DOSES) - 1):+.0f} %"
    return f"{row} was to make {count}, each with one lobe or the ventricles changed by {sizes}, and a few unchanged."


def _shown(mine: Sequence[Record]) -> str:
    parts = []
    slope = next((r for r in mine if r.metric.startswith("recovery lobe_slope")), None)
    if slope is not None and slope.estimate is not None:
        parts.append(f"of every 1 % asked of a lobe, {with_interval(slope)} % is read in the images")
    spill = next((r for r in mine if r.metric.startswith("recovery spill")), None)
    where = only(mine, metric=WHERE)
    if spill is not None and spill.estimate is not None and where is not None:
        source, _, into = where.text.partition(" into ")
        moved = f"{_the(into)} {moves(into)} by {with_interval(spill)} %"
        parts.append(f"where 10 % is asked of {_the(source)}, {moved}, the most that any other region moves")
    return f"{'; '.join(parts)}." if parts else "no region was changed by enough images to say anything."


def _the(region: str) -> str:
    """``the frontal lobe``, ``the insula``, ``the white matter``."""
    return f"the {region.replace('_', ' ')}{' lobe' if region in LOBE_NAMES and region != 'insula' else ''}"


def _regions(mine: Sequence[Record], *words: str) -> list[str]:
    said = select(mine, metric="verdict", contrast="")
    return [record.region.replace("_", " ") for record in said if record.region and record.text in words]


def _follows(mine: Sequence[Record]) -> str:
    verdict = only(mine, metric="verdict", region="", contrast="")
    place = only(mine, metric=WHERE_PART)
    assert verdict is not None
    right, asked = _regions(mine, RIGHT), _regions(mine, RIGHT, INCONCLUSIVE, WRONG)
    left_out = f" ({listed(_regions(mine, IMPOSSIBLE))}: not possible)" if _regions(mine, IMPOSSIBLE) else ""
    if verdict.text == PASS:
        return f"the row passes: the size that is asked is the size that is made, in all {len(asked)} regions" + (
            f"{left_out}; {LIMITS}."
        )
    if verdict.text == FAIL:
        why = [f"{listed(_regions(mine, WRONG))} wrong"] if _regions(mine, WRONG) else []
        if place is not None and place.text == "fail":
            why.append(f"the wrong place is changed ({place.reason})")
        return (
            f"the row fails ({'; '.join(why)}), {len(right)} of {len(asked)} regions are right{left_out}; the size of "
            "a change in its images is not to be read as the size that was asked."
        )
    return (
        f"neither that the row is right nor that it is wrong: {len(right)} of {len(asked)} regions are shown to be "
        f"right{left_out}, and none to be wrong; more people would tell, and {LIMITS}."
    )
