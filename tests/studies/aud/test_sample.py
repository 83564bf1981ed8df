"""One row a person, averaged over visits."""

from __future__ import annotations

from aud_simulation import LEVELS

from pcgm_bench.contracts import Measurement
from pcgm_bench.studies.aud.sample import LOBES
from pcgm_bench.studies.aud.sample import sample_of
from pcgm_bench.studies.aud.sample import visits_of


def _visit(row: str, session: str, volume: float, diagnosis: str = "control") -> Measurement:
    volumes = dict.fromkeys(LOBES, volume)
    return Measurement(row, "a", session, 50.0, "F", diagnosis, diagnosis, 1400.0, volumes)


def test_subjects_are_averaged_over_visits_that_both_have() -> None:
    visits = [_visit("real", "1", 100.0), _visit("real", "2", 110.0), _visit("x", "2", 90.0), _visit("x", "9", 1.0)]
    sample = sample_of(visits_of(visits), "x", LEVELS)
    assert sample.lobes[0, 0] == 110.0
    assert sample.other_lobes[0, 0] == 90.0
    assert sample_of(visits_of(visits), "real", LEVELS).lobes[0, 0] == 105.0


def test_labels_are_the_row_s_own() -> None:
    frames = visits_of([_visit("real", "1", 100.0), _visit("x", "1", 90.0, "AUD")])
    assert not sample_of(frames, "real", LEVELS).patient[0]
    assert sample_of(frames, "x", LEVELS).patient[0]
