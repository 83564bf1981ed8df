"""A request that cannot be met is refused before anything is made."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import fakes_studies
import pytest
from toy_runs import request

from pcgm_bench.cohort.phantom import source as phantom
from pcgm_bench.contracts import CohortRequest
from pcgm_bench.contracts import ImageMetric
from pcgm_bench.contracts import Row
from pcgm_bench.contracts import RowKind
from pcgm_bench.contracts import UserError
from pcgm_bench.contracts import Visits
from pcgm_bench.contracts import silent
from pcgm_bench.runner import one_off
from pcgm_bench.runner.grid_check import check_grid_of_segmenter
from pcgm_bench.runner.people import find_people
from pcgm_bench.runner.request import ImageFolder
from pcgm_bench.runner.request import MethodRequest
from pcgm_bench.runner.resolve import resolve
from pcgm_bench.runner.run import run


def test_a_method_that_cannot_do_the_job(home: Path, toys: list[str]) -> None:
    with pytest.raises(UserError, match="copier does not make counterfactual images"):
        run(request(home, method="copier"))


def test_unknown_names(home: Path, toys: list[str]) -> None:
    for changes, meant in (
        ({"method": "shiftr"}, "did you mean shifter"),
        ({"cohort": CohortRequest("toyy")}, "did you mean toy"),
        ({"study": "toyy"}, "did you mean toy"),
        ({"segmenter": "toyy"}, "did you mean toy"),
        ({"metrics": ("contrasts",)}, "did you mean contrast"),
        ({"features": ("corners",)}, "did you mean corner"),
    ):
        with pytest.raises(UserError, match=meant):
            run(request(home, **changes))  # type: ignore[arg-type]
    assert not (home / "runs").exists()


@pytest.mark.parametrize(
    ("cohort", "flag"),
    [
        (CohortRequest("toy", maps=("age=years",)), "--map"),
        (CohortRequest("toy", effect="null"), "--effect"),
        (CohortRequest("toy", mechanism="pial"), "--mechanism"),
        (CohortRequest("toy", scanner="A"), "--scanner"),
        (CohortRequest("toy", per_group=5), "--per-group"),
    ],
)
def test_an_option_that_the_cohort_does_not_have_is_refused(
    home: Path, toys: list[str], cohort: CohortRequest, flag: str
) -> None:
    with pytest.raises(UserError, match=f"{flag}: the cohort 'toy' has no such option"):
        run(request(home, cohort=cohort))


@pytest.mark.parametrize(("study", "few"), [("aud", 2), ("aud", 6), ("recovery", 2), ("synthesis", 2)])
def test_people_who_are_too_few_are_told_before_a_phantom_is_drawn(
    home: Path, monkeypatch: pytest.MonkeyPatch, study: str, few: int
) -> None:
    monkeypatch.setattr(phantom, "ensure", lambda *_asked: pytest.fail("drawn before the study was asked"))
    monkeypatch.setattr(phantom, "import_anatomies", lambda *_asked: pytest.fail("read before the study was asked"))
    people = CohortRequest(per_group=few, anatomies=str(home))
    method = "noise" if study == "synthesis" else "copy-input"
    with pytest.raises(UserError, match=r"people|cannot fill"):
        find_people(resolve(request(home, method=method, study=study, cohort=people, segmenter="unet")), silent)


@pytest.mark.parametrize(
    ("method", "grid", "words"),
    [
        (
            "copy-input",
            "1mm",
            "the segmenter unet does not read it, .* use --grid 3mm or --grid 2mm; or measure",
        ),
        ("pcgm", "2mm", "--grid 2mm: pcgm makes no images on it, and nothing was made: use --grid 3mm$"),
        ("copy-input", "4mm", "unknown grid '4mm': use one of 3mm, 2mm, 1mm"),
    ],
)
def test_a_grid_that_nobody_can_work_on_is_told_before_a_phantom_is_drawn(
    home: Path, monkeypatch: pytest.MonkeyPatch, method: str, grid: str, words: str
) -> None:
    monkeypatch.setattr(phantom, "ensure", lambda *_asked: pytest.fail("drawn before the grid was looked at"))
    with pytest.raises(UserError, match=words):
        run(request(home, method=method, study="aud", cohort=CohortRequest(grid=grid), segmenter="unet"))


def test_training_changing_and_drawing_look_at_the_grid_first(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phantom, "ensure", lambda *_asked: pytest.fail("drawn before the grid was looked at"))
    fine = MethodRequest(method="pcgm", home=home, cohort=CohortRequest(grid="2mm"))
    paper = MethodRequest(method="pcgm", home=home, settings={"config": "paper"})
    person = one_off.Person(50.0, "F", "control")
    with pytest.raises(UserError, match="--grid 2mm: pcgm makes no images on it"):
        one_off.fit(fine)
    with pytest.raises(UserError, match="pcgm: its images are on none of the standard grids as it is set"):
        one_off.fit(paper)
    with pytest.raises(UserError, match="--grid 2mm: pcgm makes no images on it"):
        one_off.changed_image(fine, home / "no-scan.nii.gz", {"diagnosis": "AUD"}, person)
    with pytest.raises(UserError, match="--grid 2mm: cdm makes no images on it"):
        one_off.sample(dataclasses.replace(fine, method="cdm"), 1, home)


def test_a_segmenter_of_maps_made_elsewhere_takes_every_grid() -> None:
    for grid in ("3mm", "2mm", "1mm"):
        check_grid_of_segmenter(grid, "folder")
        check_grid_of_segmenter(grid, "truth")


def test_a_threshold_that_no_metric_asks_for_is_refused(home: Path, toys: list[str]) -> None:
    with pytest.raises(UserError, match="--qc-threshold: the study toy has no metric that asks for one"):
        run(request(home, qc_threshold=0.5))


def test_a_metric_whose_input_the_study_cannot_make_is_refused(
    home: Path, toys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fakes_studies.Contrast, "inputs", Visits)
    with pytest.raises(UserError, match="metric 'contrast' is given Visits, which the study toy does not have"):
        run(request(home, metrics=("contrast",)))
    assert ImageMetric.inputs is not Visits


def test_a_metric_of_features_needs_a_space(home: Path, toys: list[str]) -> None:
    with pytest.raises(UserError, match=r"--metrics \+sets: it needs a feature space"):
        run(request(home, metrics=("sets",)))


def test_a_home_that_cannot_be_written_to(tmp_path: Path, toys: list[str]) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(UserError, match=r"cannot write .*--home"):
        run(request(blocked / "home"))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("real", "reserved"),
        ("Real", "reserved"),
        ("truth", "registered method of that name"),
        ("shifter", "registered method of that name"),
        ("labels permuted", "is no name"),
        ("Truth", "'truth' has the same folder"),
        ("labels-permuted", "rows 'labels-permuted' and 'labels permuted' share a folder"),
        ("../elsewhere", "is no name"),
    ],
)
def test_images_cannot_take_a_name_of_the_run(
    home: Path, tmp_path: Path, toys: list[str], name: str, said: str
) -> None:
    run(request(home))
    (images,) = (home / "runs").glob("*/derivatives/shifter")
    elsewhere = tmp_path / "elsewhere"
    with pytest.raises(UserError, match=said):
        run(request(elsewhere, method=name, image_folder=ImageFolder(images)))
    assert not elsewhere.exists()


def test_rows_that_share_a_folder_are_refused(home: Path, toys: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    original = fakes_studies.ToyStudy.rows

    def rows(self: fakes_studies.ToyStudy, method: str) -> list[Row]:
        return [*original(self, method), Row("Labels-permuted", RowKind.CONTROL, "truth")]

    monkeypatch.setattr(fakes_studies.ToyStudy, "rows", rows)
    with pytest.raises(Exception, match="'labels permuted' and 'Labels-permuted' share a folder"):
        run(request(home))
