"""What a metric says, as a record."""

from __future__ import annotations

from dataclasses import replace

from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import MetricRecord
from pcgm_bench.contracts import Record


def with_estimate(record: Record, estimate: Estimate) -> Record:
    """The record with the estimate's value, interval, n, reason and values by unit.

    >>> from pcgm_bench.contracts import RowKind
    >>> with_estimate(Record("mine", RowKind.METHOD, "d"), Estimate(0.5, 0.4, 0.6, 20)).n
    20
    """
    return replace(
        record,
        estimate=estimate.value,
        low=estimate.low,
        high=estimate.high,
        n=estimate.n or None,
        reason=estimate.reason,
        by_unit=estimate.by_unit,
    )


def directed(record: Record, metric: MetricRecord) -> Record:
    """The record with the direction, target and rule of the metric."""
    if metric.direction == "perfect":
        return replace(record, direction="nearest", target=metric.perfect, rule=metric.rule)
    return replace(record, direction=metric.direction, rule=metric.rule)
