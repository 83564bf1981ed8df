"""Tables of people and visits, damaged or odd: the right people with the right numbers, or one clear line."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from four_people import GOOD
from four_people import HEADER
from four_people import ROWS
from four_people import Folder
from four_people import ages
from four_people import layout
from four_people import refused

# Text: what is written otherwise is read as it is meant.


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f.write("participants.tsv", f.people, "utf-8-sig"),
        lambda f: f.write("participants.tsv", f.people, "utf-16"),
        lambda f: f.write("participants.tsv", f.people.replace("\n", "\r\n")),
        lambda f: f.write("participants.tsv", f.people.replace("\n", "\r")),
        lambda f: f.write("participants.tsv", f.people.replace("\n", "\n\n") + "\t\t\t\n"),
        lambda f: f.write("participants.tsv", "\n".join(f"{line}\t" for line in f.people.splitlines())),
        lambda f: f.edit("45.5", '"45.5"'),
        lambda f: f.edit("45.5", " 45.5 "),
        lambda f: f.edit("45.5", "\u00a045.50\u200b"),
        lambda f: f.edit("45.5", "+45.5"),
        lambda f: f.edit("sub-01\t", "sub-01 \t"),
        lambda f: f.edit("sub-01\t", "Sub-01\t"),
        lambda f: f.edit("sub-", ""),
        lambda f: f.edit("\tage\t", ' \t"age"\t'),
        lambda f: f.edit("\tage\t", " \tage\u200b\t"),
        lambda f: f.sidecar(age={"Units": "years"}, sex="no entry"),
        lambda f: f.sidecar(age={"Units": "Year(s)"}),
        lambda f: f.sidecar(age={"Description": "Age in years, at most 12 months before the scan"}),
        lambda f: f.write("dataset_description.json", '{"GeneratedBy": 5}'),
        lambda f: f.write("dataset_description.json", "[]"),
        lambda f: f.touch("derivatives/x/sub-01/anat/sub-01_T1w.nii.gz"),
    ],
)  # fmt: skip
def test_other_ways_to_write_the_same_are_the_same(folder: Folder, change: Callable[[Folder], None]) -> None:
    change(folder)
    assert ages(folder) == GOOD


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda f: f.write("participants.tsv", f.people.replace("sex", "s\u00e9x"), "latin-1"),
         "participants.tsv: not readable as UTF-8 text (line 1): save it as UTF-8"),
        (lambda f: f.write("participants.tsv", f.people, "utf-16-le"), "line 1 holds the control character '\\x00'"),
        (lambda f: f.edit("45.5", "45\x00.5"), "line 2 holds the control character '\\x00'"),
        (lambda f: f.edit("45.5", "45\x1b[2J"), "line 2 holds the control character '\\x1b'"),
        (lambda f: f.edit("45.5", '"45.5'), "row 2 has a stray quotation mark"),
        (lambda f: f.edit("F\tAUD\nsub-02", 'F\t"AUD\nsub-02'), "row 2 has a stray quotation mark"),
        (lambda f: f.column("note", ['"ill', "x", 'y"', "z"]), "row 2 opens a quotation mark and does not close it"),
        (lambda f: f.edit("\t", ","), "no column participant_id: its cells are separated by commas, use tabs"),
        (lambda f: f.edit("\t", ";"), "no column participant_id: its cells are separated by semicolons, use tabs"),
        (lambda f: f.edit("participant_id", "Participant_ID"), "first line, which has 'Participant_ID'"),
        (lambda f: f.edit("participant_id", "# a comment\nparticipant_id"), "first line, which has # a comment"),
        (lambda f: f.write("participants.tsv", ""), "participants.tsv: the file is empty"),
        (lambda f: f.write("participants.tsv", HEADER), "nobody in it"),
        (lambda f: f.column("age", ["1"] * 4), "two columns are called 'age': rename one"),
        (lambda f: f.edit("50\tM\tcontrol", "50\tM"), "row 3 has 3 cells, the header 4: repair the row"),
        (lambda f: f.edit("50\tM", "50\tM\tx"), "row 3 has 5 cells, the header 4: repair the row"),
        (lambda f: [(f.root / "participants.tsv").unlink(), (f.root / "participants.tsv").mkdir()], "not a file"),
        (lambda f: f.write("participants.json", "{"), "participants.json: not readable JSON"),
        (lambda f: f.write("participants.json", "[]"), "participants.json: not a JSON object"),
    ],
)  # fmt: skip
def test_text_in_doubt_is_refused(folder: Folder, change: Callable[[Folder], None], line: str) -> None:
    change(folder)
    assert line in refused(folder)


# Labels.


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda f: f.edit("sub-0", ""), "it lists sub-1, the folder is sub-01: write the label as the folder has it"),
        (lambda f: f.edit("sub-01", "1.0"), "it lists sub-1.0, the folder is sub-01"),
        (lambda f: f.edit("sub-01", ""), "row 2 has no participant_id: fill it in or remove the row"),
        (lambda f: f.edit("sub-02", "01"), "sub-01 has two rows: keep one"),
        (lambda f: f.edit("sub-04", "sub-05"), "sub-05: no anat/*_T1w.nii.gz, though participants.tsv lists it"),
        (lambda f: [f.move("sub-01", "sub-A_1"), f.edit("sub-01", "sub-A_1")],
         "sub-A_1: a BIDS label has letters and digits only: call folder, files and row sub-A1"),
        (lambda f: [f.move("sub-01", "sub-A-1"), f.edit("sub-01", "sub-A-1")], "row sub-A1"),
        (lambda f: [f.move("sub-01", "sub-A 1"), f.edit("sub-01", "sub-A 1")], "row sub-A1"),
        (lambda f: f.touch("sub-01/ses-b_1/anat/sub-01_ses-b_1_T1w.nii.gz"), "call folder and files ses-b1"),
        (lambda f: f.move("sub-01/anat/sub-01_T1w.nii.gz", "sub-01/anat/sub-01_T1.nii.gz"),
         "sub-01_T1.nii.gz: not called sub-01_..._T1w.nii.gz: rename it"),
        (lambda f: f.move("sub-01/anat/sub-01_T1w.nii.gz", "sub-01/anat/sub-01_T1w.mgz"), "not NIfTI: convert it"),
        (lambda f: f.move("sub-01/anat/sub-01_T1w.nii.gz", "sub-01/anat/sub-02_T1w.nii.gz"),
         "its name says sub-02, its folder sub-01: rename one"),
        (lambda f: [f.visits("01"), f.move("sub-01/ses-01/anat/sub-01_ses-01_T1w.nii.gz",
                                           "sub-01/ses-01/anat/sub-01_ses-03_T1w.nii.gz")],
         "its name says ses-03, its folder ses-01: rename one"),
        (lambda f: f.touch("sub-01/ses-01/anat/sub-01_ses-01_T1w.nii.gz"),
         "sub-01: a scan without a session beside ses-01: give it a session, or name it in .bidsignore"),
    ],
)  # fmt: skip
def test_labels_in_doubt_are_refused(folder: Folder, change: Callable[[Folder], object], line: str) -> None:
    change(folder)
    assert line in refused(folder)


# Numbers.


@pytest.mark.parametrize("age", ["45+", "45Y", "0x2d", "4_5", "\u0664\u0665", "\uff14\uff15", "45-50", "inf", "?", "-"])
def test_only_numbers_are_numbers(folder: Folder, age: str) -> None:
    folder.edit("45.5", age)
    assert refused(folder) == f"participants.tsv: sub-01: age {age!r} is not a number: give it in years, as 71.5"


def test_commas_and_exponents_say_what_to_write(folder: Folder) -> None:
    folder.edit("45.5", "45,5")
    assert "age '45,5' has a comma: write 45.5 if it is a decimal comma" in refused(folder)
    folder.edit("45,5", "4e1")
    assert "age '4e1' has an exponent: write 40" in refused(folder)


@pytest.mark.parametrize("cell", ["n/a", "N/A", "NaN", "", "none"])
def test_a_missing_age_stays_missing(folder: Folder, cell: str) -> None:
    folder.edit("45.5", cell)
    assert "sub-01: age is missing" in refused(folder)


# Units.


@pytest.mark.parametrize(
    ("age", "factor"),
    [
        ({"Units": "months"}, 12),
        ({"units": " Month "}, 12),
        ({"Description": "Age in months at the first scan"}, 12),
        ({"LongName": "Age (weeks)"}, 365.25 / 7),
        ({"Units": "days"}, 365.25),
    ],
)
def test_the_sidecars_unit_counts(folder: Folder, age: dict[str, str], factor: float) -> None:
    folder.edit("45.5", "480")
    folder.sidecar(age=age)
    assert ages(folder)["01"] == pytest.approx(480 / factor)
    assert any("(participants.json): read as years" in note for note in layout(folder).notes)


@pytest.mark.parametrize("name", ["age_months", "AgeMonths", "age (months)", "agemonths", "age_in_months"])
def test_the_columns_name_says_its_unit(folder: Folder, name: str) -> None:
    folder.edit("\tage\t", f"\t{name}\t")
    folder.edit("45.5", "96")
    assert "perhaps --map " in refused(folder)
    assert name in refused(folder)
    assert ages(folder, f"age={name}")["01"] == 8.0
    folder.sidecar(**{name: {"Units": "years"}})
    assert "is in years, its name says months: correct one" in refused(folder, f"age={name}")


def test_a_unit_that_nobody_knows_is_refused(folder: Folder) -> None:
    folder.sidecar(age={"Units": "fortnights"})
    assert "age is in 'fortnights': write its Units as one of years, months, weeks, days" in refused(folder)


@pytest.mark.parametrize(("unit", "cell"), [("mm^3", "1432000"), ("mL", "1432"), ("L", "1.432"), ("cm\u00b3", "1432")])
def test_head_sizes_have_units_too(folder: Folder, unit: str, cell: str) -> None:
    folder.column("head_size", [cell] * 4)
    folder.sidecar(head_size={"Units": unit})
    assert [visit.head_size for visit in layout(folder).visits] == pytest.approx([1432] * 4)
    folder.edit(cell, "1,432")
    assert "head_size '1,432' has a comma" in refused(folder)


# Visits.


def test_a_visit_without_an_age_is_not_given_the_persons(folder: Folder) -> None:
    folder.visits("01", "ses-01\t45\nses-02\tn/a")
    assert "sub-01_sessions.tsv: sub-01 ses-02: age is missing (n/a): fill it in or name the scan" in refused(folder)
    folder.write(".bidsignore", "sub-01/ses-02/\n")
    assert ages(folder) == {**{key: age for key, age in GOOD.items() if key != "01"}, "01 01": 45.0}


def test_a_person_without_the_others_sessions_file_is_named(folder: Folder) -> None:
    folder.visits("01")
    assert ages(folder)["01 02"] == 45.5
    folder.visits("02", "ses-01\t50\nses-02\t52")
    assert refused(folder) == (
        "sub-01/sub-01_sessions.tsv: missing, though age of other people stands in such a file: add it"
    )


def test_ages_in_sessions_files_alone(folder: Folder) -> None:
    folder.write("participants.tsv", "\n".join(line.split("\t")[0] + "\tF\tAUD" for line in ROWS))
    folder.write("participants.tsv", "participant_id\tsex\tdiagnosis\n" + folder.people)
    for subject in GOOD:
        folder.visits(subject, "ses-01\t50\nses-02\t51")
    assert ages(folder)["03 02"] == 51
    folder.write("sub-03/sub-03_sessions.tsv", "session_id\tage\nses-01\t5\u00fc\n", "latin-1")
    assert refused(folder) == "sub-03/sub-03_sessions.tsv: not readable as UTF-8 text (line 2): save it as UTF-8"
    (folder.root / "sub-03/sub-03_sessions.tsv").unlink()
    assert "sub-03/sub-03_sessions.tsv: missing, though age of other people" in refused(folder)


@pytest.mark.parametrize(
    ("table", "header", "line"),
    [
        ("1\t45\n2\t47", "session_id\tage", "no row for ses-01: give exactly one (its row is ses-1"),
        ("ses-01\t45\nses-01\t46\nses-02\t47", "session_id\tage", "ses-01 has two rows: keep one"),
        ("ses-01\t45\tcontrol\nses-02\t47\tAUD", "session_id\tage\tdiagnosis",
         "sub-01: diagnosis differs between visits (AUD, control), and studies compare people"),
        ("ses-01\t45\tF\nses-02\t47\tM", "session_id\tage\tsex", "sub-01: sex differs between visits (F, M)"),
        ("ses-01\t45\tAUD\nses-02\t47\tn/a", "session_id\tage\tdiagnosis", "ses-02: diagnosis is missing (n/a)"),
    ],
)  # fmt: skip
def test_visits_in_doubt_are_refused(folder: Folder, table: str, header: str, line: str) -> None:
    folder.visits("01", table, header)
    assert line in refused(folder)


@pytest.mark.parametrize("name", ["sub-01/sub-01_sessions.json", "sessions.json"])
def test_visits_have_their_own_sidecar(folder: Folder, name: str) -> None:
    folder.visits("01", "ses-01\t480\nses-02\t504")
    assert "age 480 is not between 0 and 120" in refused(folder)
    folder.write(name, '{"age": {"Units": "months"}}')
    found = ages(folder)
    assert (found["01 01"], found["01 02"], found["02"]) == (40, 42, 50)


def test_months_of_people_and_a_silent_sessions_file(folder: Folder) -> None:
    folder.visits("01", "ses-01\t45\nses-02\t47")
    folder.sidecar(age={"Units": "months"})
    assert "age is in months in participants.tsv, and nobody says in what it is here: write its Units" in refused(
        folder
    )


# The map that is offered.


@pytest.mark.parametrize(
    ("column", "values", "levels", "said"),
    [
        ("Group", ["Control", "Patient"], {}, "perhaps --map diagnosis=Group:Patient/Control (cases first"),
        ("group", ["HC", "AUD user"], {}, "perhaps --map 'diagnosis=group:AUD user/HC' (cases first"),
        ("dx", ["CN", "MCI", "AD"], {}, "perhaps --map diagnosis=dx:AD+MCI/CN (cases first"),
        ("group", ["0", "1"], {"0": "healthy volunteers", "1": "patients"}, "perhaps --map diagnosis=group:1/0 (cases"),
        ("group", ["0", "1"], {}, "perhaps --map diagnosis=group:CASE/CONTROL, where CASE"),
        ("patient", ["no", "yes"], {}, "perhaps --map diagnosis=patient:yes/no (cases first"),
        ("group", ["control", "AUD"], {}, "perhaps --map diagnosis=group"),
        ("group", ["control", "a/b+c"], {}, r"perhaps --map 'diagnosis=group:a\/b\+c/control' (cases first"),
        ("group", ["not healthy", "healthy"], {}, "perhaps --map 'diagnosis=group:not healthy/healthy' (cases first"),
    ],
)  # fmt: skip
def test_the_likely_map_of_the_diagnosis(
    folder: Folder, column: str, values: list[str], levels: dict[str, str], said: str
) -> None:
    lines = [f"sub-0{i + 1}\t40\tF\t{values[i % len(values)]}" for i in range(4)]
    folder.write("participants.tsv", "\n".join([f"participant_id\tage\tsex\t{column}", *lines]))
    folder.sidecar(**{column: {"Levels": levels}})
    line = refused(folder)
    assert line.startswith(f"participants.tsv: no column 'diagnosis': {said}")
    if " (cases" in line:
        # What is offered can be pasted, and makes nobody a case who is a control.
        import shlex

        option = shlex.split(line.split("perhaps --map ")[1].split(" (cases")[0])[0]
        out = layout(folder, option)
        assert out.faults == []
        assert {v.diagnosis for v in out.visits} == {"AUD", "control"}


def test_the_likely_map_where_the_column_has_our_name(folder: Folder) -> None:
    folder.edit("AUD", "Patient")
    folder.edit("control", "Control")
    assert refused(folder).endswith("perhaps --map diagnosis=diagnosis:Patient/Control (cases first, then controls)")


def test_the_likely_map_of_sex(folder: Folder) -> None:
    folder.edit("45.5\tF", "45.5\tO")
    assert "perhaps --map sex=sex:F/M/O (females, males, left out)" in refused(folder)
    out = layout(folder, "sex=sex:F/M/O")
    assert [visit.subject for visit in out.visits] == ["02", "03", "04"]
    assert "sub-01: left out, as --map sex asks (O)" in out.notes
    folder.edit("\tO\t", "\tF\t")
    folder.edit("\tF\t", "\t2\t")
    folder.edit("\tM\t", "\t1\t")
    assert "FEMALE and MALE are of its values 1, 2" in refused(folder)
    folder.sidecar(sex={"Levels": {"1": "male", "2": "female"}})
    assert "perhaps --map sex=sex:2/1 (females first, then males)" in refused(folder)
