"""The contract of metrics, asked of every registered one: record, input by type, an estimate, determinism."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pcgm_bench import contracts
from pcgm_bench import registry
from pcgm_bench.anatomy import PARCELS
from pcgm_bench.contracts import Changes
from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import FeatureSets
from pcgm_bench.contracts import ImagesAndBands
from pcgm_bench.contracts import ImageSets
from pcgm_bench.contracts import MaskChanges
from pcgm_bench.contracts import Metric
from pcgm_bench.contracts import MetricRecord
from pcgm_bench.contracts import RoundTrips
from pcgm_bench.contracts import TrainingSets
from pcgm_bench.contracts import TrueChange
from pcgm_bench.contracts import TrueChanges
from pcgm_bench.contracts import Visits
from pcgm_bench.contracts import VolumeTables

METRICS = {plugin.name: plugin.load() for plugin in registry.plugins("metrics") if plugin.is_own}
BASES = [
    base
    for _, base in inspect.getmembers(contracts, inspect.isclass)
    if issubclass(base, Metric) and base is not Metric
]
PEOPLE = 12


def volumes(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(rng.normal(10, 1, (PEOPLE, 68)), columns=list(PARCELS))
    who = {"subject": [f"{k:02d}" for k in range(PEOPLE)], "sex": ["F", "M"] * (PEOPLE // 2)}
    return table.assign(
        **who, age=rng.uniform(20, 80, PEOPLE), head_size=rng.normal(1400, 90, PEOPLE), qc=rng.uniform(0.5, 1, PEOPLE)
    )


def changes() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    before = {"frontal": rng.uniform(150, 200, PEOPLE), "insula": rng.uniform(12, 16, PEOPLE)}
    dose = np.linspace(0.9, 1.1, PEOPLE)
    columns: dict[str, Any] = {
        "subject": [f"{k:02d}" for k in range(PEOPLE)],
        "asked_frontal": before["frontal"] * dose,
    }
    for name, start in before.items():
        columns[f"before_{name}"] = start
        columns[f"there_{name}"] = start * dose * np.exp(0.01 * rng.standard_normal(PEOPLE))
        columns[f"after_{name}"] = start * np.exp(0.01 * rng.standard_normal(PEOPLE))
    return pd.DataFrame(columns)


def visits() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    years = np.tile([1.0, 2.0, 3.0], PEOPLE)
    columns = {name: 20 * np.exp(0.02 * years + 0.01 * rng.standard_normal(len(years))) for name in ("real", "made")}
    return pd.DataFrame(
        {"subject": np.repeat([f"{k:02d}" for k in range(PEOPLE)], 3), "years": years, "baseline": 20.0, **columns}
    )


def true_changes() -> TrueChanges:
    """A cube of cortex (a parcel a half) in white matter, darker by a little; a person an image."""
    rng = np.random.default_rng(0)
    shape = (16, 16, 16)
    band = np.zeros(shape, bool)
    band[5:11, 5:11, 5:11] = True
    parcels = np.where(band, np.where(np.arange(16)[:, None, None] < 8, 1028, 1024), 0).astype(np.int16)
    tissue = np.where(np.indices(shape).max(axis=0) < 3, 3, -1).astype(np.int8)
    truths, made = [], []
    for k in range(PEOPLE):
        scan = (1 + 0.05 * rng.standard_normal(shape)).astype(np.float32)
        oracle = scan - np.float32(0.2) * band
        truths.append(TrueChange(f"{k:02d}", f"sub-{k:02d}", scan, oracle, np.ones(shape, bool), band, tissue, parcels))
        made.append(scan - np.float32(0.15) * band + rng.normal(0, 0.02, shape).astype(np.float32))
    return TrueChanges(truths, made)


def data() -> dict[type, Any]:
    """Input class -> a small valid input."""
    rng = np.random.default_rng(0)
    features = [rng.normal(size=(PEOPLE, 5)) for _ in range(5)]
    scans, made, back = (list(rng.uniform(0, 1, (6, 32, 32, 32)).astype(np.float32)) for _ in range(3))
    names = [str(k) for k in range(6)]
    masks = [list(rng.uniform(0, 1, (4, 2, 5, 5, 5))) for _ in range(3)]
    return {
        FeatureSets: FeatureSets(features[0], features[1], "space"),
        ImageSets: ImageSets(scans, made, names, names),
        VolumeTables: VolumeTables(volumes(0), volumes(1), "SynthSeg QC"),
        TrainingSets: TrainingSets(features[0], features[1], features[2], (features[3], features[4]), "space"),
        Visits: Visits(visits()),
        Changes: Changes(changes()),
        RoundTrips: RoundTrips(scans, made, back),
        ImagesAndBands: ImagesAndBands(scans, made, [scan > 0.5 for scan in scans]),
        MaskChanges: MaskChanges(*masks),
        TrueChanges: true_changes(),
    }


DATA = data()


def same(first: Estimate, second: Estimate) -> bool:
    """Equal to the bit, NaN to NaN."""
    return repr(first) == repr(second)


def test_the_contract_has_the_inputs_that_are_asked_here() -> None:
    assert {base.inputs for base in BASES} == set(DATA)


@pytest.mark.parametrize("base", BASES, ids=lambda base: base.__name__)
def test_every_input_of_the_contract_has_a_registered_metric(base: type) -> None:
    assert any(issubclass(metric, base) for metric in METRICS.values())


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_has_a_record_and_an_input_by_type(name: str) -> None:
    metric = METRICS[name]
    record = metric.record
    assert isinstance(record, MetricRecord)
    assert record.name == name
    assert record.direction in ("higher", "lower", "perfect")
    assert record.rule == ("paper" if name.startswith(("paper-", "ventricle-")) else "sound")
    assert record.range[0] < record.range[1]
    assert record.direction != "perfect" or np.isfinite(record.perfect)
    assert sum(issubclass(metric, base) for base in BASES) == 1
    assert metric.inputs in DATA


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_measures_a_valid_input_and_says_the_same_again(name: str) -> None:
    metric = METRICS[name]
    given = DATA[metric.inputs]
    first = metric().measure(given, seed=3)
    assert isinstance(first, Estimate)
    assert np.isfinite(first.value) or first.reason
    assert metric.record.range[0] <= first.value <= metric.record.range[1]
    assert first.n > 0
    assert all(isinstance(part, Estimate) for part in first.parts.values())
    numbers = [first.value, first.low, first.high, first.n, *first.details.values(), *first.by_unit.values()]
    assert all(isinstance(number, float | int) for number in numbers)
    assert same(first, metric().measure(given, seed=3))
    assert isinstance(metric().settings(given), str)


def test_an_instance_may_be_used_for_several_rows() -> None:
    """What it keeps of the real images does not leak into another row, or to other real images."""
    images = DATA[ImageSets]
    rows = [images.made, images.real, images.made]
    for name, metric in METRICS.items():
        if metric.inputs is not ImageSets:
            continue
        instance = metric()
        names = images.real_people
        for real, made in [*((images.real, row) for row in rows), (images.made, images.real)]:
            given = ImageSets(real, made, names, names)
            assert same(instance.measure(given), metric().measure(given)), name


def test_the_seed_reaches_what_is_drawn() -> None:
    """Metrics without resampling or random pairs say the same whatever the seed."""
    still = {name for name, m in METRICS.items() if same(*(m().measure(DATA[m.inputs], seed=k) for k in (0, 1)))}
    # Recall's interval is Wilson's here, which is wider than that from halves.
    assert still == {"own-nearest", "paper-mmd", "privacy", "qc-gate", "recall"}
