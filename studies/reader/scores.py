"""What the readers saw: every reader alone, and all of them together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace

import numpy as np
import pandas as pd

from pcgm_bench.contracts import Estimate
from pcgm_bench.statistics.accuracy import Accuracy
from pcgm_bench.statistics.accuracy import accuracy
from pcgm_bench.statistics.accuracy import bootstrap_over_cases
from pcgm_bench.statistics.accuracy import is_at_chance
from pcgm_bench.statistics.agreement import kappa_of_observers
from pcgm_bench.statistics.agreement import kappa_with_self
from pcgm_bench.statistics.mixed_logistic import MixedLogistic
from pcgm_bench.statistics.mixed_logistic import mixed_logistic
from pcgm_bench.statistics.signal_detection import Detection
from pcgm_bench.statistics.signal_detection import detection
from pcgm_bench.studies.reader.draw import SYNTHETIC


@dataclass(frozen=True)
class ReaderScore:
    """One reader.

    Attributes:
        reader: the number.
        accuracy: of the first looks.
        detection: of the answer "synthetic".
        catch_right: obvious fakes that were called synthetic.
        catch_n: obvious fakes.
        with_self: kappa over cases that were shown twice.
        seconds: median over cases; NaN where none were noted.
    """

    reader: str
    accuracy: Accuracy
    detection: Detection
    catch_right: int
    catch_n: int
    with_self: Estimate
    seconds: float


@dataclass(frozen=True)
class StudyScore:
    """All readers.

    Attributes:
        cases: shown to each.
        readers: by number.
        pooled: accuracy of all answers; its interval by bootstrap over cases, since all read the same ones.
        at_chance: whether the pooled accuracy is shown to be chance.
        between: Fleiss' kappa.
        model: mixed logistic regression; None for one reader, or one and the same answer.
    """

    cases: int
    readers: Sequence[ReaderScore]
    pooled: Accuracy
    at_chance: bool
    between: Estimate
    model: MixedLogistic | None


def score_readings(readings: pd.DataFrame, seed: int = 0) -> StudyScore:
    """Score a study.

    Args:
        readings: of `pcgm_bench.studies.reader.sheets.read_sheets`.
        seed: of the bootstrap.
    """
    first = readings[(readings["kind"] == "case") & (readings["look"] == 1)]
    first = first.assign(made=first["truth"] == SYNTHETIC)
    first = first.assign(right=first["synthetic"] == first["made"])
    readers = [
        _score_reader(str(reader), rows, readings[readings["reader"] == reader])
        for reader, rows in first.groupby("reader")
    ]
    right = first.pivot(index="case", columns="reader", values="right").to_numpy()
    drawn = bootstrap_over_cases(right, np.random.default_rng([seed, 53]))
    low, high = (float(end) for end in np.quantile(drawn, [0.025, 0.975]))
    answers = first.pivot(index="case", columns="reader", values="synthetic").to_numpy(int)
    return StudyScore(
        cases=len(right),
        readers=readers,
        pooled=replace(accuracy(int(right.sum()), right.size), low=low, high=high),
        at_chance=is_at_chance(drawn),
        between=kappa_of_observers(answers),
        model=mixed_logistic(first["synthetic"], first["made"], first["reader"], first["case"], seed),
    )


def _score_reader(reader: str, first: pd.DataFrame, every: pd.DataFrame) -> ReaderScore:
    """One reader, from the first looks at cases, and from every look."""
    catch = every[(every["kind"] == "catch") & (every["look"] == 1)]
    looks = every[every["kind"] == "case"].pivot(index="case", columns="look", values="synthetic")
    both = looks.reindex(columns=[1, 2]).dropna().astype(bool)
    return ReaderScore(
        reader=reader,
        accuracy=accuracy(int(first["right"].sum()), len(first)),
        detection=detection(first["synthetic"].to_numpy(bool), first["made"].to_numpy(bool)),
        catch_right=int(catch["synthetic"].sum()),
        catch_n=len(catch),
        with_self=kappa_with_self(both[1].to_numpy(), both[2].to_numpy()),
        seconds=float(first["seconds"].median()),
    )
