"""Coverage of the set metrics' nominal 95 % intervals: ``python tools/coverage_simulation.py [DRAWS]``.

Two samples of 40 in 8 dimensions, alike and in four ways not; what is to be covered is the metric's mean over draws.
"""

from __future__ import annotations

import sys

import numpy as np

from pcgm_bench.metrics.fid import FID
from pcgm_bench.metrics.kid import KID
from pcgm_bench.metrics.mmd import MMD
from pcgm_bench.metrics.prdc import Coverage
from pcgm_bench.metrics.prdc import Density
from pcgm_bench.metrics.prdc import Precision
from pcgm_bench.metrics.prdc import Recall

N, D = 40, 8
SCENARIOS = ("alike", "shifted by 0.3", "shifted by 1", "collapsed to 0.6", "far")


def pair(scenario: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Real and made features."""
    x, y = rng.normal(size=(2, N, D))
    first = np.eye(1, D)[0]
    made = {
        "alike": y,
        "shifted by 0.3": y + 0.3 * first,
        "shifted by 1": y + first,
        "collapsed to 0.6": 0.6 * y,
        "far": y + 3,
    }
    return x, made[scenario]


def main() -> None:
    """Simulate and print a Markdown table."""
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    metrics = (FID, KID, MMD, Precision, Recall, Density, Coverage)
    print(f"| {draws} draws of {N} + {N} in {D} dimensions | " + " | ".join(m.record.name for m in metrics) + " |")
    print("|---" * (1 + len(metrics)) + "|")
    for scenario in SCENARIOS:
        rng = np.random.default_rng(13)
        sets = [pair(scenario, rng) for _ in range(draws)]
        cells = []
        for metric in metrics:
            results = [metric()(*one) for one in sets]
            value, low, high = np.array([[one[key] for key in ("value", "low", "high")] for one in results]).T
            mean = value.mean()
            # At the end of a range all values may be the same; the mean over draws has rounding errors then.
            covered = (low <= mean + 1e-9) & (mean - 1e-9 <= high)
            cells.append(f"{100 * covered.mean():.0f}")
        print(f"| {scenario} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
