"""What the metrics say of new brains, as records: metric by metric, row by row."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import replace

from pcgm_bench.anatomy import DK_REGIONS
from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import MetricUse
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import Row
from pcgm_bench.results.estimates import directed
from pcgm_bench.results.estimates import with_estimate

COHENS_D, GATE, PRIVACY = "cohens-d", "qc-gate", "privacy"
TOPICS = {
    "realism": ("fid", "kid", "mmd", "mmd-image", "precision", "density"),
    "diversity": ("recall", "coverage", "ms-ssim"),
    "anatomy": (COHENS_D, "regions-wasserstein", GATE),
    "privacy": (PRIVACY,),
}
"""Where a metric stands on the leaderboard."""
SHARES = {f"share_under_{bound}": f"share of {len(DK_REGIONS)} regions, abs(d) < {bound}" for bound in ("0.2", "0.5")}
"""Details of `cohens-d` that have a line of their own: a count of regions, without an interval."""
IMAGES = "images"
BY_REGION = f"{COHENS_D} by region"
REAL_PASS = f"{GATE}: real scans that pass"
LEARNT_FROM, TRAINING, HELD_OUT = "privacy: learnt from", "privacy: training scans", "privacy: held-out scans"
WORTH, COPIES, COPIES_OF_HELD_OUT = "privacy: worth", "privacy: copies", "privacy: copies of held-out"
DISTANCES = {f"distance_{kind}": f"privacy: distance to {kind}" for kind in ("training", "held_out", "retest")}
PRIVACY_DETAILS = (LEARNT_FROM, TRAINING, HELD_OUT, WORTH, COPIES, COPIES_OF_HELD_OUT, *DISTANCES.values())
NO_RETEST = "no retest"


def heading(name: str, registered: str, rule: str) -> str:
    """``realism: fid (uncnn)``: the board makes a table of every topic.

    Args:
        name: of the metric in its feature space.
        registered: of the metric.
        rule: ``sound`` or ``paper``.

    >>> heading("fid (uncnn)", "fid", "sound"), heading("paper-mmd (uncnn)", "paper-mmd", "paper")
    ('realism: fid (uncnn)', 'paper-mmd (uncnn)')
    """
    topic = next((topic for topic, names in TOPICS.items() if registered in names), "")
    return f"{topic}: {name}" if topic and rule == "sound" else name


def metric_records(
    use: MetricUse, rows: Sequence[Row], estimates: Mapping[str, Estimate], floor: float | None
) -> Iterator[Record]:
    """All lines of one metric; ``contrast`` is the name of the line in the tables.

    Args:
        use: the metric.
        rows: in the order of the tables.
        estimates: row -> what it says; rows without it are left out.
        floor: its value of real scans against real ones; None where they are no floor.
    """
    mine = [(row, estimates[row.name]) for row in rows if row.name in estimates]
    for row, estimate in mine:
        record = with_estimate(Record(row.name, row.kind, use.identity, contrast=use.name), estimate)
        record = directed(replace(record, unit=use.record.unit, floor=floor), use.record)
        yield replace(record, column=heading(use.name, use.record.name, use.record.rule))
    for key, words in SHARES.items():
        for row, estimate in mine:
            if key in estimate.details:
                yield Record(
                    row.name, row.kind, f"{use.identity} {key}", estimate.details[key], n=estimate.n, unit="share",
                    contrast=f"{use.name}: {words}", direction="higher", rule=use.record.rule,
                )  # fmt: skip
    more = {COHENS_D: _region_records, GATE: _gate_records, PRIVACY: _privacy_records}.get(use.record.name)
    if more is not None:
        for row, estimate in mine:
            yield from more(row, use, estimate)


def _region_records(row: Row, _use: MetricUse, estimate: Estimate) -> Iterator[Record]:
    for region, part in estimate.parts.items():
        yield with_estimate(Record(row.name, row.kind, BY_REGION, region=region), part)


def _gate_records(row: Row, use: MetricUse, estimate: Estimate) -> Iterator[Record]:
    details = estimate.details
    if "passed" in details:
        yield Record(
            row.name, row.kind, f"{use.identity} passed", n=estimate.n, contrast=f"{GATE}: set passes",
            text="yes" if details["passed"] else "no", rule=use.record.rule,
        )  # fmt: skip
        yield Record(row.name, row.kind, REAL_PASS, details["real"], unit="share", text=estimate.note)


def _privacy_records(row: Row, use: MetricUse, estimate: Estimate) -> Iterator[Record]:
    def record(metric: str, value: float | None = None) -> Record:
        return Record(row.name, row.kind, metric, value, contrast=use.name)

    details = estimate.details
    if estimate.reason:
        yield replace(record(LEARNT_FROM), text=f"not known: {estimate.reason}", reason=estimate.reason)
        return
    yield replace(record(LEARNT_FROM), text=estimate.note)
    # Sizes are the harness's to add; without them their cells stay empty.
    for metric, key in ((TRAINING, "n_training"), (HELD_OUT, "n_held_out")):
        if key in details:
            yield replace(record(metric, details[key]), n=int(details[key]))
    yield record(WORTH, details["n_independent"])
    if "copies" in estimate.parts:
        yield with_estimate(replace(record(COPIES), unit="share"), estimate.parts["copies"])
        yield replace(record(COPIES_OF_HELD_OUT, details["copies_of_held_out"]), unit="share")
    else:
        yield replace(record(COPIES), text=NO_RETEST)
    yield from (record(metric, details[key]) for key, metric in DISTANCES.items() if key in details)
