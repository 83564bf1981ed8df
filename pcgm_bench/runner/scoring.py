"""From images to scores: what is measured on them, the study's records, and its tables."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass

from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import Evidence
from pcgm_bench.contracts import ReadingStudy
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import Row
from pcgm_bench.contracts import Study
from pcgm_bench.contracts import TrainingSets
from pcgm_bench.contracts import UserError
from pcgm_bench.plugin_guard import guarded
from pcgm_bench.results.pivot import long_table
from pcgm_bench.results.pivot import pivot
from pcgm_bench.results.pivot import with_interval
from pcgm_bench.results.scores import LeftOutImage
from pcgm_bench.results.scores import Scores
from pcgm_bench.results.scores import read_scores
from pcgm_bench.results.scores import write_scores
from pcgm_bench.results.select import select
from pcgm_bench.runner import evidence as evidence_room
from pcgm_bench.runner.calling import calling
from pcgm_bench.runner.fold_notes import method_table
from pcgm_bench.runner.metric_uses import OpenMetric
from pcgm_bench.runner.plugin_code import check_unchanged
from pcgm_bench.runner.plugin_code import plugin_code
from pcgm_bench.runner.privacy_sets import Learnt
from pcgm_bench.runner.privacy_sets import learnt_from
from pcgm_bench.runner.resolve import Setup
from pcgm_bench.store import RunFolder
from pcgm_bench.store import digest
from pcgm_bench.store.closure import code_digest
from pcgm_bench.store.environment import differences
from pcgm_bench.tables import Column
from pcgm_bench.tables import Table


@dataclass(frozen=True)
class Basis:
    """What the scores of a run depend on.

    Attributes:
        measurements: hash of the measurements.
        chains: hash of the volumes in chains; empty without.
        rows: row -> hash of what its images were made from.
        learnt: row -> whom it learnt from, where a metric asks.
        missing: row -> why there is nothing of it.
        left_out: images of the oracle whose truth is not known.
    """

    measurements: str
    chains: str
    rows: Mapping[str, str]
    learnt: Mapping[str, Learnt]
    missing: Mapping[str, str]
    left_out: Sequence[LeftOutImage] = ()


def who_learnt(setup: Setup) -> dict[str, Learnt]:
    """Row -> whom its generator learnt from; only where a metric wants to know: it is part of what scores depend on."""
    if not any(metric.metric.inputs is TrainingSets for metric in setup.metrics.rows):
        return {}
    asked = setup.request.cohort.name
    return {row.name: learnt_from(setup.specs[row.name], asked) for row in setup.image_rows}


def scoring_code(setup: Setup) -> str:
    """Hash of the code that scores, and of what it is told: the study, every metric with the statistics that it uses,
    and the harness's own measuring.
    """
    request = setup.request
    return digest(
        {
            "study": [plugin_code(setup.study_plugin, type(setup.study)), str(setup.study.version)],
            "rows": [asdict(row) for row in setup.rows],
            "metrics": {metric.name: metric.source for metric in setup.metrics.everything},
            "harness": code_digest(evidence_room, scoring_code),
            "seed": request.seed,
            "quick": request.quick,
            "expect": request.expect,
        }
    )


def scored_by(code: str, basis: Basis) -> str:
    """Hash of all that the scores depend on.

    Scoring again is cheap, so any edit of the study, of a metric, of the statistics that they use, or of the harness's
    own measuring does it; images are never made again for that.

    Args:
        code: from `scoring_code`.
        basis: what they are made from.
    """
    parts = asdict(basis) | {"left_out": [image.model_dump() for image in basis.left_out]}
    return digest({"basis": parts, "code": code})


def finished_elsewhere(folder: RunFolder, setup: Setup) -> Scores | None:
    """The scores of a run that was finished on another kind of processor, by the code and the libraries of today.

    Nothing can be added to such a run, and nothing has to be: it is shown as it was stored. None for any other run.
    """
    if not (folder.environment_file.exists() and folder.scores_file.exists()):
        return None
    here, there = setup.environment, folder.environment
    if here == there or differences(there.model_copy(update={"instructions": here.instructions}), here):
        return None
    scores = read_scores(folder.scores_file)
    return scores if scores.code == scoring_code(setup) else None


def stored_scores(folder: RunFolder, stamp: str) -> Scores | None:
    """The scores of a run, if they are there and depend on the same things."""
    if not folder.scores_file.exists():
        return None
    try:
        scores = read_scores(folder.scores_file)
    except UserError:
        return None  # of another version, or damaged: everything that they were made from is still there
    return scores if scores.scored_by == stamp else None


def score(setup: Setup, evidence: Evidence) -> list[Record]:
    """The study's records, and one for each metric that the user added.

    Raises:
        PluginError: the study fails, or emits something else.
        UserError: the people are not those that the study needs.
    """
    with calling(setup.study_plugin, "scoring"):
        records = list(setup.study.score(evidence))
        if wrong := [record for record in records if not isinstance(record, Record)]:
            raise TypeError(f"score returned {type(wrong[0]).__name__} among its records")
    return records + _added_records(setup, evidence)


def _added_records(setup: Setup, evidence: Evidence) -> list[Record]:
    records = []
    for metric in (metric for metric in setup.metrics.everything if metric.is_added):
        for row in evidence.rows:
            estimate = _added_estimate(setup, evidence, metric, row)
            if estimate is not None:
                records.append(_record(metric, row, estimate))
    return records


def _added_estimate(setup: Setup, evidence: Evidence, metric: OpenMetric, row: Row) -> Estimate | None:
    if metric.name not in setup.metrics.study:
        return evidence.images.get(row.name, {}).get(metric.name)
    with guarded(setup.study_plugin, f"making the input of {metric.name}"):
        data = setup.study.metric_input(metric.metric.inputs, row.name, evidence)
    return None if data is None else metric.measure(data)


def _record(metric: OpenMetric, row: Row, estimate: Estimate) -> Record:
    use = metric.use
    nearest = use.record.direction == "perfect"
    return Record(
        row.name,
        row.kind,
        use.identity,
        estimate=estimate.value,
        low=estimate.low,
        high=estimate.high,
        n=estimate.n,
        group=ADDED,
        unit=use.record.unit,
        direction="nearest" if nearest else use.record.direction,
        target=use.record.perfect if nearest else None,
        rule=use.record.rule,
        reason=estimate.reason,
        column=f"added: {metric.name}",
        by_unit=estimate.by_unit,
    )


ADDED = "added metric"
"""Group of the records of metrics that the user added to a study's own."""


def store_scores(folder: RunFolder, setup: Setup, scores: Scores) -> list[Table]:
    """Store the scores last, after their tables; returns the tables.

    Raises:
        UserError: code was edited while they were made.
    """
    check_unchanged()
    tables = write_tables(folder, setup.study, scores)
    write_scores(folder.scores_file, scores)
    return tables


def write_tables(folder: RunFolder, study: Study, scores: Scores) -> list[Table]:
    """Write the tables of scores where they are not there, or were edited; returns them."""
    tables = study_tables(study, scores)
    texts = [(f"{table.name}.csv", table.csv()) for table in [*tables, long_table(scores.records)]]
    texts += [(f"{table.name}.md", table.markdown() + "\n") for table in tables]
    folder.write_tables(texts)
    return tables


def study_tables(study: Study | ReadingStudy, scores: Scores) -> list[Table]:
    """The study's tables, one of added metrics, the method, what was skipped or left out and why, and poor scans."""
    added = select(scores.records, group=ADDED)
    tables = list(study.tables([record for record in scores.records if record.group != ADDED]))
    if added:
        title = "Metrics added to the study's; 95 % interval where the metric has one"
        headings = {record.column: record.column.removeprefix("added: ") for record in added}
        show = with_interval(".4g")
        tables.append(pivot(added, name="added-metrics", title=title, across="column", show=show, headings=headings))
    if scores.method:
        tables.append(method_table(scores.method))
    if scores.skipped:
        order = {row.name: place for place, row in enumerate(scores.rows)}
        names = sorted(scores.skipped, key=lambda name: (order.get(name, len(order)), name))
        rows = [[name, scores.skipped[name]] for name in names]
        tables.append(Table("skipped", "Not run", [Column("row or metric"), Column("reason")], rows))
    if scores.left_out:
        rows = [[image.row, image.image, image.reason] for image in scores.left_out]
        columns = [Column("row"), Column("image"), Column("reason")]
        tables.append(Table("left-out", f"Left out, since the truth is not known: {len(rows)}", columns, rows))
    if scores.poor_scans:
        what = "kept, as asked" if scores.poor_scans_kept else "left out"
        title = f"Real scans below the quality bars: {len(scores.poor_scans)} {what}"
        rows = [[scan, reason] for scan, reason in scores.poor_scans.items()]
        tables.append(Table("poor-scans", title, [Column("scan"), Column("reason")], rows))
    return tables
