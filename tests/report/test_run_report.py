"""The report of a run: one valid HTML file that fetches nothing and names nobody, and says what the run says."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from typing import ClassVar

import html5lib
import pytest

from pcgm_bench import registry
from pcgm_bench.contracts import Change
from pcgm_bench.contracts import ChangesPlot
from pcgm_bench.contracts import Conclusion
from pcgm_bench.contracts import ForestPlot
from pcgm_bench.contracts import Interval
from pcgm_bench.contracts import Plot
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import Row
from pcgm_bench.contracts import RowKind
from pcgm_bench.contracts import Study
from pcgm_bench.contracts import UserError
from pcgm_bench.registry import Plugin
from pcgm_bench.report.page.people import best_median_worst
from pcgm_bench.report.page.people import ranked_people
from pcgm_bench.report.page.provenance import command
from pcgm_bench.report.page.write import write_report
from pcgm_bench.results.scores import LeftOutImage
from pcgm_bench.results.scores import Scores
from pcgm_bench.results.scores import write_scores
from pcgm_bench.store import Identity
from pcgm_bench.store import Manifest
from pcgm_bench.store import RunFolder
from pcgm_bench.store.manifest import Session
from pcgm_bench.tables import Column
from pcgm_bench.tables import Table

PEOPLE = {"QX01": 0.5, "QX02": 3.0, "QX03": 0.1, "QX04": 1.0}
"""Label -> how far the image of a person is from what was asked."""
ROWS = [Row("real", RowKind.REAL), Row("mine", RowKind.METHOD, "mine"), Row("copy", RowKind.CONTROL, "copy")]


def changes(row_error: float = 0.0) -> dict[str, dict[str, Change]]:
    return {label: {"insula": Change(-5.0, -5.0 + error + row_error)} for label, error in PEOPLE.items()}


class ReportStudy(Study):
    """A study with everything that a report shows."""

    name: ClassVar[str] = "reported"
    title: ClassVar[str] = "A title with <b>marks</b> & signs"
    version: ClassVar[str] = "1"
    reference: ClassVar[str] = "r"

    def rows(self, method: str) -> Any:
        return ROWS

    def folds(self, table: Any, seed: int) -> Any:
        return ()

    def score(self, evidence: Any) -> Any:
        return ()

    def tables(self, records: Sequence[Record]) -> list[Table]:
        return [Table("one", "Table </script> one", [Column("row"), Column("d")], [["mine", 0.123456789]])]

    def plots(self, records: Sequence[Record]) -> list[Plot]:
        panels = {"1: A against B": {"insula": {"mine": Interval(-1.0, -2.0, 0.5), "copy": Interval(0.0, -0.1, 0.1)}}}
        return [
            ForestPlot("effects", "Effects", "d", panels),
            ChangesPlot("changes", "Changes", "log-%", {"mine": changes(), "copy": changes(5.0)}),
        ]

    def conclusion(self, records: Sequence[Record], method: str) -> Conclusion:
        return Conclusion("This was asked.", "This is shown.", "This follows.")


@pytest.fixture
def folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    plugin = Plugin("studies", "reported", f"{__name__}:ReportStudy", "toys", "1")
    monkeypatch.setattr(registry, "_found", lambda kind: [plugin] if kind == "studies" else [])
    identity = Identity(
        method="mine", generator="g", study="reported", study_version="1", cohort="lab", cohort_hash="c", segmenter="s",
        seed=0, quick=True, device="cpu", threads=1, harness="h",
    )  # fmt: skip
    folder = RunFolder.open(home, identity)
    lines = ["row\tsubject\tage\tsex\tdiagnosis"]
    lines += [f"real\t{label}\t{40 + number}.5\tF\tcontrol" for number, label in enumerate(PEOPLE)]
    folder.measurements_file.write_text("\n".join(lines) + "\n")
    session = Session(
        started="2031-05-06T07:08:09+00:00",
        command=["/home/jane/.venv/bin/pcgm-bench", "run", "--cohort", "/data/secret study", "--method", "mine"],
    )
    folder.write_manifest(Manifest(key=identity.key, sessions=[session], folders={"copy": "/home/jane/rows/copy"}))
    write_scores(folder.scores_file, scores())
    return folder


def scores(copy: str = "fail", *, is_phantom: bool = False) -> Scores:
    records = [
        Record("mine", RowKind.METHOD, "verdict", 2, text="pass", direction="higher"),
        Record("copy", RowKind.CONTROL, "verdict", 0, text=copy, direction="higher", reason="moves nothing"),
    ]
    return Scores(
        scored_by="x",
        study="reported",
        study_version="1",
        is_phantom=is_phantom,
        rows=ROWS,
        records=records,
        warnings=["the groups differ in sex", "sub-QX02: left out", "no weights in /home/jane/w"],
        left_out=[LeftOutImage(row="mine", image="sub-QX03_desc-cfAUD", reason="no room")],
        poor_scans={"sub-QX04": "motion"},
        method={"weights": "of /home/jane/w"},
    )


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


def parts_of(text: str) -> Parts:
    parts = Parts()
    parts.feed(text)
    return parts


def test_it_is_one_valid_file_that_fetches_nothing(folder: RunFolder) -> None:
    text = write_report(folder).read_text(encoding="utf-8")
    html5lib.HTMLParser(strict=True).parse(text)  # raises at the first error
    parts = parts_of(text)
    assert [address for address in parts.fetched if not address.startswith("data:")] == []
    assert not re.search(r"@import|url\((?!data:)", text)
    assert "default-src 'none'" in text
    assert len(parts.ids) == len(set(parts.ids))
    for anchor in ("conclusion", "effects", "changes", "people", "controls", "tables", "provenance"):
        assert anchor in parts.ids, anchor
        assert f"#{anchor}" in parts.links, anchor
    assert [link for link in parts.links if link.removeprefix("#") not in parts.ids] == []


def test_it_names_no_person_path_host_or_date(folder: RunFolder) -> None:
    text = write_report(folder).read_text(encoding="utf-8")
    for secret in (*PEOPLE, "jane", "secret study", "/data", "2031", "07:08"):
        assert secret not in text, secret
    assert "2 more warnings" in text
    assert "the groups differ in sex" in text
    assert "pcgm-bench run --cohort PATH --method mine" in text
    assert "1 line" in text  # of the images left out: how many, not whose


def test_ages_of_real_people_are_bands(folder: RunFolder) -> None:
    assert ">40-44<" in write_report(folder).read_text(encoding="utf-8")
    write_scores(folder.scores_file, scores(is_phantom=True))
    text = write_report(folder).read_text(encoding="utf-8")
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
    text = write_report(folder).read_text(encoding="utf-8")
    assert ("The control copy must not pass" in text) is is_told
    assert text.index("Read this first") < text.index("This was asked.")


def test_csv_holds_whole_numbers(folder: RunFolder) -> None:
    text = write_report(folder).read_text(encoding="utf-8")
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
