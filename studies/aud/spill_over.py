"""What moved that should not have: change achieved minus change asked."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pcgm_bench.contracts import Estimate
from pcgm_bench.statistics.normal_mean import normal_mean
from pcgm_bench.studies.aud.pattern import UNAFFECTED
from pcgm_bench.studies.aud.sample import EXTRA
from pcgm_bench.studies.aud.sample import REGIONS
from pcgm_bench.studies.aud.sample import Sample

STILL: tuple[str, ...] = (UNAFFECTED, *EXTRA)
"""Regions of which no more may be moved than the diagnosis does: nothing, unless the truth is another."""


def spill_over(sample: Sample, asked: Sample | None, planted: Mapping[str, float]) -> dict[str, dict[str, Estimate]]:
    """Change achieved minus change asked, in per cent of the factual volume, by direction.

    Directions are kept apart: a generator that shrinks whatever it touches would average out over them.

    Args:
        sample: measured volumes of the counterfactual images.
        asked: the volumes that the method meant them to have; None if it does not say. Of regions that it does not
            mention (white matter, ventricles; without it also the occipital lobe) the truth is asked.
        planted: region -> true loss in per cent; regions that are not named stay.

    Returns:
        ``to patient`` and ``to control`` -> region -> mean excess with its 95 % interval. Regions that were asked of
        fewer than two people are left out.

    Raises:
        ValueError: the row of real scans has no counterfactuals.
    """
    if sample.counterfactual is None:
        raise ValueError("the row of real scans has no counterfactuals")
    excess = 100 * (sample.counterfactual - _wanted(sample, asked, planted)) / sample.real
    result: dict[str, dict[str, Estimate]] = {}
    for direction, who in (("to patient", ~sample.patient), ("to control", sample.patient)):
        by_region = {region: excess[who, k][~np.isnan(excess[who, k])] for k, region in enumerate(REGIONS)}
        result[direction] = {name: normal_mean(values) for name, values in by_region.items() if len(values) >= 2}
    return result


def _wanted(sample: Sample, asked: Sample | None, planted: Mapping[str, float]) -> np.ndarray:
    """Volumes ``(n, regions)`` that the counterfactuals should have; NaN where nobody said."""
    wanted = np.full_like(sample.real, np.nan)
    for region in STILL:
        k, kept = REGIONS.index(region), 1 - planted.get(region, 0.0) / 100
        wanted[:, k] = sample.real[:, k] * np.where(sample.patient, 1 / kept, kept)
    if asked is not None and asked.counterfactual is not None:
        place = {subject: i for i, subject in enumerate(asked.subjects)}
        for i, subject in enumerate(sample.subjects):
            if subject in place:
                meant = asked.counterfactual[place[subject]]
                wanted[i] = np.where(np.isnan(meant), wanted[i], meant)
    return wanted
