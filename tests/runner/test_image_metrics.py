"""Metrics of volumes say what they lack, and a metric without a value is listed with the rows that miss it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import MetricRecord
from pcgm_bench.contracts import VolumeMetric
from pcgm_bench.contracts import VolumeTables
from pcgm_bench.metrics.qc_gate import QCGate
from pcgm_bench.registry import Plugin
from pcgm_bench.runner.image_metrics import _lacking
from pcgm_bench.runner.image_metrics import _of_volumes
from pcgm_bench.runner.image_metrics import not_possible
from pcgm_bench.runner.metric_uses import OpenMetric

WHOLE = pd.DataFrame({"qc": [0.9, np.nan]})


class Refuses(VolumeMetric):
    """Cannot use its data."""

    record = MetricRecord("refuses", "1", "higher", (0.0, 1.0), "1", "none", 0.0, 1.0)
    columns = ("insula",)

    def __call__(self, real: pd.DataFrame, made: pd.DataFrame, seed: int = 0) -> Estimate:
        raise ValueError("insula of subject 02 is nan, not mL")


@pytest.mark.parametrize(
    ("tables", "reason"),
    [
        ((WHOLE, WHOLE), ""),
        ((WHOLE.rename(columns={"qc": "qc_thalamus"}),), ""),
        ((WHOLE, WHOLE.iloc[1:]), "nobody has measured qc"),
        ((WHOLE, pd.DataFrame()), "no volumes were measured on these images"),
    ],
)
def test_what_a_metric_lacks_is_said(tables: tuple[pd.DataFrame, ...], reason: str) -> None:
    assert _lacking(QCGate(), tables) == reason


def test_data_that_a_metric_cannot_use_leave_it_without_a_value() -> None:
    table = pd.DataFrame({"insula": [7.0, float("nan")]})
    metric = OpenMetric("refuses", Refuses(), Plugin("metrics", "refuses", "x:Refuses", "toys", "1"), "", {})
    estimate = _of_volumes(metric, VolumeTables(table, table))
    assert np.isnan(estimate.value)
    assert estimate.reason == "insula of subject 02 is nan, not mL"


def test_reasons_are_listed_with_their_rows() -> None:
    missing = Estimate(reason="nobody has measured qc")
    estimates = {"a": {"qc-gate": missing, "fid": Estimate(1.0)}, "b": {"qc-gate": missing}}
    assert not_possible(estimates) == {"qc-gate": "not possible: nobody has measured qc (a, b)"}
