"""The spelling of ``--map``."""

from __future__ import annotations

import pytest

from pcgm_bench.cohort.mapping import LEFT_OUT
from pcgm_bench.cohort.mapping import map_diagnosis
from pcgm_bench.cohort.mapping import map_head_size
from pcgm_bench.cohort.mapping import map_sex
from pcgm_bench.cohort.mapping import parse_maps
from pcgm_bench.contracts import UserError


def test_levels_are_case_control_left_out() -> None:
    mapping = parse_maps(["diagnosis=dx at entry:mild+severe/none at all/unclear", "age=years"])
    assert mapping.column("diagnosis") == "dx at entry"
    assert mapping.column("age") == "years"
    assert mapping.column("sex") == "sex"
    assert [map_diagnosis(level, mapping) for level in ("mild", "severe", "none at all", "unclear")] == [
        "AUD", "AUD", "control", LEFT_OUT,
    ]  # fmt: skip


def test_without_levels_ours_are_expected() -> None:
    mapping = parse_maps(["diagnosis=group"])
    assert map_diagnosis("AUD", mapping) == "AUD"
    with pytest.raises(
        ValueError, match=r"unknown diagnosis 'aud' \(did you mean 'AUD'\?\): use control, AUD, HIV, or"
    ):
        map_diagnosis("aud", mapping)


@pytest.mark.parametrize(
    ("value", "expected"), [("f", "F"), ("Female", "F"), ("M", "M"), ("male", "M"), ("woman", "F")]
)
def test_usual_spellings_of_sex(value: str, expected: str) -> None:
    assert map_sex(value, parse_maps([])) == expected


def test_numbers_for_sex_must_be_explained() -> None:
    assert map_sex("2", parse_maps(["sex=gender:2/1"])) == "F"
    with pytest.raises(ValueError, match=r"sex '2' is neither F nor M: write --map sex=sex:FEMALE/MALE"):
        map_sex("2", parse_maps([]))


def test_head_size_in_cubic_millimetres_is_refused() -> None:
    assert map_head_size("1432.5") == 1432.5
    with pytest.raises(ValueError, match="head_size 1432500 is not in mL"):
        map_head_size("1432500")


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        (["diagnosis"], "--map diagnosis: has no COLUMN"),
        (["diagnossi=group"], r"'diagnossi' is none of .* \(did you mean 'diagnosis'\?\)"),
        (["sex=gender", "sex=sex"], "sex is mapped twice"),
        (["diagnosis=group:depr"], "'depr' is not CASE/CONTROL"),
        (["diagnosis=group:a/b/c/d"], "'a/b/c/d' is not CASE/CONTROL"),
        (["diagnosis=group:a/a"], "'a' stands on both sides"),
        (["diagnosis=group:/a"], "'/a' is not CASE/CONTROL"),
        (["age=years:1/2"], "age is a number and has no levels"),
    ],
)
def test_misspelt_maps_say_what_to_write(maps: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        parse_maps(maps)
    assert "\n" not in str(caught.value)
