"""Single requests of the recovery study by the metrics `effectiveness`, `minimality` and `dose-response`.

They stand beside the study's verdicts and do not make them: the verdicts fit a line a region, take the oracle's
spill-over of the same requests away, and hold intervals against bounds (`region_scores`). The metrics know no oracle,
so that its row is their floor. `minimality-voxels` is not here: it needs the voxels in which change was asked for, and
a request names a volume, not a mask (see `axioms`).
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import ChangeMetric
from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import Metric
from pcgm_bench.contracts import MetricRecord
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import Row
from pcgm_bench.results.estimates import directed
from pcgm_bench.results.estimates import with_estimate
from pcgm_bench.results.select import select
from pcgm_bench.statistics.estimates import mean_over_people
from pcgm_bench.studies.recovery.region_scores import IMPOSSIBLE
from pcgm_bench.studies.recovery.responses import MEASURED
from pcgm_bench.studies.recovery.responses import Responses
from pcgm_bench.studies.recovery.side_by_side import ends
from pcgm_bench.studies.recovery.side_by_side import flagged_headings
from pcgm_bench.studies.recovery.side_by_side import made_rows
from pcgm_bench.studies.recovery.side_by_side import side_by_side
from pcgm_bench.tables import Table

PARTS: Mapping[str, tuple[str, ...]] = {"lobes": LOBE_NAMES, "ventricles": ("ventricles",)}
"""Requests that are scored together: a row that cannot be asked for ventricles is compared on the lobes alone."""
METRICS = ("effectiveness", "minimality", "dose-response")


@dataclass(frozen=True)
class LineOf:
    """One line of the table.

    Attributes:
        metric: registered name.
        detail: of its estimate, averaged over people; empty: the estimate itself, which is on the leaderboard.
        heading: what it is called.
        unit: of the detail.
    """

    metric: str
    detail: str
    heading: str
    unit: str = ""

    def __str__(self) -> str:
        return f"{self.metric} {self.detail}".strip()


LINES = (
    LineOf("effectiveness", "", "effectiveness, share of the change"),
    LineOf("effectiveness", "percent", "error of the volume asked for, %", "%"),
    LineOf("effectiveness", "ml", "error of the volume asked for, mL", "mL"),
    LineOf("minimality", "", "minimality, %"),
    LineOf("minimality", "ml", "minimality, mL", "mL"),
    LineOf("dose-response", "", "dose-response, slope"),
)

RequestScores = Mapping[tuple[str, str], Estimate]
"""``(part, line)`` -> what is said of a row; a part without requests is not there."""


def score_requests(responses: Responses, metrics: Mapping[str, Metric[Any]], seed: int) -> RequestScores:
    """Score the single requests of one row.

    Args:
        responses: its images.
        metrics: at least `METRICS`, by name.
        seed: of the bootstraps over people.
    """
    scores: dict[tuple[str, str], Estimate] = {}
    for part, regions in PARTS.items():
        dosed = [region for region in regions if responses.is_dosed(region)]
        if not dosed:
            continue
        changes = changes_table(responses, dosed)
        asked = changes[changes[[f"asked_{region}" for region in dosed]].notna().any(axis=1)]
        tables = {"effectiveness": asked, "minimality": asked, "dose-response": changes}
        whole = {name: _metric(metrics, name)(table, seed=seed) for name, table in tables.items()}
        by_person = {
            name: [_metric(metrics, name)(person, seed=seed) for _, person in asked.groupby("subject", sort=True)]
            for name in dict.fromkeys(line.metric for line in LINES if line.detail)
        }
        for line in LINES:
            estimate = whole[line.metric]
            if line.detail:
                values = np.array([person.details[line.detail] for person in by_person[line.metric]])
                estimate = replace(mean_over_people(values, seed), n=estimate.n)
            scores[part, str(line)] = estimate
    return scores


def request_records(
    scores: Sequence[tuple[Row, RequestScores]], metrics: Mapping[str, Metric[Any]]
) -> Iterator[Record]:
    """Line by line: what a perfect and a useless generator score, then every row."""
    for part in PARTS:
        for line in LINES:
            metric = metrics[line.metric].record
            identity = f"{metric.name}-{metric.version}" + (f" {line.detail}" if line.detail else "")
            heading = f"{part}: {line.heading}"
            # An error in per cent or mL is 0 of a perfect generator, and has no bound.
            useful = (0.0, float("inf")) if line.detail else (metric.perfect, metric.useless)
            yield from ends(identity, heading, *useful)
            for row, row_scores in scores:
                unit = line.unit or metric.unit
                empty = Record(row.name, row.kind, identity, region=part, contrast=heading, unit=unit)
                estimate = row_scores.get((part, str(line)))
                if estimate is None:
                    yield replace(empty, reason=IMPOSSIBLE)
                else:
                    yield _line_record(empty, line, metric, estimate)


def _line_record(empty: Record, line: LineOf, metric: MetricRecord, estimate: Estimate) -> Record:
    record = with_estimate(empty, estimate)
    if line.detail:
        return replace(record, direction="lower")
    return replace(directed(record, metric), column=record.contrast)


def requests_table(records: Sequence[Record]) -> Table | None:
    """Lines down, rows across; None of records without them."""
    headings = [f"{part}: {line.heading}" for part in PARTS for line in LINES]
    mine = select(records, contrast=headings)
    notes = [
        "Estimate [95 %] (people). Effectiveness: 1 - error / change asked, over the regions asked about; 1 is the "
        "volume asked for, 0 is no nearer than the scan. Minimality: mean absolute change of the regions that were not "
        "asked about. Dose-response: slope of all doses fitted together, so that it may differ a little from the "
        "mean of the slopes above.",
        "No oracle is taken away here: its column is what the segmenter (and on phantoms fresh noise) makes of a "
        "perfect image. A method that keeps the scan's own noise can move the other regions less than it.",
        "copy-input: moves nothing, so that its minimality is perfect, its effectiveness 0 and its slope 0.",
    ]
    if not mine:
        return None
    return side_by_side(
        mine,
        made_rows(records),
        name="requests",
        title="Single requests: effectiveness, minimality, dose-response",
        first="metric",
        flagged=flagged_headings(mine),
        notes=notes,
    )


def changes_table(responses: Responses, regions: Sequence[str]) -> pd.DataFrame:
    """Requests of these regions and of nothing, as the metrics want them: mL before, asked for and after."""
    mine = responses.at(np.isin(responses.regions, [*regions, ""]))
    after = mine.before * np.exp(mine.changes / 100)
    columns: dict[str, np.ndarray] = {"subject": mine.subjects}
    for k, name in enumerate(MEASURED):
        columns |= {f"before_{name}": mine.before[:, k], f"after_{name}": after[:, k]}
    for name in regions:
        asked = mine.before[:, MEASURED.index(name)] * np.exp(mine.doses / 100)
        columns[f"asked_{name}"] = np.where(mine.regions == name, asked, np.nan)
    return pd.DataFrame(columns)


def _metric(metrics: Mapping[str, Metric[Any]], name: str) -> ChangeMetric:
    metric = metrics[name]
    if not isinstance(metric, ChangeMetric):
        raise TypeError(f"the recovery study calls {name!r} with a table of changes, and it is no ChangeMetric")
    return metric
