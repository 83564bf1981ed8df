"""What moved that should not have: change achieved minus change asked."""

from __future__ import annotations

import numpy as np

from pcgm_bench.contracts import Estimate
from pcgm_bench.statistics.normal_mean import normal_mean
from pcgm_bench.studies.aud.pattern import UNAFFECTED
from pcgm_bench.studies.aud.sample import EXTRA
from pcgm_bench.studies.aud.sample import REGIONS
from pcgm_bench.studies.aud.sample import Sample

STILL: tuple[str, ...] = (UNAFFECTED, *EXTRA)
"""Regions that the diagnosis must leave alone."""


def spill_over(sample: Sample, asked: Sample | None) -> dict[str, dict[str, Estimate]]:
    """Change achieved minus change asked, in per cent of the factual volume, by direction.

    Directions are kept apart: a generator that shrinks whatever it touches would average out over them.

    Args:
        sample: measured volumes of the counterfactual images.
        asked: the volumes that the method meant them to have; None if it does not say. Regions it does not mention
            (white matter, ventricles) were asked to stay; of the lobes, without it, only the occipital was.

    Returns:
        ``to patient`` and ``to control`` -> region -> mean excess with its 95 % interval. Regions that were asked of
        fewer than two people are left out.

    Raises:
        ValueError: the row of real scans has no counterfactuals.
    """
    if sample.counterfactual is None:
        raise ValueError("the row of real scans has no counterfactuals")
    excess = 100 * (sample.counterfactual - _wanted(sample, asked)) / sample.real
    result: dict[str, dict[str, Estimate]] = {}
    for direction, who in (("to patient", ~sample.patient), ("to control", sample.patient)):
        by_region = {region: excess[who, k][~np.isnan(excess[who, k])] for k, region in enumerate(REGIONS)}
        result[direction] = {name: normal_mean(values) for name, values in by_region.items() if len(values) >= 2}
    return result


def _wanted(sample: Sample, asked: Sample | None) -> np.ndarray:
    """Volumes ``(n, regions)`` that the counterfactuals should have; NaN where nobody said."""
    wanted = np.full_like(sample.real, np.nan)
    still = [REGIONS.index(region) for region in STILL]
    wanted[:, still] = sample.real[:, still]
    if asked is not None and asked.counterfactual is not None:
        place = {subject: i for i, subject in enumerate(asked.subjects)}
        for i, subject in enumerate(sample.subjects):
            if subject in place:
                meant = asked.counterfactual[place[subject]]
                wanted[i] = np.where(np.isnan(meant), wanted[i], meant)
    return wanted
