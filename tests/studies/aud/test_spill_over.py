"""What moved that should not have."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from aud_simulation import LEVELS
from aud_simulation import METHOD
from aud_simulation import VOLUMES
from aud_simulation import Simulated

from pcgm_bench.studies.aud.sample import REGIONS
from pcgm_bench.studies.aud.sample import Sample
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
    result = spill_over(sample_of(frames, METHOD, LEVELS), sample_of(frames, VOLUMES, LEVELS), {})
    assert result["to patient"]["occipital"].value == pytest.approx(-2, abs=0.15)
    assert result["to control"]["occipital"].value == pytest.approx(0, abs=0.15)
    assert result["to patient"]["occipital"].n == 100
    assert "ventricles" not in result["to patient"]  # the simulated people have none


def test_without_what_was_asked_only_regions_that_must_stay_are_known(people: Simulated) -> None:
    frames = visits_of(people.measurements)
    assert list(spill_over(sample_of(frames, METHOD, LEVELS), None, {})["to control"]) == ["occipital"]


def test_real_scans_have_no_counterfactuals(people: Simulated) -> None:
    with pytest.raises(ValueError, match="no counterfactuals"):
        spill_over(sample_of(visits_of(people.measurements), "real", LEVELS), None, {})


def _four(white_matter: list[float], factual: float = 500.0) -> Sample:
    """Two controls and two patients with white matter of this volume in their images; the rest stays."""
    patient = np.array([False, False, True, True])
    real = np.full((4, len(REGIONS)), factual)
    made = real.copy()
    made[:, REGIONS.index("white_matter")] = white_matter
    names = np.array(["a", "b", "c", "d"])
    return Sample(names, patient, np.zeros((4, 3)), real, made, pd.DataFrame(), 0)


def test_mean_and_interval_by_hand() -> None:
    found = spill_over(_four([505.0, 515.0, 495.0, 485.0]), None, {})
    to_patient, to_control = found["to patient"]["white_matter"], found["to control"]["white_matter"]
    # 1 and 3 %: mean 2, standard error 1; and the other way.
    assert (to_patient.value, to_patient.low, to_patient.high) == pytest.approx((2.0, 2 - 1.96, 2 + 1.96))
    assert (to_control.value, to_control.low, to_control.high) == pytest.approx((-2.0, -2 - 1.96, -2 + 1.96))
    assert found["to patient"]["ventricles"].value == 0


def test_what_the_truth_moves_is_asked_of_white_matter() -> None:
    """A loss of 2 % in truth: who does it spills nothing over, who stays leaves it undone."""
    planted = {"white_matter": 2.0}
    right = spill_over(_four([490.0, 490.0, 500 / 0.98, 500 / 0.98]), None, planted)
    still = spill_over(_four([500.0] * 4), None, planted)
    assert right["to patient"]["white_matter"].value == pytest.approx(0, abs=1e-9)
    assert right["to control"]["white_matter"].value == pytest.approx(0, abs=1e-9)
    assert still["to patient"]["white_matter"].value == pytest.approx(2.0)
    assert still["to control"]["white_matter"].value == pytest.approx(100 - 100 / 0.98)
