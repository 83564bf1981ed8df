"""The scores of a row of the recovery study as records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pcgm_bench.contracts import Record
from pcgm_bench.contracts import Row
from pcgm_bench.results.estimates import with_estimate
from pcgm_bench.statistics.ols import Line
from pcgm_bench.studies.recovery.region_scores import IMPOSSIBLE
from pcgm_bench.studies.recovery.region_scores import RIGHT
from pcgm_bench.studies.recovery.region_scores import RegionFit
from pcgm_bench.studies.recovery.region_scores import RegionScore
from pcgm_bench.studies.recovery.region_scores import Spill
from pcgm_bench.studies.recovery.requests import REGIONS
from pcgm_bench.studies.recovery.responses import MEASURED
from pcgm_bench.studies.recovery.responses import Responses
from pcgm_bench.studies.recovery.row_scores import RANKS
from pcgm_bench.studies.recovery.row_scores import RowScore

PER_CENT = "log-%"
SPILL, BEYOND = "spill-over", "spill-over beyond the oracle"
"""Change of region ``contrast`` for 10 % asked of ``region``."""
WHERE = "where the largest spill-over is"
WHERE_PART = "place"
"""The verdict's part; the metrics are in records of their own."""
BY_ORACLE = "judged by the oracle's reading"
ASKED, MEASURED_CHANGE = "asked change", "measured change"
"""One value an image, in `Record.by_unit`."""


def row_records(row: Row, score: RowScore, version: str) -> Iterator[Record]:
    """What the overview and the leaderboard show of a row.

    Args:
        row: whose.
        score: its score.
        version: of the study: part of what must be equal for two numbers to be compared.
    """
    slope = Record(
        row.name, row.kind, f"recovery lobe_slope {version}", direction="nearest", target=1.0,
        column="slope of the lobes",
    )  # fmt: skip
    error = Record(
        row.name, row.kind, f"recovery oracle_error {version}", unit=PER_CENT, direction="lower",
        column="error to the oracle, %",
    )  # fmt: skip
    spill = Record(
        row.name, row.kind, f"recovery spill {version}", unit=PER_CENT, direction="lower",
        column="spill-over, % per 10 %",
    )  # fmt: skip
    verdicts = [region.verdict for region in score.regions]
    counts = "/".join(str(verdicts.count(word)) for word in (RIGHT, "inconclusive", "wrong", IMPOSSIBLE))
    yield Record(row.name, row.kind, "regions", score.right_less_wrong, direction="higher", text=counts)
    yield with_estimate(slope, score.lobe_slope)
    yield with_estimate(error, score.oracle_error)
    yield with_estimate(spill, score.spill)
    if score.spill_from:
        yield Record(row.name, row.kind, WHERE, text=f"{score.spill_from} into {score.spill_into}")
    yield Record(row.name, row.kind, "images", score.images, n=score.images)
    if score.where is not None:
        part = score.where
        where = Record(row.name, row.kind, WHERE_PART, part.outcome.rank, direction="higher", text=part.outcome.value)
        yield replace(where, reason=part.reason)
    verdict = Record(row.name, row.kind, "verdict", RANKS[score.verdict], direction="higher", text=score.verdict)
    yield replace(verdict, reason=score.reason)
    if score.by_oracle:
        yield Record(row.name, row.kind, BY_ORACLE, text=", ".join(score.by_oracle))
    for region in score.regions:
        yield from _region_records(row, region)


def _region_records(row: Row, score: RegionScore) -> Iterator[Record]:
    slope = Record(
        row.name, row.kind, "slope", n=score.n, region=score.region, direction="nearest", target=1.0,
        reason=score.reason,
    )  # fmt: skip
    yield slope if score.fit is None else with_line(slope, score.fit.line)
    if score.fit is not None:
        yield from _fit_records(row, score.region, score.fit)
    yield Record(row.name, row.kind, "verdict", region=score.region, text=score.verdict)


def _fit_records(row: Row, region: str, fit: RegionFit) -> Iterator[Record]:
    def record(metric: str, estimate: float | None = None, unit: str = PER_CENT) -> Record:
        return Record(row.name, row.kind, metric, estimate, region=region, unit=unit)

    yield record("r", fit.r, "1")
    if fit.on_oracle is not None:
        yield with_line(record("slope on the oracle's", unit="1"), fit.on_oracle)
    bias = fit.bias
    yield Record(row.name, row.kind, "bias", bias.value, bias.low, bias.high, bias.n, region=region, unit=PER_CENT)
    yield record("bias s.d.", bias.sd)
    yield record("rms to the request", fit.rms)
    yield record("rms to the oracle", fit.oracle_rms)
    for metric, spills in ((SPILL, fit.spill), (BEYOND, fit.beyond)):
        yield from (_spill_record(row, metric, region, other, spill) for other, spill in spills.items())
    for contrast, verdict in fit.verdicts.items():
        part = Record(row.name, row.kind, "verdict", region=region, contrast=contrast, text=verdict)
        yield part if verdict == RIGHT else replace(part, reason=fit.reason(contrast))


def _spill_record(row: Row, metric: str, region: str, other: str, spill: Spill) -> Record:
    return Record(
        row.name, row.kind, metric, spill.value, spill.low, spill.high, region=region, contrast=other, unit=PER_CENT
    )


def with_line(record: Record, line: Line) -> Record:
    """The record with the slope of a line."""
    return replace(record, estimate=line.slope, low=line.low, high=line.high)


def dose_records(row: Row, responses: Responses) -> Iterator[Record]:
    """Asked and measured change of every image, region by region: of its own requests, and of nothing (asked 0)."""
    for region in REGIONS:
        here = responses.for_region(region)
        if (here.regions == region).any():
            measured = here.changes[:, MEASURED.index(region)]
            for metric, values in ((ASKED, here.doses), (MEASURED_CHANGE, measured)):
                by_unit = dict(zip(here.names, values.tolist(), strict=True))
                yield Record(row.name, row.kind, metric, n=len(by_unit), region=region, unit=PER_CENT, by_unit=by_unit)
