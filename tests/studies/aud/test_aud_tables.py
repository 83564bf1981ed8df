"""Tables of the AUD study: pivots of its records."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from aud_simulation import METHOD
from aud_simulation import VOLUMES
from aud_simulation import Simulated

from pcgm_bench.contracts import Record
from pcgm_bench.contracts import RowKind
from pcgm_bench.results.scores import Scores
from pcgm_bench.results.scores import read_scores
from pcgm_bench.results.scores import write_scores
from pcgm_bench.results.select import only
from pcgm_bench.results.select import select
from pcgm_bench.studies.aud import terms
from pcgm_bench.studies.aud.comparisons import COUNTED
from pcgm_bench.studies.aud.flagged import Flagged
from pcgm_bench.studies.aud.sample import LOBES
from pcgm_bench.studies.aud.study import AUDStudy
from pcgm_bench.tables import Table

STUDY = AUDStudy()


def tables_of(records: Sequence[Record]) -> Mapping[str, Table]:
    return {table.name: table for table in STUDY.tables(records)}


@pytest.fixture(scope="module")
def tables(records: Sequence[Record]) -> Mapping[str, Table]:
    return tables_of(records)


def cells(table: Table, line: int = 0) -> dict[str, str]:
    """Heading -> cell as printed."""
    return dict(zip([column.name for column in table.columns], table.printed()[line], strict=True))


def test_the_overview_comes_first_and_details_last(tables: Mapping[str, Table]) -> None:
    assert {name: table.detail for name, table in tables.items()} == {
        "overview-paper": False,
        "overview-sound": False,
        "verdict": False,
        "achieved": False,
        "paper-linear": False,
        "recovery-linear": False,
        "oracle-error": False,
        "person": False,
        "sound-real": True,
        "sound-linear": True,
        "paper-real": True,
        "spill-over": True,
        "power": True,
    }


def test_tables_of_stored_records_are_the_same(
    records: Sequence[Record], tables: Mapping[str, Table], tmp_path: Path
) -> None:
    path = tmp_path / "scores.json"
    write_scores(path, Scores(scored_by="", study="aud", study_version="1", is_phantom=True, records=list(records)))
    again = tables_of(read_scores(path).records)
    assert list(again) == list(tables)
    assert [table.markdown() for table in again.values()] == [table.markdown() for table in tables.values()]


def test_rows_stand_in_the_order_of_the_protocol(tables: Mapping[str, Table]) -> None:
    order = [row.name for row in STUDY.rows(METHOD) if row.kind is not RowKind.CHEAT]  # volumes alone are simulated
    for name in ("overview-paper", "overview-sound"):
        assert [row[0] for row in tables[name].rows] == order
    assert [row[0] for row in tables["verdict"].rows] == order[1:]


def test_notes_say_what_a_reader_must_know(tables: Mapping[str, Table]) -> None:
    assert "With n = 100 + 100 you could see d >= 0.50" in tables["overview-paper"].markdown()
    assert "not the same person" in tables["overview-sound"].markdown()
    assert "fitted anew in every replicate" in tables["sound-linear"].markdown()
    assert "60 replicates" in tables["sound-linear"].markdown()
    assert "declared bound abs(d) 0.3, same people (columns 2, 3) 0.15" in tables["sound-linear"].markdown()


def test_overviews_count_lobes(records: Sequence[Record], tables: Mapping[str, Table]) -> None:
    assert cells(tables["overview-paper"], 3)["1"] == "6/6"
    assert cells(tables["overview-paper"], 3)["wrong signs"] == "5"
    assert [cells(tables["overview-paper"])[name] for name in COUNTED] == ["-"] * 5
    right, inconclusive, wrong = (
        only(records, row="copy-input", metric=metric, contrast="1")
        for metric in (terms.LOBES_RIGHT, terms.LOBES_INCONCLUSIVE, terms.LOBES_WRONG)
    )
    text = f"{right.estimate:.0f}/{inconclusive.estimate:.0f}/{wrong.estimate:.0f}"
    assert tables["overview-sound"].rows[3][2] == text


def test_the_paper_s_table_marks_significance_and_wrong_signs(records: Sequence[Record]) -> None:
    as_method = [replace(r, kind=RowKind.METHOD) if r.row == "copy-input" else r for r in records]
    table = tables_of(as_method)["paper-copy-input"]
    assert [row[0] for row in table.rows] == [*LOBES, "# correct"]
    frontal = cells(table)
    assert frontal["CF controls vs CF AUD"].endswith("*(+)")
    assert frontal["real controls vs real AUD"].endswith("*")
    assert frontal["real controls vs their CF AUD"] == "1.0000"
    assert cells(table, 6)["CF controls vs CF AUD"] == "6"


def test_sound_effects_and_recovery_have_a_line_a_column_and_lobe(tables: Mapping[str, Table]) -> None:
    sound, recovery = tables["sound-linear"], tables["recovery-linear"]
    assert [row[:2] for row in sound.rows] == [[name, lobe] for name in ("real", *COUNTED) for lobe in LOBES]
    assert [row[:2] for row in recovery.rows] == [[name, lobe] for name in ("real", *"123") for lobe in LOBES]
    line = cells(sound, 12)
    assert float(line["low"]) < float(line["d"]) < float(line["high"])
    assert (line["n"], line["d_z"] == "-") == ("100", False)
    assert (cells(sound)["n"], cells(sound)["d_z"]) == ("200", "-")
    assert cells(recovery)["planted loss, %"] == "4.50"
    assert (cells(recovery)["d / d real"], cells(recovery, 11)["% / planted"]) == ("-", "-")


def test_the_person_s_table_says_what_decides(tables: Mapping[str, Table]) -> None:
    line = cells(tables["person"])
    assert line["own scan nearest, % [95 %]"] == "100.00 [97.00, 100.00]"
    assert float(line["error to the oracle, share"].split()[0]) < 0.5
    assert cells(tables["person"], 1)["error to the oracle, share"] == "1.00 [1.00, 1.00]"


def test_the_verdict_s_table_says_why(tables: Mapping[str, Table]) -> None:
    verdict = tables["verdict"]
    parts = ["against the groups", "achieved over asked", "own scan nearest", "right change"]
    assert [column.name for column in verdict.columns] == ["row", *parts, "verdict"]
    assert [row[-1] for row in verdict.rows][1:4] == ["pass", "fail", "fail"]
    (copied,) = (note for note in verdict.notes if note.startswith("copy-input: fail. "))
    assert "patients must have less" in copied
    (other,) = (note for note in verdict.notes if note.startswith("random-other: fail. "))
    assert "correlation with the factual volumes" in other
    achieved = {row[0]: row for row in tables["achieved"].rows}
    assert set(achieved) == {METHOD, "oracle", "copy-input", "random-other"}
    assert achieved["copy-input"][1] == "0.00 [0.00, 0.00]"
    assert "(-)" in tables["power"].rows[0][-1]  # the occipital lobe in column 1


def test_a_model_that_was_not_refitted_says_so(people: Simulated) -> None:
    some = [m for m in people.measurements if m.row in ("real", METHOD, VOLUMES)]
    records = STUDY.score(replace(people.evidence(), measurements=some, replicates=2))
    tables = tables_of(records)
    assert "PGM not refitted" in tables["sound-linear"].markdown()
    assert "PGM not refitted" not in tables["sound-real"].markdown()
    assert "oracle-error" not in tables


def _set(records: Sequence[Record], row: str, metric: str, values: Mapping[str, int]) -> list[Record]:
    """The same records, with other numbers by column in one row."""
    return [
        replace(record, estimate=values[record.contrast])
        if (record.row, record.metric) == (row, metric) and record.contrast in values
        else record
        for record in records
    ]


def test_a_column_that_ranks_a_control_above_the_method_is_marked(records: Sequence[Record]) -> None:
    edited = _set(records, METHOD, terms.correct("1"), {"1": 5})
    for row, counts in (
        (METHOD, dict.fromkeys(COUNTED, (6, 0, 0)) | {"2": (0, 6, 0)}),
        ("copy-input", {"2": (1, 0, 5)}),
        ("random-other", {"2": (2, 4, 0)}),
    ):
        for place, metric in enumerate((terms.LOBES_RIGHT, terms.LOBES_INCONCLUSIVE, terms.LOBES_WRONG)):
            edited = _set(edited, row, metric, {name: count[place] for name, count in counts.items()})
    tables = tables_of(edited)
    headings = {name: [column.name for column in table.columns] for name, table in tables.items()}
    assert headings["overview-paper"][1:] == ["real", "1 (!)", "2", "3", "4", "5", "wrong signs"]
    assert headings["overview-sound"][1:] == ["real", "1", "2 (!)", "3", "4", "5", "verdict"]
    (paper,) = (note for note in tables["overview-paper"].notes if note.startswith("(!)"))
    assert "column 1: " in paper
    assert "copy-input" in paper
    assert "random-other" in paper
    assert "oracle" not in paper  # the truth may stand above, and so may the method's own model
    assert f"{VOLUMES}," not in paper
    (sound,) = (note for note in tables["overview-sound"].notes if note.startswith("(!)"))
    assert "random-other" in sound
    assert "copy-input" not in sound  # one right and five wrong is not above none of either
    assert "occipital (!)" in headings["spill-over"]  # a copy spills nothing
    assert "(!)" not in "".join(headings["person"])


def test_a_model_of_permuted_labels_may_not_stand_above_the_method() -> None:
    better = Record("blind", RowKind.PERMUTED, "error", 1.0, region="insula", direction="lower")
    mine = Record("mine", RowKind.METHOD, "error", 2.0, region="insula", direction="lower")
    part = Record("mine (volumes)", RowKind.VOLUMES, "error", 1.5, region="insula", direction="lower")
    flagged = Flagged.of([better, mine, part], lambda cell: cell.region)
    assert flagged.above == {"insula": ["blind"]}
    assert flagged.heading("insula") == "insula (!)"
    assert flagged.heading("frontal") == "frontal"


def test_too_few_people_of_a_row_are_said(people: Simulated) -> None:
    kept = set(people.table["subject"][:2])
    some = [m for m in people.measurements if m.row == "real" or (m.row == "oracle" and m.subject in kept)]
    records = STUDY.score(replace(people.evidence(), measurements=some, replicates=2))
    assert "Not scored, too few measurements: oracle." in tables_of(records)["overview-paper"].notes
    assert not select(records, row="oracle", metric=terms.VERDICT)
