"""Whom a row's generator could give back: the scans it learnt from, beside as many held-out ones like them."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from pcgm_bench import registry
from pcgm_bench.runner import build
from pcgm_bench.runner.image_set import Images
from pcgm_bench.runner.images import Features
from pcgm_bench.runner.images import image_of
from pcgm_bench.runner.readings import ReadCohort

FOLD = "the other half"
OTHER_SEX = 1000.0
"""Years that the other sex counts when people are matched: never, while one of the same sex is left."""
RETESTS = 20
"""People scanned again for the yardstick, which is a median."""


@dataclass(frozen=True)
class Learnt:
    """What a row's generator learnt from.

    Attributes:
        who: in words.
        cohort: registered cohort whose training people they are; empty for those of the study's fold.
        reason: why privacy cannot be told; empty if it can.
    """

    who: str = ""
    cohort: str = ""
    reason: str = ""


def learnt_from(row: str, weights: Path | None, asked: str) -> Learnt:
    """What is known of a row: from its weights, and for one that needs none, that it has only the fold.

    Args:
        row: a generator's name.
        weights: its folder of weights, if it has any.
        asked: the cohort of the run, as the user named it.

    Raises:
        UserError: unknown generator, or the note beside the weights is damaged.
    """
    if row in build.GIVEN:
        return Learnt(reason="given as files: nothing says which scans their generator was trained on")
    if weights is None:
        return Learnt(FOLD)
    cohort = build.trained_on(weights)
    if not cohort:
        return Learnt(reason=f"its weights do not say whom they were trained on (no {build.TRAINED_ON} beside them)")
    if not hasattr(_cohort_plugin(cohort), "training_scans"):
        return Learnt(reason=f"trained on {cohort}, whose scans this run does not have")
    if cohort != asked:
        return Learnt(reason=f"trained on {cohort}, and the held-out scans are of {asked}: two populations")
    return Learnt(f"training people of {cohort}", cohort)


def _cohort_plugin(name: str) -> Any:
    registered = name in {plugin.name for plugin in registry.plugins("cohorts")}
    return registry.get("cohorts", name) if registered else None


def matched(training: pd.DataFrame, held_out: pd.DataFrame) -> tuple[list[int], list[int]]:
    """As many people of one table as of the other, of the same sex and as near in age as can be, with a scan each.

    Args:
        training: subject, age (years) and sex, one row a scan; a person's first is taken.
        held_out: the same.

    Returns:
        Rows of both tables, each in the table's order: two sets, not pairs.
    """
    firsts = [np.flatnonzero(~table["subject"].duplicated().to_numpy()) for table in (training, held_out)]
    ages = [table["age"].to_numpy(float)[rows] for table, rows in zip((training, held_out), firsts, strict=True)]
    sexes = [table["sex"].to_numpy(str)[rows] for table, rows in zip((training, held_out), firsts, strict=True)]
    cost = np.abs(ages[0][:, None] - ages[1]) + OTHER_SEX * (sexes[0][:, None] != sexes[1])
    chosen = linear_sum_assignment(cost)
    first, second = (sorted(int(row) for row in rows[one]) for rows, one in zip(firsts, chosen, strict=True))
    return first, second


class TrainingSets:
    """Features of training scans, of matched held-out scans and of people scanned twice; each computed once a run."""

    def __init__(
        self,
        cohort: ReadCohort,
        held_out: Sequence[int],
        learnt: Mapping[str, Learnt],
        spaces: Sequence[str],
        features: Features,
        grid: str,
        seed: int,
    ) -> None:
        """Nothing is read yet.

        Args:
            cohort: the factual scans.
            held_out: rows of its table that no row of the run has seen: the reference.
            learnt: row -> what it learnt from.
            spaces: feature spaces.
            features: where features come from.
            grid: of embedded training people.
            seed: of the noise of second scans.
        """
        self.cohort, self.held_out, self.learnt = cohort, list(held_out), learnt
        self.spaces, self.features, self.grid, self.seed = list(spaces), features, grid, seed
        self._sets: dict[tuple[str, tuple[str, ...]], tuple[dict[str, np.ndarray], list[int]]] = {}

    def score(
        self, metric: Any, row: str, people: Sequence[str], space: str, made: np.ndarray, held_out: np.ndarray
    ) -> dict[str, Any]:
        """A metric of a row, or the reason why there is none.

        Args:
            metric: called with ``(training, made, held out, retest)``.
            row: whose images.
            people: of the fold that it adapted to.
            space: the feature space.
            made: features ``(n, d)`` of the row's images.
            held_out: features ``(m, d)`` of the held-out scans, in order.

        Returns:
            The metric's result, with ``training`` (in words), ``n_training``, ``n_held_out`` and ``n_retest``; or no
            value and a ``reason``.
        """
        learnt = self.learnt[row]
        if learnt.reason:
            return {"value": None, "low": None, "high": None, "n": None, "reason": learnt.reason}
        key = (learnt.cohort, () if learnt.cohort else tuple(people))
        if key not in self._sets:
            self._sets[key] = self._training(*key)
        training, kept = self._sets[key]
        retest = (held_out[self._twice], self._second[space]) if self._twice else None
        sizes = {"n_training": len(training[space]), "n_held_out": len(kept), "n_retest": len(self._twice)}
        return {**metric(training[space], made, held_out[kept], retest), "training": learnt.who, **sizes}

    def _training(self, cohort: str, people: tuple[str, ...]) -> tuple[dict[str, np.ndarray], list[int]]:
        """Features of the training scans by space, and which of the held-out ones stand against them."""
        held_out = self.cohort.table.iloc[self.held_out]
        if not cohort:
            fold = self.cohort.subset(people)
            rows, kept = matched(fold.table, held_out)
            return self.features.of(self._set([partial(image_of, fold, index) for index in rows]), self.spaces), kept
        scans = _cohort_plugin(cohort).training_scans(self.grid, self.features.home)
        rows, kept = matched(scans.table, held_out)
        return self.features.of(self._set([partial(image_of, scans, index) for index in rows]), self.spaces), kept

    @cached_property
    def _twice(self) -> list[int]:
        """Which of the held-out people are scanned again: `RETESTS`, from the first to the last; none without truth."""
        if getattr(self.cohort.source, "oracle", None) is None:
            return []
        n = len(self.held_out)
        return [int(one) for one in np.linspace(0, n - 1, min(RETESTS, n)).round()]

    @cached_property
    def _second(self) -> dict[str, np.ndarray]:
        """Features by space of their second scans: the null intervention's truth, which is fresh noise alone."""
        oracle = self.cohort.source.oracle  # type: ignore[attr-defined]
        scans = [self.cohort[self.held_out[one]] for one in self._twice]
        return self.features.of(self._set([partial(oracle, scan, {}, self.seed) for scan in scans]), self.spaces)

    def _set(self, loaders: list[Callable[[], np.ndarray]]) -> Images:
        """Images that are drawn once for all spaces: drawing takes longer than reading."""
        return Images(loaders, scratch=self.features.home)
