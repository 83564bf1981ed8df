"""What moved that should not have."""

from __future__ import annotations

import dataclasses

import pytest
from aud_simulation import LEVELS
from aud_simulation import METHOD
from aud_simulation import VOLUMES
from aud_simulation import Simulated

from pcgm_bench.studies.aud.sample import sample_of
from pcgm_bench.studies.aud.sample import visits_of
from pcgm_bench.studies.aud.spill_over import spill_over


def test_spill_over_is_counted_in_the_direction_it_happened(people: Simulated) -> None:
    shrunk = [
        dataclasses.replace(m, volumes={**m.volumes, "occipital": 0.98 * m.volumes["occipital"]})
        if m.row == METHOD and m.factual_diagnosis == "control"
        else m
        for m in people.measurements
    ]
    frames = visits_of(shrunk)
    result = spill_over(sample_of(frames, METHOD, LEVELS), sample_of(frames, VOLUMES, LEVELS))
    assert result["to patient"]["occipital"].value == pytest.approx(-2, abs=0.15)
    assert result["to control"]["occipital"].value == pytest.approx(0, abs=0.15)
    assert result["to patient"]["occipital"].n == 100
    assert "ventricles" not in result["to patient"]  # the simulated people have none


def test_without_what_was_asked_only_regions_that_must_stay_are_known(people: Simulated) -> None:
    frames = visits_of(people.measurements)
    assert list(spill_over(sample_of(frames, METHOD, LEVELS), None)["to control"]) == ["occipital"]


def test_real_scans_have_no_counterfactuals(people: Simulated) -> None:
    with pytest.raises(ValueError, match="no counterfactuals"):
        spill_over(sample_of(visits_of(people.measurements), "real", LEVELS), None)
