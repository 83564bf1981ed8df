"""A row of the recovery study as a whole: mean slope, error to the oracle, largest spill-over, verdict."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import Estimate
from pcgm_bench.results.verdict import Outcome
from pcgm_bench.results.verdict import VerdictPart
from pcgm_bench.statistics.bootstrap import replicate
from pcgm_bench.statistics.bootstrap import standard_error
from pcgm_bench.statistics.t_interval import mean_of
from pcgm_bench.studies.recovery.region_scores import IMPOSSIBLE
from pcgm_bench.studies.recovery.region_scores import INCONCLUSIVE
from pcgm_bench.studies.recovery.region_scores import RIGHT
from pcgm_bench.studies.recovery.region_scores import WRONG
from pcgm_bench.studies.recovery.region_scores import RegionScore
from pcgm_bench.studies.recovery.region_scores import score_region
from pcgm_bench.studies.recovery.region_scores import worst
from pcgm_bench.studies.recovery.requests import REGIONS
from pcgm_bench.studies.recovery.responses import MEASURED
from pcgm_bench.studies.recovery.responses import Responses
from pcgm_bench.studies.recovery.responses import paired

REPLICATES = 500
PASS, FAIL = "pass", "fail"
RANKS: Mapping[str, int] = {PASS: 2, "inconclusive": 1, FAIL: 0}
"""A row's verdict as a number, the greater the better."""
OF_PART: Mapping[Outcome, str] = {Outcome.PASS: RIGHT, Outcome.FAIL: WRONG, Outcome.CANNOT_DECIDE: INCONCLUSIVE}
NOTHING = Estimate()


@dataclass(frozen=True)
class RowScore:
    """One row.

    Attributes:
        images: how many.
        regions: one score a region, in the order of `REGIONS`.
        lobe_slope: mean slope of the lobes.
        oracle_error: mean absolute difference (%) to the oracle's measured change; nothing for the oracle itself.
        spill: largest spill-over of any region into any other (% per 10 %), as a size.
        spill_from: the region that was asked to change there.
        spill_into: the region that moved.
        where: whether the images changed in the right place; None where the truth is not known.
    """

    images: int
    regions: Sequence[RegionScore]
    lobe_slope: Estimate
    oracle_error: Estimate
    spill: Estimate
    spill_from: str
    spill_into: str
    where: VerdictPart | None = None

    @property
    def verdict(self) -> str:
        """``pass``, ``inconclusive`` or ``fail``; regions that are not possible do not count."""
        verdicts = [region.verdict for region in self.regions if region.verdict != IMPOSSIBLE]
        if self.where is not None and self.where.is_decidable:
            verdicts.append(OF_PART[self.where.outcome])
        verdict = worst(verdicts)
        return {RIGHT: PASS, WRONG: FAIL}.get(verdict, verdict)

    @property
    def reason(self) -> str:
        """Why the regions do not pass, in words, one example a part; empty where they do.

        ``slope: 6 of 7 regions, such as frontal: 0.46 [0.42, 0.51], 0.9 to 1.1 is needed``
        """
        verdict = worst([region.verdict for region in self.regions if region.verdict != IMPOSSIBLE])
        said = []
        for part in ("slope", "bias", "spill") if verdict != RIGHT else ():
            fits = {region.region: region.fit for region in self.regions if region.fit is not None}
            mine = [name for name, fit in fits.items() if fit.verdicts[part] == verdict]
            if mine:
                example = f"such as {mine[0]}: {fits[mine[0]].reason(part)}"
                said.append(f"{part}: {len(mine)} of {len(fits)} regions, {example}")
        return "; ".join(said)

    @property
    def by_oracle(self) -> Sequence[str]:
        """Regions whose slope is judged on the oracle's reading."""
        return [region.region for region in self.regions if region.fit is not None and region.fit.by_oracle]

    @property
    def right_less_wrong(self) -> int:
        """Right regions less wrong ones."""
        verdicts = [region.verdict for region in self.regions]
        return verdicts.count(RIGHT) - verdicts.count(WRONG)


def score_row(responses: Responses, oracle: Responses | None, seed: int) -> RowScore:
    """Score a row.

    Args:
        responses: its images.
        oracle: the oracle's, unless this is the oracle or there is none.
        seed: of the bootstrap.
    """
    truth = None if oracle is None else paired(responses, oracle)
    regions = [score_region(responses, region, truth) for region in REGIONS]
    spill, spill_from, spill_into = _largest_spill(regions)
    return RowScore(
        images=len(responses.keys),
        regions=regions,
        lobe_slope=_lobe_slope(responses, seed),
        oracle_error=NOTHING if truth is None else _oracle_error(responses, truth),
        spill=spill,
        spill_from=spill_from,
        spill_into=spill_into,
    )


def _lobe_slope(responses: Responses, seed: int) -> Estimate:
    """Mean slope of the lobes that were dosed, with an interval by bootstrap over the images of each lobe."""
    lobes = [lobe for lobe in LOBE_NAMES if responses.is_dosed(lobe)]
    used = np.flatnonzero(np.isin(responses.regions, [*lobes, ""]))
    if not lobes:
        return NOTHING

    def mean_slope(rows: np.ndarray, _rng: np.random.Generator | None = None) -> np.ndarray:
        slopes = []
        for lobe in lobes:
            here = used[rows][np.isin(responses.regions[used[rows]], [lobe, ""])]
            x = np.where(responses.regions[here] == lobe, responses.doses[here], 0.0)
            x = x - x.mean()
            slopes.append(x @ responses.changes[here, MEASURED.index(lobe)] / (x @ x) if x.any() else np.nan)
        return np.array([np.nanmean(slopes)])

    value = float(mean_slope(np.arange(len(used)))[0])
    groups = np.unique(responses.regions[used], return_inverse=True)[1]
    parameters = 2 * len(lobes)
    se = float(standard_error(replicate(mean_slope, groups, REPLICATES, seed), len(used), parameters)[0])
    half = float(stats.t.ppf(0.975, max(len(used) - parameters, 1))) * se
    return Estimate(value, value - half, value + half, len(used))


def _oracle_error(responses: Responses, truth: np.ndarray) -> Estimate:
    """Mean absolute difference to the oracle's change (%) of the region that was asked about, by person."""
    errors: dict[str, list[float]] = {}
    for place, region in enumerate(responses.regions):
        if region in MEASURED and np.isfinite(truth[place]).all():
            k = MEASURED.index(region)
            error = abs(float(responses.changes[place, k] - truth[place, k]))
            errors.setdefault(responses.keys[place][0], []).append(error)
    if not errors:
        return NOTHING
    by_person = {name: float(np.mean(values)) for name, values in errors.items()}
    mean = mean_of(np.array(list(by_person.values())))
    return Estimate(mean.value, mean.low, mean.high, mean.n, by_unit=by_person)


def _largest_spill(regions: Sequence[RegionScore]) -> tuple[Estimate, str, str]:
    """The largest spill-over of any region into any other as a size, and from where into where."""
    pairs = [
        (region, into, spill)
        for region in regions
        if region.fit is not None
        for into, spill in region.fit.beyond.items()
    ]
    if not pairs:
        return NOTHING, "", ""
    region, into, spill = max(pairs, key=lambda pair: abs(pair[2].value))
    low, high = sorted([abs(spill.low), abs(spill.high)])
    if spill.low < 0 < spill.high:
        low = 0.0
    return Estimate(abs(spill.value), low, high, region.n), region.region, into
