"""The scores of a reader study as records: ``group`` is the reader, or `AVERAGE`, or empty for all readers."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import RowKind
from pcgm_bench.results.estimates import with_estimate
from pcgm_bench.statistics.accuracy import Accuracy
from pcgm_bench.studies.reader.scores import ReaderScore
from pcgm_bench.studies.reader.scores import StudyScore

AVERAGE = "average"
"""Mean of the readers' numbers."""
STUDY, ORIGIN, READERS, CASES = "study", "origin", "readers planned", "cases"
ACCURACY, P, P_CHANCE = "accuracy", "p against chance", "p within margin of chance"
SENSITIVITY, SPECIFICITY, D_PRIME, CRITERION = "sensitivity", "specificity", "d'", "criterion"
CATCH, SELF, SECONDS = "catch trials", "kappa with self", "median seconds"
AT_CHANCE, BETWEEN = "within margin of chance", "Fleiss' kappa"
DISCRIMINATION, BIAS = "log odds ratio of telling", "log odds of synthetic"


def study_records(score: StudyScore, study: str, planned: int, origin: Mapping[str, str]) -> list[Record]:
    """Facts about the study, every reader, their average, and all readers together.

    Args:
        score: of the answers.
        study: its name.
        planned: readers that it was made for.
        origin: where the images are from; ``method`` names the row.
    """
    row = Record(origin.get("method", "synthetic"), RowKind.METHOD, "")
    records = [Record("", RowKind.REAL, STUDY, text=study)]
    records += [Record("", RowKind.REAL, ORIGIN, contrast=key, text=value) for key, value in origin.items()]
    records.append(Record("", RowKind.REAL, READERS, planned, n=planned))
    records.append(Record("", RowKind.REAL, CASES, score.cases, n=score.cases))
    for reader in score.readers:
        records += _reader_records(replace(row, group=f"reader {reader.reader}"), reader)
    for metric, values in (
        (SPECIFICITY, [reader.detection.specificity for reader in score.readers]),
        (SENSITIVITY, [reader.detection.sensitivity for reader in score.readers]),
        (ACCURACY, [reader.accuracy.value for reader in score.readers]),
    ):
        records.append(replace(row, group=AVERAGE, metric=metric, estimate=float(np.mean(values)), unit="share"))
    return [*records, *_all_records(row, score)]


def _reader_records(row: Record, score: ReaderScore) -> Iterator[Record]:
    detection = score.detection
    yield from _accuracy_records(row, score.accuracy)
    yield replace(row, metric=SENSITIVITY, estimate=detection.sensitivity, unit="share")
    yield replace(row, metric=SPECIFICITY, estimate=detection.specificity, unit="share")
    yield replace(row, metric=D_PRIME, estimate=detection.d_prime)
    yield replace(row, metric=CRITERION, estimate=detection.criterion)
    yield replace(row, metric=CATCH, estimate=score.catch_right, n=score.catch_n)
    yield with_estimate(replace(row, metric=SELF), score.with_self)
    yield replace(row, metric=SECONDS, estimate=score.seconds, unit="s")


def _accuracy_records(row: Record, accuracy: Accuracy) -> Iterator[Record]:
    share = Estimate(accuracy.value, accuracy.low, accuracy.high, accuracy.n)
    yield with_estimate(replace(row, metric=ACCURACY, unit="share"), share)
    yield replace(row, metric=P, estimate=accuracy.p)
    yield replace(row, metric=P_CHANCE, estimate=accuracy.p_chance)


def _all_records(row: Record, score: StudyScore) -> Iterator[Record]:
    yield from _accuracy_records(row, score.pooled)
    yield replace(row, metric=AT_CHANCE, text="yes" if score.at_chance else "no")
    yield with_estimate(replace(row, metric=BETWEEN), score.between)
    if score.model is not None:
        yield with_estimate(replace(row, metric=DISCRIMINATION), score.model.discrimination)
        yield with_estimate(replace(row, metric=BIAS), score.model.bias)
