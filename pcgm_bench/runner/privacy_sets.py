"""Whom a row's generator could give back: the scans it learnt from, beside as many held-out ones like them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from functools import partial

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from pcgm_bench import registry
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import CohortSource
from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import PluginError
from pcgm_bench.contracts import TrainingScans
from pcgm_bench.contracts import TrainingSets
from pcgm_bench.runner.features import Features
from pcgm_bench.runner.generators import GeneratorSpec
from pcgm_bench.runner.images_of import factual_images
from pcgm_bench.runner.lazy_images import Images
from pcgm_bench.runner.metric_uses import OpenMetric
from pcgm_bench.runner.metric_uses import Space
from pcgm_bench.runner.segmented_cohort import SegmentedCohort
from pcgm_bench.store.weights import COMPLETE
from pcgm_bench.store.weights import read_note

SpaceFeatures = dict[str, "np.ndarray | PluginError"]
"""Feature space -> features ``(n, d)``, or what is wrong with the extractor."""

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


def learnt_from(spec: GeneratorSpec, asked: str) -> Learnt:
    """What is known of a row: from its weights, and for one that needs none, that it has only the fold.

    Args:
        spec: of the row's generator.
        asked: the cohort of the run, as the user named it.

    Raises:
        UserError: the weights are damaged.
    """
    if spec.plugin is None:
        return Learnt(reason="given as files: nothing says which scans their generator was trained on")
    if spec.weights is None:
        return Learnt(FOLD)
    cohort = read_note(spec.weights).trained_on
    if not cohort:
        return Learnt(reason=f"its weights do not say whom they were trained on (trained_on in {COMPLETE})")
    if _source(cohort) is None:
        return Learnt(reason=f"trained on {cohort}, whose scans this run does not have")
    if cohort != asked:
        return Learnt(reason=f"trained on {cohort}, and the held-out scans are of {asked}: two populations")
    return Learnt(f"training people of {cohort}", cohort)


def _source(name: str) -> CohortSource | None:
    """A registered cohort that can give single training scans; None for others."""
    if name not in {plugin.name for plugin in registry.plugins("cohorts")}:
        return None
    source: CohortSource = registry.find("cohorts", name).load()()
    # Whether a class overrides a method, only Python can say.
    overridden = type(source).training_scans is not CohortSource.training_scans
    return source if overridden else None


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


class PrivacySets:
    """Features of training scans, of matched held-out scans and of people scanned twice; each computed once a run."""

    def __init__(
        self,
        cohort: SegmentedCohort,
        held_out: Sequence[int],
        learnt: Mapping[str, Learnt],
        spaces: Sequence[Space],
        features: Features,
    ) -> None:
        """Nothing is read yet.

        Args:
            cohort: the factual scans.
            held_out: rows of its table that no row of the run has seen: the reference.
            learnt: row -> what it learnt from.
            spaces: feature spaces.
            features: where features come from; its request gives the grid of embedded training people, and the seed of
                the noise of second scans.
        """
        self.cohort, self.held_out, self.learnt = cohort, list(held_out), learnt
        self.spaces, self.features = list(spaces), features
        self._sets: dict[tuple[str, tuple[str, ...]], tuple[SpaceFeatures, list[int]]] = {}

    def estimate(
        self, metric: OpenMetric, row: str, people: Sequence[str], made: np.ndarray, held_out: np.ndarray
    ) -> Estimate:
        """A metric of a row, or the reason why there is none.

        Args:
            metric: of `pcgm_bench.contracts.TrainingSets`.
            row: whose images.
            people: of the fold that it adapted to.
            made: features ``(n, d)`` of the row's images.
            held_out: features ``(m, d)`` of the held-out scans, in order.

        Returns:
            The metric's estimate, with ``n_training``, ``n_held_out`` and ``n_retest`` among its details.
        """
        learnt = self.learnt[row]
        if learnt.reason:
            return Estimate(reason=learnt.reason)
        key = (learnt.cohort, () if learnt.cohort else tuple(people))
        if key not in self._sets:
            self._sets[key] = self._training(*key)
        by_space, kept = self._sets[key]
        training = by_space[metric.space]
        second = self._second[metric.space] if self._twice else None
        if isinstance(training, PluginError) or isinstance(second, PluginError):
            return Estimate(reason=str(training if isinstance(training, PluginError) else second))
        retest = (held_out[self._twice], second) if second is not None else None
        estimate = metric.measure(TrainingSets(training, made, held_out[kept], retest, metric.space))
        sizes = {"n_training": len(training), "n_held_out": len(kept), "n_retest": len(self._twice)}
        return dataclasses.replace(estimate, note=learnt.who, details={**estimate.details, **sizes})

    def _training(self, cohort: str, people: tuple[str, ...]) -> tuple[SpaceFeatures, list[int]]:
        """Features of the training scans by space, and which of the held-out ones stand against them."""
        held_out = self.cohort.table.iloc[self.held_out]
        home = self.features.request.home
        scans: Cohort | TrainingScans = self.cohort.subset(people)
        if cohort:
            source = _source(cohort)
            drawn = None if source is None else source.training_scans(self.features.request.cohort.grid, home)
            assert drawn is not None, f"{cohort} has training scans, or the row has a reason"
            scans = drawn
        rows, kept = matched(scans.table, held_out)
        return self.features.of(factual_images(scans, rows, home), self.spaces), kept

    @cached_property
    def _twice(self) -> list[int]:
        """Which of the held-out people are scanned again: `RETESTS`, from the first to the last; none without truth."""
        if not self.cohort.has_truth:
            return []
        n = len(self.held_out)
        return [int(place) for place in np.linspace(0, n - 1, min(RETESTS, n)).round()]

    @cached_property
    def _second(self) -> SpaceFeatures:
        """Features by space of their second scans: the null intervention's truth, which is fresh noise alone."""
        scans = [self.cohort[self.held_out[place]] for place in self._twice]
        seed, home = self.features.request.seed, self.features.request.home
        # Drawn once for all spaces: drawing takes longer than reading.
        images = Images([partial(self.cohort.oracle, scan, {}, seed) for scan in scans], scratch=home)
        return self.features.of(images, self.spaces)
