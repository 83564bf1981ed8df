"""The report of a run: one valid HTML file that fetches nothing and names nobody, and says what the run says."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import html5lib
import numpy as np
import pytest
from toy_report import PEOPLE
from toy_report import changes
from toy_report import examples
from toy_report import scores

from pcgm_bench.contracts import ChangesPlot
from pcgm_bench.contracts import UserError
from pcgm_bench.report.page.content import content_of
from pcgm_bench.report.page.images import keep_images
from pcgm_bench.report.page.images import kept_images
from pcgm_bench.report.page.people import best_median_worst
from pcgm_bench.report.page.people import ranked_people
from pcgm_bench.report.page.provenance import command
from pcgm_bench.report.page.viewer import library
from pcgm_bench.report.page.write import write_report
from pcgm_bench.results.scores import write_scores
from pcgm_bench.store import Manifest
from pcgm_bench.store import RunFolder


class Parts(HTMLParser):
    """Anchors, and every address that a browser would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.fetched: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "srcset", "data", "poster", "action") or (name == "href" and tag == "link"):
                self.fetched.append(value or "")
            if name == "href" and tag == "a":
                self.links.append(value or "")


def keep(folder: RunFolder) -> None:
    keep_images(folder, best_median_worst(content_of(folder).people), examples(), "mine")


def written(folder: RunFolder) -> str:
    """The report without the viewer's library, which is not ours and takes a parser long."""
    text = write_report(folder).read_text(encoding="utf-8")
    assert len(text) < 15e6
    return text.replace(library(), "")


def parts_of(text: str) -> Parts:
    parts = Parts()
    parts.feed(text)
    return parts


@pytest.mark.parametrize("with_images", [False, True])
def test_it_is_one_valid_file_that_fetches_nothing(folder: RunFolder, with_images: bool) -> None:
    if with_images:
        keep(folder)
    text = written(folder)
    html5lib.HTMLParser(strict=True).parse(text)  # raises at the first error
    parts = parts_of(text)
    assert [address for address in parts.fetched if not address.startswith("data:")] == []
    assert not re.search(r"@import|url\((?!data:)", text)
    assert ("viewer" in parts.ids) is with_images
    assert "default-src 'none'" in text
    assert len(parts.ids) == len(set(parts.ids))
    for anchor in ("conclusion", "effects", "changes", "people", "controls", "tables", "provenance"):
        assert anchor in parts.ids, anchor
        assert f"#{anchor}" in parts.links, anchor
    assert [link for link in parts.links if link.removeprefix("#") not in parts.ids] == []


def test_it_names_no_person_path_host_or_date(folder: RunFolder) -> None:
    keep(folder)
    text = written(folder)
    for secret in (*PEOPLE, "jane", "secret study", "/data", "2031", "07:08"):
        assert secret not in text, secret
    assert "2 more warnings" in text
    assert "the groups differ in sex" in text
    assert "pcgm-bench run --cohort PATH --method mine" in text
    assert "1 line" in text  # of the images left out: how many, not whose


def test_ages_of_real_people_are_bands(folder: RunFolder) -> None:
    assert ">40-44<" in written(folder)
    write_scores(folder.scores_file, scores(is_phantom=True))
    text = written(folder)
    assert ">40-44<" not in text
    assert ">42<" in text


def test_people_are_ranked_by_how_near_their_image_comes(folder: RunFolder) -> None:
    plot = ChangesPlot("c", "t", "log-%", {"mine": changes(), "copy": changes(5.0)})
    people = ranked_people(plot, folder.measurements_file, is_phantom=True)
    assert [(person.label, person.rank) for person in people] == [("QX03", 1), ("QX01", 2), ("QX04", 3), ("QX02", 4)]
    assert people[0].error == pytest.approx(0.1)
    assert people[0].unchanged == pytest.approx(5.0)
    assert [person.label for person in best_median_worst(people)] == ["QX03", "QX01", "QX02"]
    assert best_median_worst(people[:1]) == people[:1]


@pytest.mark.parametrize(("outcome", "is_told"), [("fail", False), ("inconclusive", False), ("pass", True)])
def test_a_useless_control_that_passes_is_told_first(folder: RunFolder, outcome: str, is_told: bool) -> None:
    write_scores(folder.scores_file, scores(outcome))
    text = written(folder)
    assert ("The control copy must not pass" in text) is is_told
    assert text.index("Read this first") < text.index("This was asked.")


def test_csv_holds_whole_numbers(folder: RunFolder) -> None:
    text = written(folder)
    found = re.search(r'<script type="text/csv" data-name="one">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    assert json.loads(found[1]) == "row,d\nmine,0.123456789\n"


def test_a_run_that_is_not_scored_is_said_to_be_so(folder: RunFolder) -> None:
    folder.scores_file.unlink()
    with pytest.raises(UserError, match="not scored yet"):
        write_report(folder)


def test_a_run_of_no_command_has_one_all_the_same(folder: RunFolder) -> None:
    assert (
        command(folder.identity, Manifest(key="k")) == "pcgm-bench run --method mine --study reported --seed 0 --quick"
    )


def test_images_are_kept_once_and_come_back_as_they_were(folder: RunFolder) -> None:
    people = content_of(folder).people
    keep(folder)
    before = {path: path.stat().st_mtime_ns for path in folder.report_images.rglob("*.nii.gz")}
    keep(folder)
    assert {path: path.stat().st_mtime_ns for path in folder.report_images.rglob("*.nii.gz")} == before
    kept = kept_images(folder, people)
    assert [mine.person.rank for mine in kept] == [1, 2, 4]
    first = kept[0]
    assert first.truth is not None
    assert np.abs((first.made - first.factual).max() - 0.2) < 0.006
    assert np.abs((first.truth - first.factual).min() + 0.2) < 0.006
    corner = np.argwhere(examples()[0].factual() > 0).min(axis=0) - 2  # a margin of two voxels is kept
    np.testing.assert_allclose(first.affine[:3, 3], 9.0 * np.maximum(corner, 0))


def test_the_viewer_is_the_pinned_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "niivue" in library()
    assert "</script" not in library()  # it stands in such an element
    monkeypatch.setattr("pcgm_bench.report.page.viewer.SHA256", "0" * 64)
    with pytest.raises(ValueError, match="not the file that was pinned"):
        library()
