"""The sentences that end a run, from records written by hand: what was asked, what is shown, what follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pcgm_bench.contracts import Conclusion
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import RowKind
from pcgm_bench.studies.aging import terms
from pcgm_bench.studies.aging.conclusion import conclusion as aging
from pcgm_bench.studies.recovery.conclusion import conclusion as recovery
from pcgm_bench.studies.synthesis.conclusion import conclusion as synthesis

METHOD, REAL = RowKind.METHOD, RowKind.REAL
Study = Callable[[list[Record], str], Conclusion | None]


def of(metric: str, estimate: float | None = None, half: float | None = None, **more: Any) -> Record:
    """A record of the method ``mine``, with an interval of this half-width."""
    record = Record("mine", METHOD, metric, estimate)
    if estimate is not None and half is not None:
        record = replace(record, low=estimate - half, high=estimate + half)
    return replace(record, **more)


# Recovery.


def recovered(verdict: str, frontal: str, place: str = "pass") -> list[Record]:
    return [
        of("recovery lobe_slope 3", 0.93, 0.1),
        of("recovery spill 3", 1.5, 0.5),
        of("where the largest spill-over is", text="frontal into white_matter"),
        of("images", 120, n=120),
        of("place", 2, text=place, reason="drift of 2 %"),
        of("verdict", 1, text=verdict),
        of("verdict", region="frontal", text=frontal),
        of("verdict", region="frontal", contrast="slope", text=frontal),
        of("verdict", region="insula", text="right"),
        of("verdict", region="ventricles", text="not possible"),
    ]


def test_recovery_says_the_size_and_the_spill() -> None:
    said = recovery(recovered("pass", "right"), "mine")
    assert said is not None
    assert "mine was to make 120 images" in said.asked
    assert "-10 % to +10 %" in said.asked
    assert said.shown.startswith("of every 1 % asked of a lobe, 0.93 [0.83, 1.03] % is read in the images")
    assert "10 % is asked of the frontal lobe, the white matter moves by 1.50 [1.00, 2.00] %" in said.shown
    assert said.follows.startswith("the row passes")
    assert "all 2 regions (ventricles: not possible)" in said.follows


def test_recovery_says_what_moves_in_grammatical_words() -> None:
    where = "where the largest spill-over is"
    records = [
        replace(record, text="insula into ventricles") if record.metric == where else record
        for record in recovered("pass", "right")
    ]
    said = recovery(records, "mine")
    assert said is not None
    assert "10 % is asked of the insula, the ventricles move by 1.50 [1.00, 2.00] %" in said.shown


@pytest.mark.parametrize(
    ("verdict", "frontal", "place", "words"),
    [
        ("fail", "wrong", "pass", "the row fails (frontal wrong), 1 of 2 regions are right"),
        ("fail", "right", "fail", "the wrong place is changed (drift of 2 %)"),
        ("inconclusive", "inconclusive", "pass", "neither that the row is right nor that it is wrong: 1 of 2"),
    ],
)
def test_recovery_follows_the_verdict(verdict: str, frontal: str, place: str, words: str) -> None:
    said = recovery(recovered(verdict, frontal, place), "mine")
    assert said is not None
    assert words in said.follows


# Aging.


def aged(hiv: str, training: float) -> list[Record]:
    facts = [
        replace(of(metric, n), row="", kind=REAL, group=group, n=n)
        for group, n in (("old adults", 23), ("HIV", 40))
        for metric in (terms.PEOPLE, terms.FOLLOW_UPS)
    ]
    rates = [replace(of(terms.REAL_RATE, 3.0), row="", kind=REAL, group=group) for group in ("old adults", "HIV")]
    rows = [
        record
        for group, verdict, bias in (("old adults", "better", -0.5), ("HIV", hiv, -2.0))
        for record in (
            of("slope 1 bias", bias, 0.2, group=group, contrast=terms.BIAS),
            of("skill 1 training", training, 0.1, group=group, contrast=terms.TRAINING),
            of(terms.VERDICT, 1, group=group, contrast=terms.VERDICT, text=verdict),
        )
    ]
    return [*facts, *rates, *rows]


def test_aging_says_how_fast_and_for_whom() -> None:
    said = aging(aged("inconclusive", 0.3), "mine")
    assert said is not None
    assert "63 people as old as they are at 63 later visits" in said.asked
    assert "in old adults by 2.50 where the real ones grow by 3.00 (off by -0.50 [-0.70, -0.30])" in said.shown
    assert "than the unchanged first scan does in old adults; these people are too few" in said.follows
    assert "told from the mean rate of others in old adults and HIV" in said.follows


def test_aging_names_what_is_compared_where_no_group_is_better() -> None:
    said = aging([replace(r, text="inconclusive") if r.text == "better" else r for r in aged("worse", 0.05)], "mine")
    assert said is not None
    assert said.follows.startswith(
        "these people are too few to tell whether the images or the unchanged first scan come nearer in old adults; "
        "the images are farther from the later scans than the unchanged first scan in HIV"
    )


def test_aging_does_not_take_the_mean_rate_for_a_person_s() -> None:
    said = aging(aged("worse", 0.05), "mine")
    assert said is not None
    assert "farther from the later scans than the unchanged first scan in HIV" in said.follows
    assert "nothing is known of a person's own aging" in said.follows


# Synthesis.


def drawn(fid: float, recall: float) -> list[Record]:
    def both(metric: str, mine: float, floor: float, direction: str) -> list[Record]:
        made = of(metric, mine, 0.1, contrast=metric, direction=direction)
        return [
            made,
            replace(of(metric, floor, 0.1, contrast=metric, direction=direction), row="other-half", kind=RowKind.FLOOR),
        ]

    counts = [replace(of("images", 50, n=50), row="", kind=REAL), of("images", 50, n=50)]
    return [*counts, *both("fid", fid, 1.0, "lower"), *both("recall", recall, 0.9, "higher")]


def test_synthesis_names_what_is_worse_than_real_scans() -> None:
    said = synthesis(drawn(2.0, 0.9), "mine")
    assert said is not None
    assert "50 are compared with 50 real scans" in said.asked
    assert said.shown.startswith(
        "by 1 of 2 measures the images are worse than other real scans (other-half): fid is 2 [1.9, 2.1]"
    )
    assert said.follows.startswith("as a set the images can be told from real scans")
    assert "copies of training scans cannot be said" in said.follows


def test_synthesis_does_not_call_likeness_reality() -> None:
    said = synthesis([*drawn(0.5, 0.9), of("privacy: copies", 0.02, 0.01, contrast="privacy")], "mine")
    assert said is not None
    assert said.shown == "by none of 2 measures are the images worse than other real scans (other-half) are."
    assert "does not show that they are real" in said.follows
    assert "0.02 [0.01, 0.03] of them are as near" in said.follows


def test_synthesis_does_not_hold_privacy_against_a_floor_of_copies() -> None:
    space = "privacy: privacy (uncnn)"
    mine = of("privacy", 0.9, 0.05, contrast="privacy (uncnn)", direction="nearest", target=0.5, column=space)
    floor = replace(mine, row="other-half", kind=RowKind.FLOOR, estimate=1.0, low=0.95, high=1.0)
    copies = [of("privacy: copies", share, 0.01, contrast=name) for name, share in (("one", 0.02), ("two", 0.3))]
    said = synthesis([*drawn(0.5, 0.9), mine, floor, *copies], "mine")
    assert said is not None
    assert said.shown.startswith("by none of 2 measures")
    assert "0.30 [0.29, 0.31] of them are as near" in said.follows, "the feature space that sees most copies"


STUDIES = [(recovery, recovered("pass", "right")), (aging, aged("better", 0.3)), (synthesis, drawn(1.0, 0.9))]


@pytest.mark.parametrize(("study", "records"), STUDIES)
@pytest.mark.parametrize("kind", [RowKind.CHEAT, RowKind.CONTROL])
def test_a_run_about_a_control_concludes_as_one_about_a_method(
    study: Study, records: list[Record], kind: RowKind
) -> None:
    other = [replace(record, row="another") for record in records if record.row == "mine"]
    controls = [replace(record, kind=kind) if record.row == "mine" else record for record in records]
    said = study([*other, *controls], "mine")
    assert said is not None
    assert said.asked.startswith("mine was to ")
    assert said == study(records, "mine")


@pytest.mark.parametrize(("study", "records"), STUDIES)
def test_nothing_is_said_of_a_control_in_the_place_of_a_method_that_failed(study: Study, records: list[Record]) -> None:
    assert study(records, "failed") is None


def test_real_scans_are_not_held_against_themselves() -> None:
    assert synthesis(drawn(1.0, 0.9), "other-half") is None
