"""Is the counterfactual still the same person: error to the oracle, and what moved that should not have."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from pcgm_bench.statistics.bootstrap import percentiles
from pcgm_bench.statistics.bootstrap import replicate
from pcgm_bench.studies.aud_rules import UNAFFECTED
from pcgm_bench.studies.aud_sample import EXTRA
from pcgm_bench.studies.aud_sample import LOBES
from pcgm_bench.studies.aud_sample import REGIONS
from pcgm_bench.studies.aud_sample import Sample

ERROR_SHARE = 0.5
"""A counterfactual has to come at least twice as near to the oracle as the unchanged scan does."""

CORRELATION = 0.5
"""Without an oracle: least correlation of factual and counterfactual volumes (age, sex, head size held equal)."""

OWN_NEAREST = 0.99
"""Least share of counterfactual images whose nearest factual scan is the person's own."""

REPLICATES = 500


def oracle_error(sample: Sample, oracle: Sample, seed: int) -> dict[str, dict[str, float]]:
    """How far each person's counterfactual is from the oracle's, both read by the same segmenter.

    Returns:
        Lobe -> ``rms`` in per cent of the oracle's volume with its 95 % interval (``low``, ``high``), and ``n``.
    """
    error, patient = _against(sample, oracle)
    drawn = replicate(lambda i, _rng: np.sqrt((error[i] ** 2).mean(axis=0)), patient, REPLICATES, seed)
    low, high = percentiles(drawn)
    rms = np.sqrt((error**2).mean(axis=0))
    return {
        lobe: {"rms": float(rms[k]), "low": float(low[k]), "high": float(high[k]), "n": len(error)}
        for k, lobe in enumerate(LOBES)
    }


def _against(sample: Sample, oracle: Sample) -> tuple[np.ndarray, np.ndarray]:
    place = {subject: i for i, subject in enumerate(oracle.subjects)}
    shared = [i for i, subject in enumerate(sample.subjects) if subject in place]
    truth = oracle.other_lobes[[place[sample.subjects[i]] for i in shared]]
    return 100 * (sample.other_lobes[shared] / truth - 1), sample.patient[shared]


def spill_over(sample: Sample, asked: Sample | None) -> dict[str, dict[str, dict[str, float]]]:
    """Change achieved minus change asked, in per cent of the factual volume, by direction.

    Directions are kept apart: a generator that shrinks whatever it touches would average out over them.

    Args:
        sample: readings of the counterfactual images.
        asked: the volumes that the method meant them to have; None if it does not say. Regions it does not mention
            (white matter, ventricles) were asked to stay; of the lobes, without it, only the occipital was.

    Returns:
        ``to patient`` and ``to control`` -> region -> ``excess`` with a 95 % interval, and ``n``.
    """
    if sample.counterfactual is None:
        raise ValueError("the row of real scans has no counterfactuals")
    wanted = np.full_like(sample.real, np.nan)
    still = [REGIONS.index(region) for region in (UNAFFECTED, *EXTRA)]
    wanted[:, still] = sample.real[:, still]
    if asked is not None and asked.counterfactual is not None:
        place = {subject: i for i, subject in enumerate(asked.subjects)}
        for i, subject in enumerate(sample.subjects):
            if subject in place:
                meant = asked.counterfactual[place[subject]]
                wanted[i] = np.where(np.isnan(meant), wanted[i], meant)
    excess = 100 * (sample.counterfactual - wanted) / sample.real
    result: dict[str, dict[str, dict[str, float]]] = {}
    for direction, who in (("to patient", ~sample.patient), ("to control", sample.patient)):
        cells: dict[str, dict[str, float]] = {}
        for k, region in enumerate(REGIONS):
            values = excess[who, k]
            values = values[~np.isnan(values)]
            if len(values) < 2:
                continue
            half = 1.96 * values.std(ddof=1) / np.sqrt(len(values))
            mean = float(values.mean())
            cells[region] = {"excess": mean, "low": mean - half, "high": mean + half, "n": len(values)}
        result[direction] = cells
    return result


def same_person(
    paired: Mapping[str, Mapping[str, Mapping[str, float]]],
    errors: Mapping[str, Mapping[str, float]] | None,
    unchanged: Mapping[str, Mapping[str, float]] | None,
    affected: Sequence[str],
    nearest: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Decide whether the counterfactuals show the people they were made from.

    A random patient in place of every control has the right group means, and passes every comparison of groups; only
    a comparison person by person can refuse it.

    Args:
        paired: `sound_rule`'s ``paired``: column -> lobe -> ``r``.
        errors: `oracle_error` of this row; None without an oracle.
        unchanged: `oracle_error` of the input copied, for scale.
        affected: lobes in which the oracle differs from the input.
        nearest: share of images whose nearest factual scan is the person's own, as ``value``; None without images.

    Returns:
        ``passed``, the ``criterion`` used, and ``worst``: the lobe that decides and its value.
    """
    verdict = _by_volumes(paired, errors, unchanged, affected)
    if nearest is not None and nearest["value"] < OWN_NEAREST:
        verdict["passed"] = False
    return verdict


def _by_volumes(
    paired: Mapping[str, Mapping[str, Mapping[str, float]]],
    errors: Mapping[str, Mapping[str, float]] | None,
    unchanged: Mapping[str, Mapping[str, float]] | None,
    affected: Sequence[str],
) -> dict[str, Any]:
    if errors and unchanged and affected:
        shares = {lobe: errors[lobe]["rms"] / unchanged[lobe]["rms"] for lobe in affected}
        lobe = max(shares, key=lambda name: np.nan_to_num(shares[name], nan=np.inf))
        criterion = f"error to the oracle <= {ERROR_SHARE:g} of the unchanged scan's, every affected lobe"
        return {
            "passed": bool(shares[lobe] <= ERROR_SHARE),
            "criterion": criterion,
            "worst": {"lobe": lobe, "value": shares[lobe]},
        }
    lows = {lobe: min(column[lobe]["r"] for column in paired.values()) for lobe in LOBES}
    known = {lobe: r for lobe, r in lows.items() if not np.isnan(r)}
    if not known:
        return {"passed": False, "criterion": "no counterfactual volumes", "worst": None}
    lobe = min(known, key=lambda name: known[name])
    return {
        "passed": bool(known[lobe] >= CORRELATION),
        "criterion": f"correlation with the factual volumes >= {CORRELATION:g}, every lobe",
        "worst": {"lobe": lobe, "value": known[lobe]},
    }
