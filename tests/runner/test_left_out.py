"""What the oracle does not know of a scan is left out with the reason; the rest of its row goes on."""

from __future__ import annotations

from pathlib import Path

import fakes_regions
import numpy as np
import pytest
from test_chains import few_rows
from test_chains import recovery
from test_chains import regions
from toy_runs import records_of

from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import Row
from pcgm_bench.contracts import RowKind
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import UnknownTruthError
from pcgm_bench.results.scores import read_scores
from pcgm_bench.results.select import select
from pcgm_bench.runner.fold_plan import FoldPlan
from pcgm_bench.runner.fold_plan import ImageTask
from pcgm_bench.runner.left_out import leave_out
from pcgm_bench.runner.rows import RowPlace
from pcgm_bench.runner.run import run
from pcgm_bench.store import DerivativeFolder
from pcgm_bench.store import ImageKey
from pcgm_bench.studies.recovery import RecoveryStudy

__all__ = ["few_rows", "regions"]
UNKNOWN = [{"cingulate": 1.1}, {"insula": 1.05}, {"insula": 1.1}]


@pytest.fixture
def oracle_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oracle beside the method; it does not know what is in `UNKNOWN`."""
    rows = [Row("real", RowKind.REAL), Row("drifter", RowKind.METHOD, "drifter")]
    rows.append(Row("oracle", RowKind.CEILING, "oracle"))

    def oracle(_cohort: object, scan: Scan, do: Intervention, _seed: int | None) -> np.ndarray:
        if do in UNKNOWN:
            raise UnknownTruthError(f"{scan.key}: {', '.join(do)} has no room")
        return fakes_regions.changed(scan.image, do)

    monkeypatch.setattr(RecoveryStudy, "rows", lambda _study, _method: rows)
    monkeypatch.setattr(fakes_regions.RegionCohort, "oracle", oracle)


@pytest.mark.usefixtures("regions", "oracle_row")
def test_the_row_goes_on_without_what_is_not_known(home: Path) -> None:
    result = run(recovery(home))
    left_out = {image.image.partition("desc-")[2]: image for image in result.scores.left_out}
    assert sorted(left_out) == ["cfCingulate1p1", "cfInsula1p05", "cfInsula1p1"]
    assert left_out["cfCingulate1p1"].row == "oracle"
    assert left_out["cfCingulate1p1"].reason.startswith("sub-")
    assert left_out["cfCingulate1p1"].reason.endswith(": cingulate has no room")
    assert "oracle" not in result.scores.skipped
    assert read_scores(result.folder.scores_file).left_out == result.scores.left_out
    (line,) = [line for line in result.scores.warnings if line.startswith("oracle")]
    assert "oracle: 3 of 36 images left out" in line
    assert "(cingulate x 1.1: 1, insula x 1.05: 1, insula x 1.1: 1)" in line
    assert "sub-" not in line  # exports hold warnings, and no people
    (table,) = [table for table in result.tables if table.name == "left-out"]
    assert ["oracle", left_out["cfCingulate1p1"].image, left_out["cfCingulate1p1"].reason] in table.rows

    images = records_of(result, "images")
    assert (images["oracle"].n, images["drifter"].n) == (33, 36)
    slopes = {slope.region: slope for slope in select(result.scores.records, row="oracle", metric="slope")}
    numbers = {region: slope.n for region, slope in slopes.items()}
    assert numbers == {**dict.fromkeys(numbers, 4), "cingulate": 3, "insula": 2}
    # Two images are too few for a line, and that is said; the method's own line does not depend on it.
    assert (slopes["insula"].estimate, slopes["insula"].reason) == (None, "too few images (2)")
    (mine,) = select(result.scores.records, row="drifter", metric="slope", region="insula")
    assert (mine.n, mine.reason) == (4, "")

    again = run(recovery(home))
    assert again.made == 0
    assert again.scores == result.scores
    note = next((home / "rows").rglob("*cfCingulate1p1_unknown.json"))
    note.write_text(note.read_text().replace('"MadeFrom": "', '"MadeFrom": "not '))
    assert run(recovery(home)).made == 1


@pytest.mark.usefixtures("regions", "few_rows")
def test_a_method_cannot_choose_what_it_is_scored_on(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def counterfactual(_self: object, scan: Scan, do: Intervention, _seed: int) -> np.ndarray:
        raise UnknownTruthError(f"{scan.key}: too hard")

    monkeypatch.setattr(fakes_regions.Drifter, "counterfactual", counterfactual)
    result = run(recovery(home))
    assert "too hard" in result.failure
    assert "drifter" in result.scores.skipped
    assert result.scores.left_out == []


def test_a_row_of_which_nothing_is_left_says_so(tmp_path: Path) -> None:
    tasks = tuple(ImageTask(k, {"insula": 1.1}, ImageKey(f"{k}", "", "cfInsula1p1")) for k in range(2))
    place = RowPlace(
        Row("oracle", RowKind.CEILING, "oracle"), [FoldPlan((), tasks, basis="x")], DerivativeFolder(tmp_path)
    )
    requests = place.plans[0].requests
    for request in requests:
        place.folder.write_unknown(request, f"{request.key.stem}: no room")
    assert place.count_missing() == 0
    left = leave_out({"oracle": place})
    assert left.places == {}
    assert left.failed == {"oracle": "none of its 2 images can be made; the first: sub-0_desc-cfInsula1p1: no room"}
    place.folder.write_image(requests[1], np.ones((2, 2, 2), np.float32), np.eye(4))
    left = leave_out({"oracle": place})
    assert [task.key.subject for task in left.places["oracle"].plans[0].tasks] == ["1"]
    assert [image.image for image in left.images] == ["sub-0_desc-cfInsula1p1"]
