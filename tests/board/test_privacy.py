"""Nothing that leaves the machine names a person of a real cohort or a path."""

from __future__ import annotations

import pytest
from board_results import result

from pcgm_bench.board.privacy import may_name_somebody
from pcgm_bench.board.privacy import shareable
from pcgm_bench.board.privacy import without_paths


@pytest.mark.parametrize(
    "text",
    [
        "sub-P022: left out, as --map diagnosis asks (other)",
        "P022: left out",
        "jane: left out",
        "patient 10042 has no scan",
        "people 1042, 1043 have two scans",
        "P022 and P023 were scanned twice",
        "left out: sub-anna",
        "two scans of a_17",
        "write to jane@lab.org",
        "label maps in /data/lab/labels are old",
        r"label maps in C:\lab\jane are old",
        "label maps in ~/labels are old",
        "one scan of Anna is cropped",
    ],
)
def test_a_text_that_may_name_somebody(text: str) -> None:
    assert may_name_somebody(text, ["anna", "001"])
    kept = shareable(result(is_phantom=False, warnings=[text, "few people"]), ["anna"])
    assert kept.warnings == ["few people"]
    assert kept.hidden_warnings == 1
    assert shareable(kept).hidden_warnings == 1


@pytest.mark.parametrize(
    "text",
    [
        "the groups differ in sex (43 % and 31 % women); the paper rule does not adjust for sex",
        "41 of 84 people have two visits: their Pearson r is +1 or -1 whatever the size of the change",
        "100 of 200 people have one scan",
        "feature spaces are an untrained network and the segmenter: not comparable with published FID",
        "privacy: nobody was scanned twice",
        "volumes and/or scans differ; ages / sexes too",
        "read slope error and skill first",
    ],
)
def test_a_text_about_the_whole_cohort_is_kept(text: str) -> None:
    assert not may_name_somebody(text, ["anna", "001"])
    assert shareable(result(is_phantom=False, warnings=[text])).warnings == [text]


def test_phantom_people_may_be_named_and_paths_may_not() -> None:
    kept = shareable(
        result(warnings=["sub-P022: one more", "weights in /home/jane/w"], missing={"a": "see /tmp/x y; b"})
    )
    assert kept.warnings == ["sub-P022: one more"]
    assert kept.missing == {"a": "see <path>; b"}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("see https://example.org/a/b", "see https://example.org/a/b"),
        ("ratio 3/4, and/or a / b", "ratio 3/4, and/or a / b"),
        ("'/home/a b/c' is gone", "'<path>' is gone"),
        ("boom (acme/gen.py:12)", "boom (acme/gen.py:12)"),
        (r"\\server\share is gone", "<path>"),
    ],
)
def test_what_is_a_path(text: str, kept: str) -> None:
    assert without_paths(text) == kept
