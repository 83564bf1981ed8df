"""The metrics of a run, by what they are given; a metric of features once for each feature space."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from pcgm_bench import registry
from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import FeatureExtractor
from pcgm_bench.contracts import FeatureSets
from pcgm_bench.contracts import ImageSets
from pcgm_bench.contracts import Job
from pcgm_bench.contracts import Metric
from pcgm_bench.contracts import MetricUse
from pcgm_bench.contracts import PluginError
from pcgm_bench.contracts import Study
from pcgm_bench.contracts import TrainingSets
from pcgm_bench.contracts import TrueChanges
from pcgm_bench.contracts import UserError
from pcgm_bench.contracts import VolumeMetric
from pcgm_bench.contracts import VolumeTables
from pcgm_bench.plugin_guard import WrongReturn
from pcgm_bench.plugin_guard import guarded
from pcgm_bench.runner.calling import calling
from pcgm_bench.runner.plugin_code import plugin_code
from pcgm_bench.runner.plugin_code import plugin_dependencies
from pcgm_bench.runner.request import RunRequest
from pcgm_bench.store.derivative_folder import DamagedFileError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Space:
    """A feature space of a run.

    Attributes:
        name: as registered.
        extractor: computes the features.
        plugin: where it comes from.
        code: hash of its code.
        dependencies: distribution -> version, of what it imports from others.
    """

    name: str
    extractor: FeatureExtractor
    plugin: registry.Plugin
    code: str
    dependencies: Mapping[str, str]


@dataclass(frozen=True)
class OpenMetric:
    """One metric of a run, in one feature space if it takes features.

    Attributes:
        name: in the results: ``ms-ssim``, ``fid (uncnn)``.
        metric: the instance; one for all rows, since it may keep what it knows of the real images.
        plugin: where it comes from.
        code: hash of its code.
        dependencies: distribution -> version, of what it imports from others.
        space: registered feature space, or empty.
        space_identity: of that space's extractor, or empty.
        space_code: hash of its code, or empty.
        settings: what else must be equal for two values to be compared: whose QC score is judged, by which threshold.
        is_added: whether the user added it to the study's.
    """

    name: str
    metric: Metric[Any]
    plugin: registry.Plugin
    code: str
    dependencies: Mapping[str, str]
    space: str = ""
    space_identity: str = ""
    space_code: str = ""
    settings: str = ""
    is_added: bool = False

    def measure(self, data: object, seed: int = 0) -> Estimate:
        """What it says of an input; an estimate with a reason where it fails: the other metrics live."""
        try:
            with calling(self.plugin, "measuring", DamagedFileError):
                try:
                    estimate = self.metric.measure(data, seed)
                except ValueError as error:  # by contract: data that it cannot use
                    return Estimate(reason=" ".join(str(error).split()))
                if not isinstance(estimate, Estimate):
                    raise WrongReturn(f"it returned {type(estimate).__name__}, not an Estimate")
                numbers = {"value": estimate.value, "low": estimate.low, "high": estimate.high, "n": estimate.n}
                for name, number in numbers.items():
                    if not isinstance(number, int | float | np.number):
                        raise WrongReturn(f"the {name} of its Estimate is of type {type(number).__name__}, no number")
            return estimate
        except PluginError as error:
            _say(str(error))
            return Estimate(reason=str(error))

    def judging(self, score: str, threshold: float | None) -> OpenMetric:
        """The same, once it is known whose QC score it will meet, and which threshold the user wants."""
        if self.metric.inputs is not VolumeTables:
            return self
        empty = VolumeTables(pd.DataFrame(), pd.DataFrame(), score, threshold)
        with guarded(self.plugin, "saying its settings"):
            return dataclasses.replace(self, settings=self.metric.settings(empty))

    @property
    def use(self) -> MetricUse:
        """What is said of it in results: its record, and what must be equal for two values to be compared."""
        record = self.metric.record
        where = f" in {self.space_identity}" if self.space else ""
        said = f" ({self.settings})" if self.settings else ""
        return MetricUse(self.name, record, f"{record.name}-{record.version}{where}{said}")

    @property
    def source(self) -> str:
        """Identity, package and code: what its values depend on."""
        return f"{self.use.identity} {self.plugin.distribution} {self.code} {self.space_code}"


@dataclass(frozen=True)
class OpenMetrics:
    """All metrics of a run.

    Attributes:
        rows: computed by the harness on a row's images.
        study: called by the study itself, by registered name.
        nulls: of nothing asked, again and again.
        round_trips: of a change that is undone.
        spaces: feature spaces.
    """

    rows: Sequence[OpenMetric] = ()
    study: Mapping[str, OpenMetric] = dataclasses.field(default_factory=dict)
    nulls: Sequence[OpenMetric] = ()
    round_trips: Sequence[OpenMetric] = ()
    spaces: Sequence[Space] = ()

    def judging(self, score: str, threshold: float | None) -> OpenMetrics:
        """See `OpenMetric.judging`."""
        return dataclasses.replace(self, rows=[metric.judging(score, threshold) for metric in self.rows])

    @property
    def everything(self) -> list[OpenMetric]:
        """All of them."""
        return [*self.rows, *self.study.values(), *self.nulls, *self.round_trips]

    @property
    def dependencies(self) -> dict[str, str]:
        """Distribution -> version, of what third parties' metrics and feature spaces import from others."""
        known: dict[str, str] = {}
        for metric in self.everything:
            known |= metric.dependencies
        for space in self.spaces:
            known |= space.dependencies
        return known

    @property
    def uses(self) -> dict[str, MetricUse]:
        """By name in the results."""
        return {metric.name: metric.use for metric in self.everything}


def open_metrics(study: Study, plugin: registry.Plugin, request: RunRequest) -> OpenMetrics:
    """What a study names, and what the user adds.

    Args:
        study: the protocol.
        plugin: where it comes from.
        request: the user's.

    Raises:
        UserError: unknown names, or a QC threshold that no metric asks for.
        PluginError: a metric or an extractor that cannot be made.
    """
    of = plugin.distribution
    names = dict.fromkeys([*study.feature_spaces, *request.features])
    spaces = [_space(name, request, "" if name in request.features else of) for name in names]
    rows: list[OpenMetric] = []
    called: dict[str, OpenMetric] = {}
    for name in dict.fromkeys([*study.metrics, *request.metrics]):
        added = name not in study.metrics
        metric = _metric(name, "" if added else of, is_added=added)
        if metric.metric.inputs in (FeatureSets, TrainingSets):
            if not spaces:
                raise UserError(f"--metrics +{name}: it needs a feature space; add one with --features +NAME")
            rows += [_in_space(metric, space) for space in spaces]
        elif metric.metric.inputs in (ImageSets, VolumeTables) or _has_changes(metric, study):
            rows.append(metric)
        elif metric.metric.inputs in study.makes_inputs:
            called[name] = metric
        else:
            kind = metric.metric.inputs.__name__
            raise UserError(f"metric {name!r} is given {kind}, which the study {request.study} does not have")
    if request.qc_threshold is not None and not any(
        isinstance(m.metric, VolumeMetric) and m.metric.uses_qc_threshold for m in rows
    ):
        raise UserError(f"--qc-threshold: the study {request.study} has no metric that asks for one; leave it out")
    nulls = [_metric(name, of) for name in study.null_metrics]
    return OpenMetrics(rows, called, nulls, [_metric(name, of) for name in study.round_trip_metrics], spaces)


def _has_changes(metric: OpenMetric, study: Study) -> bool:
    """Whether it asks where an image has changed, in a study of changed images."""
    return metric.metric.inputs is TrueChanges and study.job is Job.COUNTERFACTUAL


def _metric(name: str, of: str, *, is_added: bool = False) -> OpenMetric:
    plugin = registry.find("metrics", name, of)
    cls = plugin.load()
    with guarded(plugin, "making it"):
        metric: Metric[Any] = cls()
    code, depends = plugin_code(plugin, cls), plugin_dependencies(plugin, cls)
    return OpenMetric(name, metric, plugin, code, depends, is_added=is_added)


def _in_space(metric: OpenMetric, space: Space) -> OpenMetric:
    return dataclasses.replace(
        metric,
        name=f"{metric.name} ({space.name})",
        # An instance of its own: what a metric keeps of the real images is of one space.
        metric=type(metric.metric)(),
        space=space.name,
        space_identity=space.extractor.identity,
        space_code=space.code,
    )


def _space(name: str, request: RunRequest, of: str) -> Space:
    plugin = registry.find("features", name, of)
    cls = plugin.load()
    with guarded(plugin, "opening it"):
        extractor: FeatureExtractor = cls.open(request.device, request.threads)
        identity = extractor.identity
    if not identity:
        raise UserError(f"feature space {name!r} has no identity; the package {plugin.origin} must give one")
    return Space(name, extractor, plugin, plugin_code(plugin, cls), plugin_dependencies(plugin, cls))


@cache
def _say(problem: str) -> None:
    """Warn once of what a metric does wrong, however many rows it fails on."""
    log.warning("%s", problem)
