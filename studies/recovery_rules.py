"""From readings to slopes, bias, spill-over and verdicts of the recovery study; changes are log-changes in per cent.

None of it is a metric of its own: a region has a line through its own requests and the null ones, and its spill-over is
that beyond the oracle's of the same requests. What the metrics say of single requests is in `recovery_changes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import statsmodels.api as sm
from scipy import stats

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import Measurement
from pcgm_bench.statistics.bootstrap import replicate
from pcgm_bench.statistics.bootstrap import standard_error

READ = (*LOBE_NAMES, "white_matter", "ventricles")
"""Volumes that are looked at in every image."""
YIELDS: dict[str, frozenset[str]] = {"ventricles": frozenset({"white_matter"})}
"""What has to give way when a region changes, and is no spill-over. (Fluid gives way to cortex; `READ` lacks it.)"""
SLOPE = (0.9, 1.1)
BIAS = 1.0
"""Largest bias (%) at dose 0."""
SPILL = 1.0
"""Largest change (%) of another region for a change of 10 %, beyond the oracle's where there is one."""
REPLICATES = 500
RIGHT, WRONG, INCONCLUSIVE, IMPOSSIBLE = "right", "wrong", "inconclusive", "not possible"


@dataclass(frozen=True)
class Responses:
    """What became of a row's requests, one an image.

    Attributes:
        keys: ``subject``, ``session`` and request of every image: finds the oracle's image of the same request.
        regions: the region asked about; empty for the null intervention.
        doses: ``(n,)`` asked log-change of that region, %.
        before: ``(n, len(READ))`` every volume of the factual scan, mL.
        changes: ``(n, len(READ))`` measured log-change of every volume, %.
    """

    keys: tuple[tuple[str, str, str, float], ...]
    regions: np.ndarray
    doses: np.ndarray
    before: np.ndarray
    changes: np.ndarray

    @property
    def subjects(self) -> np.ndarray:
        """Whose each image is."""
        return np.array([key[0] for key in self.keys])

    def at(self, rows: np.ndarray) -> Responses:
        """These of the images (indices or a mask)."""
        places = np.arange(len(self.keys))[rows]
        keys = tuple(self.keys[place] for place in places)
        kept = (one[places] for one in (self.regions, self.doses, self.before, self.changes))
        return Responses(keys, *kept)


def responses(
    measurements: Sequence[Measurement], row: str, factual: Mapping[tuple[str, str], Mapping[str, float]]
) -> Responses:
    """The readings of a row against those of the scans they were made from; images without either are left out."""
    keys, regions, doses, volumes, changes = [], [], [], [], []
    for one in measurements:
        before = factual.get((one.subject, one.session))
        if one.row != row or before is None or len(one.do) > 1:
            continue
        pairs = [(one.volumes.get(name, 0.0), before.get(name, 0.0)) for name in READ]
        if not all(after > 0 and ago > 0 for after, ago in pairs):
            continue
        region, factor = next(iter(one.do.items()), ("", 1.0))
        keys.append((one.subject, one.session, region, float(factor)))
        regions.append(region)
        doses.append(100 * np.log(factor))
        volumes.append([ago for _, ago in pairs])
        changes.append([100 * np.log(after / ago) for after, ago in pairs])
    before_and_change = (np.array(one).reshape(-1, len(READ)) for one in (volumes, changes))
    return Responses(tuple(keys), np.array(regions, dtype=str), np.array(doses), *before_and_change)


def row_scores(found: Responses, regions: Sequence[str], oracle: Responses | None, seed: int) -> dict[str, Any]:
    """Everything about one row.

    Args:
        found: its readings.
        regions: that were asked about; one without readings is "not possible".
        oracle: the oracle's, unless this is the oracle or there is none.
        seed: of the bootstrap.
    """
    truth = _paired(found, oracle) if oracle is not None else None
    by_region = {region: _region(found, region, truth) for region in regions}
    verdicts = [one["verdict"] for one in by_region.values() if one["verdict"] != IMPOSSIBLE]
    overall = "fail" if WRONG in verdicts else "inconclusive" if INCONCLUSIVE in verdicts or not verdicts else "pass"
    return {
        "n": len(found.keys),
        "regions": by_region,
        "lobe_slope": _lobe_slope(found, seed),
        "oracle_error": None if truth is None else _oracle_error(found, truth),
        "spill": _largest_spill(by_region),
        "verdict": overall,
    }


def points(found: Responses, regions: Sequence[str]) -> dict[str, dict[str, list[float]]]:
    """Region -> ``asked`` and ``read`` log-changes (%), one an image: of its own requests, and of nothing (asked 0)."""
    result = {}
    for region in regions:
        here = found.at(np.isin(found.regions, [region, ""]))
        if (here.regions == region).any():
            read = here.changes[:, READ.index(region)]
            result[region] = {"asked": here.doses.tolist(), "read": read.tolist()}
    return result


def _paired(found: Responses, oracle: Responses) -> np.ndarray:
    """The oracle's changes for the same requests ``(n, len(READ))``; NaN where it has none."""
    known = dict(zip(oracle.keys, oracle.changes, strict=True))
    missing = np.full(len(READ), np.nan)
    return np.array([known.get(key, missing) for key in found.keys]).reshape(-1, len(READ))


def _region(found: Responses, region: str, truth: np.ndarray | None) -> dict[str, Any]:
    """One region: its slope with what belongs to it, bias, spill-over, and the three verdicts."""
    dosed = found.regions == region
    if dosed.sum() < 3 or len(np.unique(found.doses[dosed])) < 2:
        return {"n": int(dosed.sum()), "verdict": IMPOSSIBLE}
    here = dosed | (found.regions == "")
    mine, k = found.at(here), READ.index(region)
    x = np.where(mine.regions == region, mine.doses, 0.0)
    y = mine.changes[:, k]
    line = _line(x, y, mine.subjects)
    result: dict[str, Any] = {"n": int(dosed.sum()), "n_null": int((~dosed & here).sum()), **line}
    result["r"] = float(np.corrcoef(x, y)[0, 1]) if np.ptp(y) > 0 else None
    result["rms"] = _rms((y - x)[mine.regions == region])
    result["rms_nothing"] = _rms(x[mine.regions == region])
    result["bias"] = _mean(y[mine.regions == ""])
    other = [name for name in READ if name != region and name not in YIELDS.get(region, ())]
    excess = mine.changes - truth[here] if truth is not None else mine.changes
    whole = np.isfinite(excess).all(axis=1)
    if truth is not None and whole.sum() > 3:
        result["on_oracle"] = _line(truth[here][whole, k], y[whole], mine.subjects[whole])
        result["oracle_rms"] = _rms((y - truth[here][:, k])[whole & (mine.regions == region)])
    moved = {name: _line(x, mine.changes[:, READ.index(name)], mine.subjects) for name in READ if name != region}
    result["spill"] = {name: _per_ten(one) for name, one in moved.items()}
    beyond = {
        name: _per_ten(_line(x[whole], excess[whole, READ.index(name)], mine.subjects[whole]))
        for name in other
        if whole.sum() > 3 and len(np.unique(x[whole])) > 1
    }
    worst = max(beyond, key=lambda name: abs(beyond[name]["value"]), default=None)
    result["worst_spill"] = {"region": worst, **beyond[worst]} if worst is not None else None
    result["verdicts"] = {
        "slope": _slope_verdict(result),
        "bias": _within(result["bias"], -BIAS, BIAS),
        "spill": _all([_within(one, -SPILL, SPILL) for one in beyond.values()]),
    }
    result["verdict"] = _all(list(result["verdicts"].values()))
    return result


def _slope_verdict(result: Mapping[str, Any]) -> str:
    """Wrong, too, when the image is no nearer to what was asked than the scan it was made from."""
    if result["rms"] >= result["rms_nothing"]:
        return WRONG
    return _within({"value": result["slope"], "low": result["low"], "high": result["high"]}, *SLOPE)


def _within(cell: Mapping[str, Any], low: float, high: float) -> str:
    """Right: the whole interval is inside; wrong: it is outside altogether; else inconclusive.

    >>> _within({"low": 0.95, "high": 1.02}, 0.9, 1.1), _within({"low": 0.2, "high": 0.4}, 0.9, 1.1)
    ('right', 'wrong')
    """
    if not (np.isfinite(cell["low"]) and np.isfinite(cell["high"])):
        return INCONCLUSIVE
    if low <= cell["low"] and cell["high"] <= high:
        return RIGHT
    return WRONG if cell["low"] > high or cell["high"] < low else INCONCLUSIVE


def _all(verdicts: Sequence[str]) -> str:
    if WRONG in verdicts:
        return WRONG
    return INCONCLUSIVE if INCONCLUSIVE in verdicts or not verdicts else RIGHT


def _line(x: np.ndarray, y: np.ndarray, subjects: np.ndarray) -> dict[str, float]:
    """Least squares with intercept, 95 % t intervals; by clusters where a person has several images."""
    if np.ptp(y) == 0:  # a copied input does not move at all, and has no uncertainty either
        return {"slope": 0.0, "low": 0.0, "high": 0.0, "intercept": float(y[0])}
    model = sm.OLS(y, sm.add_constant(x))
    codes = np.unique(subjects, return_inverse=True)[1]
    repeated = codes.max() + 1 < len(subjects)
    fit = model.fit(cov_type="cluster", cov_kwds={"groups": codes}, use_t=True) if repeated else model.fit()
    low, high = fit.conf_int()[1]
    return {"slope": float(fit.params[1]), "low": float(low), "high": float(high), "intercept": float(fit.params[0])}


def _per_ten(line: Mapping[str, float]) -> dict[str, float]:
    return {"value": 10 * line["slope"], "low": 10 * line["low"], "high": 10 * line["high"]}


def _mean(values: np.ndarray) -> dict[str, Any]:
    """Mean, its 95 % t interval, the standard deviation, and n; NaN where there are too few."""
    n = len(values)
    mean = float(values.mean()) if n else float("nan")
    sd = float(values.std(ddof=1)) if n > 1 else float("nan")
    half = float(stats.t.ppf(0.975, n - 1)) * sd / np.sqrt(n) if n > 1 else float("nan")
    return {"value": mean, "low": mean - half, "high": mean + half, "sd": sd, "n": n}


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt((values**2).mean())) if len(values) else float("nan")


def _lobe_slope(found: Responses, seed: int) -> dict[str, Any] | None:
    """Mean slope of the lobes that were dosed, with an interval by bootstrap over the images of each lobe."""
    lobes = [lobe for lobe in LOBE_NAMES if len(np.unique(found.doses[found.regions == lobe])) > 1]
    used = np.flatnonzero(np.isin(found.regions, [*lobes, ""]))
    if not lobes:
        return None

    def mean_slope(rows: np.ndarray, _rng: np.random.Generator | None = None) -> np.ndarray:
        slopes = []
        for lobe in lobes:
            here = used[rows][np.isin(found.regions[used[rows]], [lobe, ""])]
            x = np.where(found.regions[here] == lobe, found.doses[here], 0.0)
            x = x - x.mean()
            slopes.append(x @ found.changes[here, READ.index(lobe)] / (x @ x) if x.any() else np.nan)
        return np.array([np.nanmean(slopes)])

    value = float(mean_slope(np.arange(len(used)))[0])
    groups = np.unique(found.regions[used], return_inverse=True)[1]
    se = float(standard_error(replicate(mean_slope, groups, REPLICATES, seed), len(used), 2 * len(lobes))[0])
    half = float(stats.t.ppf(0.975, max(len(used) - 2 * len(lobes), 1))) * se
    return {"value": value, "low": value - half, "high": value + half, "n": len(used), "lobes": len(lobes)}


def _oracle_error(found: Responses, truth: np.ndarray) -> dict[str, Any] | None:
    """Mean absolute difference to the oracle's reading (%) of the region that was asked about, by person."""
    units: dict[str, list[float]] = {}
    for place, region in enumerate(found.regions):
        if region in READ and np.isfinite(truth[place]).all():
            k = READ.index(region)
            units.setdefault(found.keys[place][0], []).append(abs(float(found.changes[place, k] - truth[place, k])))
    if not units:
        return None
    by_unit = {name: float(np.mean(values)) for name, values in units.items()}
    return {**_mean(np.array(list(by_unit.values()))), "by_unit": by_unit}


def _largest_spill(by_region: Mapping[str, Any]) -> dict[str, Any] | None:
    """The largest spill-over of any region into any other, % per 10 %, as a size."""
    worst = [(region, one["worst_spill"]) for region, one in by_region.items() if one.get("worst_spill")]
    if not worst:
        return None
    region, cell = max(worst, key=lambda pair: abs(pair[1]["value"]))
    low, high = sorted([abs(cell["low"]), abs(cell["high"])])
    if cell["low"] < 0 < cell["high"]:
        low = 0.0
    return {"value": abs(cell["value"]), "low": low, "high": high, "n": by_region[region]["n"], "from": region,
            "into": cell["region"]}  # fmt: skip
