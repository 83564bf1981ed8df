"""Answer sheets as people and spreadsheets leave them: the answers that were given, or one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcgm_bench.contracts import UserError
from pcgm_bench.studies.reader.key import FORMAT
from pcgm_bench.studies.reader.key import Key
from pcgm_bench.studies.reader.key import KeyContent
from pcgm_bench.studies.reader.sheets import read_sheets

CASES = {f"case-{number:03d}": f"image-{number}" for number in range(1, 5)}
IMAGES = {
    image: {"kind": "case", "truth": "real", "source": "x", "fake": "", "repeats": ""} for image in CASES.values()
}
KEY = Key(
    Path("key.json"),
    "a" * 64,
    KeyContent.model_validate({"format": FORMAT, "origin": {}, "images": IMAGES, "readers": {"1": CASES}}),
)
HEADER = "study,reader,case_id,answer,confidence,seconds,comment"
ANSWERS = ("real", "synthetic", "real", "synthetic")
TEXT = "\n".join(
    [HEADER, *(f"{'a' * 16},1,{case},{answer},3,12.5," for case, answer in zip(CASES, ANSWERS, strict=True))]
)


def answers(path: Path, text: str, encoding: str = "utf-8") -> list[bool]:
    path.write_bytes(text.encode(encoding))
    frame = read_sheets([path], KEY)
    assert list(frame["seconds"]) == [12.5] * 4
    return list(frame["synthetic"])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", ""),
        (",", ";"),
        (",", "\t"),
        ("\n", "\r\n"),
        ("real", "REAL"),
        ("12.5,\n", '12.5,"not sure,\nperhaps a fake"\n'),
        (",12.5,", ",12.5"),
        (",3,", ", 3 ,"),
        ("\n", "\n\n"),
    ],
)
def test_answers_are_what_was_given(tmp_path: Path, encoding: str, old: str, new: str) -> None:
    text = TEXT.replace(old, new) if old else TEXT
    assert answers(tmp_path / "answers.csv", text, encoding) == [False, True, False, True]


def test_rows_may_stand_in_any_order(tmp_path: Path) -> None:
    first, *rows = TEXT.splitlines()
    assert answers(tmp_path / "answers.csv", "\n".join([first, *rows[::-1]])) == [False, True, False, True]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("case-001", "case-1", "case-1: no such case of reader 1; remove it"),
        ("case-001", "case-002", "case-002 has two rows; keep one"),
        ("case-001", "", "a row without case_id: no such case"),
        ("case-001,real", "case-001,r", "case-001: unknown answer 'r'; write real or synthetic"),
        ("case-001,real", "case-001,", "incomplete, 1 of 4 cases have no answer, first case-001"),
        ("case-001,real,3", "case-001,real,3.0", "case-001: confidence '3.0' is none of 1, 2, 3, 4, 5"),
        ("case-001,real,3", "case-001,real,", "incomplete, case-001 has no confidence"),
        ("12.5", '"12,5"', "case-001: '12,5' has a comma: write 12.5 if it is a decimal comma"),
        ("12.5", "1_2", "case-001: '1_2' is not a number; correct the seconds or leave them empty"),
        ("12.5", "inf", "case-001: 'inf' is not a number"),
        ("12.5", "-3", "case-001: '-3' is no time that a person takes"),
        ("case-001,real", 'case-001,"real', "row 2 has a stray quotation mark"),
        ("answer", "Answer", "not an answer sheet, no column answer"),
        ("comment", "answer", "two columns are called 'answer': rename one"),
        (",1,case-001", ",2,case-001", "rows of 2 readers (1, 2); give one sheet a reader"),
        ("a" * 16, "b" * 16, "from another study"),
        (",real,3,12.5,", ",real", "row 2 has 4 cells, the header 7"),
    ],
)
def test_sheets_in_doubt_are_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in TEXT
    with pytest.raises(UserError) as caught:
        answers(tmp_path / "answers.csv", TEXT.replace(old, new, 1))
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'answers.csv'}: ")
    assert "\n" not in str(caught.value)


def test_a_sheet_in_another_encoding_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"not readable as UTF-8 text \(line 2\): save it as UTF-8"):
        answers(tmp_path / "answers.csv", TEXT.replace("12.5,", "12.5,\u00fc", 1), "latin-1")
