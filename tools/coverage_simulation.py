"""Coverage of nominal 95 % intervals: ``python tools/coverage_simulation.py [DRAWS [DRAWS_OF_VOLUMES]]``.

Two samples of 40, alike and in four ways not; what is to be covered is the metric's mean over draws. Set metrics get
features in 8 dimensions (MS-SSIM a Gaussian kernel of two of them in place of itself: its interval asks for no more);
metrics of anatomy get volumes of 34 regions, head size taken out, that vary independently or have a share in common.
0 draws of a kind: not this table.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from pcgm_bench.anatomy import PARCELS
from pcgm_bench.contracts import Estimate
from pcgm_bench.metrics import ms_ssim
from pcgm_bench.metrics.cohens_d import CohensD
from pcgm_bench.metrics.fid import FID
from pcgm_bench.metrics.kid import KID
from pcgm_bench.metrics.mmd import MMD
from pcgm_bench.metrics.prdc import Coverage
from pcgm_bench.metrics.prdc import Density
from pcgm_bench.metrics.prdc import Precision
from pcgm_bench.metrics.prdc import Recall
from pcgm_bench.metrics.regions_wasserstein import RegionsWasserstein

N, D, REGIONS = 40, 8, 34
SEED = 13
FEATURES = {"alike": (1.0, 0.0), "shifted by 0.3": (1.0, 0.3), "shifted by 1": (1.0, 1.0),
            "collapsed to 0.6": (0.6, 0.0), "far": (1.0, 3.0)}  # fmt: skip
"""Spread of the made sample and shift of its first feature (of all, where it is far)."""
VOLUMES = {
    "alike": (1.0, 0.0),
    "shifted by 0.2": (1.0, 0.2),
    "shifted by 1": (1.0, 1.0),
    "collapsed to 0.6": (0.6, 0.0),
}
"""Spread and shift of every region, in s.d."""
QUICK = 5
"""Times as many draws for MS-SSIM: it does not see a shift, so that four lines are one number but for their draws."""
IN_COMMON = (0.0, 0.3)
"""Correlation of any two regions, head size held equal."""

Sample = tuple[Any, Any]


def features(scenario: str, rng: np.random.Generator) -> Sample:
    """Real and made features ``(N, D)``."""
    spread, shift = FEATURES[scenario]
    x, y = rng.normal(size=(2, N, D))
    where = np.ones(D) if scenario == "far" else np.eye(1, D)[0]
    return x, spread * y + shift * where


def volumes(scenario: str, in_common: float, rng: np.random.Generator) -> Sample:
    """Tables of real and made volumes, head size and no more: ``N`` rows each."""
    return _people(1.0, 0.0, in_common, rng), _people(*VOLUMES[scenario], in_common, rng)


def _people(spread: float, shift: float, in_common: float, rng: np.random.Generator) -> pd.DataFrame:
    head = rng.normal(1400, 100, N)
    own = np.sqrt(1 - in_common) * rng.normal(size=(N, REGIONS)) + np.sqrt(in_common) * rng.normal(size=(N, 1))
    region = 10 * head[:, None] / 1400 + spread * own + shift
    return pd.DataFrame(np.hstack([region, region]), columns=list(PARCELS)).assign(head_size=head)


def covered(metric: Callable[[Any, Any], Estimate], samples: Sequence[Sample]) -> tuple[float, float]:
    """Share of intervals that hold the mean of the values; mean half width over 1.96 s.d. of the values."""
    estimates = [metric(*sample) for sample in samples]
    value, low, high = np.array([[one.value, one.low, one.high] for one in estimates]).T
    mean = value.mean()
    # At the end of a range all values may be the same; the mean over draws has rounding errors then.
    inside = (low <= mean + 1e-9) & (mean - 1e-9 <= high)
    return float(inside.mean()), float((high - value).mean() / (1.96 * value.std())) if value.std() > 0 else np.nan


def within_features(real: np.ndarray, made: np.ndarray) -> Estimate:
    """MS-SSIM's difference within sets, with a kernel of features."""
    return ms_ssim.MSSSIM()(list(real), list(made))


def of_features(draws: int) -> None:
    """Print the table of set metrics."""
    ms_ssim.ms_ssim = lambda a, b: float(np.exp(-((a - b) ** 2).mean() / 2))
    metrics = {one.record.name: one() for one in (FID, KID, MMD, Precision, Recall, Density, Coverage)}
    print(f"| {draws} draws of {N} + {N} in {D} dimensions | {' | '.join(metrics)} | ms-ssim, {QUICK * draws} draws |")
    print("|---" * (2 + len(metrics)) + "|")
    for scenario in FEATURES:
        rng = np.random.default_rng(SEED)
        samples = [features(scenario, rng) for _ in range(QUICK * draws)]
        cells = [f"{100 * covered(metric, samples[:draws])[0]:.0f}" for metric in metrics.values()]
        cells.append(f"{100 * covered(within_features, samples)[0]:.0f}")
        print(f"| {scenario} | " + " | ".join(cells) + " |", flush=True)


def of_volumes(draws: int) -> None:
    """Print the table of metrics of anatomy: coverage, and in brackets how wide half an interval is for 1.96 s.d."""
    metrics = (CohensD, RegionsWasserstein)
    heads = [f"{m.record.name}, correlation {share:g}" for m in metrics for share in IN_COMMON]
    print(f"\n| {draws} draws of {N} + {N} people, {REGIONS} regions | " + " | ".join(heads) + " |")
    print("|---" * (1 + len(heads)) + "|")
    for scenario in VOLUMES:
        cells = []
        for metric in metrics:
            for share in IN_COMMON:
                rng = np.random.default_rng(SEED)
                inside, width = covered(metric(), [volumes(scenario, share, rng) for _ in range(draws)])
                cells.append(f"{100 * inside:.0f} ({width:.1f})")
        print(f"| {scenario} | " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    """Simulate and print two Markdown tables."""
    draws = [int(text) for text in sys.argv[1:3]]
    for kind, default, k in ((of_features, 300, 0), (of_volumes, 120, 1)):
        if count := draws[k] if len(draws) > k else default:
            kind(count)


if __name__ == "__main__":
    main()
