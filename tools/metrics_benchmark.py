"""Times set metrics against medmetric (on MONAI) on the same arrays: ``python tools/metrics_benchmark.py [N]``.

Features are random (N x 2048), volumes random (56 x 64 x 56). What both have is timed without an interval, by turns,
and the median of five runs is given; the rest is timed once. Prints a Markdown table; needs the development packages.
"""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from medmetric.metrics import fid as med_fid
from medmetric.metrics import mmd as med_mmd
from medmetric.metrics.msssim import MS_SSIM

from pcgm_bench.features.medicalnet import network
from pcgm_bench.features.segmenter import SegmenterEncoder
from pcgm_bench.features.uncnn import UncnnExtractor
from pcgm_bench.metrics.fid import FID
from pcgm_bench.metrics.fid import frechet
from pcgm_bench.metrics.kid import KID
from pcgm_bench.metrics.mmd import MMD
from pcgm_bench.metrics.mmd import ImageMMD
from pcgm_bench.metrics.mmd import gaussian_mmd
from pcgm_bench.metrics.ms_ssim import KERNEL
from pcgm_bench.metrics.ms_ssim import SCALES
from pcgm_bench.metrics.ms_ssim import ms_ssim
from pcgm_bench.metrics.prdc import Coverage
from pcgm_bench.metrics.prdc import Density
from pcgm_bench.metrics.prdc import Precision
from pcgm_bench.metrics.prdc import Recall
from pcgm_bench.statistics.distances import squared_distances
from pcgm_bench.statistics.image_similarity import SCALE_WEIGHTS

SHAPE = (56, 64, 56)
PAIRS = 10
RUNS = 5


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def by_turns(ours: Callable[[], object], theirs: Callable[[], object]) -> tuple[float, float]:
    """Median wall time of each: whatever else the machine does meets both alike."""
    times = [(seconds(ours), seconds(theirs)) for _ in range(RUNS)]
    return statistics.median(one for one, _ in times), statistics.median(other for _, other in times)


def mmd_value(x: np.ndarray, y: np.ndarray) -> float:
    """The MMD alone, as `MMD` takes it."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    distances = squared_distances(x, x), squared_distances(y, y), squared_distances(x, y)
    return gaussian_mmd(*distances)(np.arange(len(x)), np.arange(len(y)))


def main() -> None:
    """Time and print."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    torch.set_num_threads(2)
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=(n, 2048)).astype(np.float32) for _ in range(2))
    a, b = torch.from_numpy(x).double(), torch.from_numpy(y).double()
    everybody = np.arange(n)
    rows: list[tuple[str, float | None, float | None]] = []
    rows.append(("FID, value", *by_turns(lambda: frechet(x, y)(everybody, everybody), lambda: med_fid.FID()(b, a))))
    rows.append(("FID, value and interval (200 halves)", seconds(lambda: FID()(x, y)), None))
    rows.append(("MMD, value", *by_turns(lambda: mmd_value(x, y), lambda: med_mmd.MMD()(b, a))))
    rows.append(("MMD, value and interval (200 halves)", seconds(lambda: MMD()(x, y)), None))
    rows.append(("KID with its interval", seconds(lambda: KID()(x, y)), None))
    four = (Precision, Recall, Density, Coverage)
    rows.append(("precision, recall, density, coverage", sum(seconds(lambda m=m: m()(x, y)) for m in four), None))
    volumes = [rng.random(SHAPE, dtype=np.float32) for _ in range(2 * PAIRS)]
    weights = tuple(np.array(SCALE_WEIGHTS[:SCALES]) / sum(SCALE_WEIGHTS[:SCALES]))
    theirs = MS_SSIM(spatial_dims=3, data_range=1.0, kernel_size=KERNEL, weights=weights)
    tensors = [torch.from_numpy(volume)[None, None] for volume in volumes]
    pairs = by_turns(
        lambda: [ms_ssim(volumes[i], volumes[i + PAIRS]) for i in range(PAIRS)],
        lambda: [theirs(tensors[i], tensors[i + PAIRS]) for i in range(PAIRS)],
    )
    rows.append((f"MS-SSIM, {PAIRS} pairs", *pairs))
    many = [rng.random(SHAPE, dtype=np.float32) for _ in range(n)]
    rows.append(("MMD of images with its interval", seconds(lambda: ImageMMD()(many, many[::-1])), None))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for extractor in (UncnnExtractor(), SegmenterEncoder()):
        brain = rng.random(SHAPE, dtype=np.float32)
        extractor.extract(brain)
        spent = seconds(lambda e=extractor, v=brain: [e.extract(v) for _ in range(5)]) / 5
        rows.append((f"features of one volume, {extractor.name}, one thread", spent, None))
    for depth in (50, 101):
        net = network(depth).eval()
        with torch.inference_mode():
            volume = torch.rand(1, 1, *SHAPE)
            net(volume)
            spent = seconds(lambda m=net, v=volume: m(v))
        rows.append((f"features of one volume, MedicalNet ResNet-{depth} (random weights), one thread", spent, None))
    torch.set_num_threads(threads)
    print(f"| n = {n} + {n}, d = 2048, two threads | pcgm-bench, s | medmetric + monai, s |")
    print("|---|---|---|")
    for name, own, other in rows:
        print(f"| {name} | {own:.2f} | {'' if other is None else f'{other:.2f}'} |")
    print(f"\nPeak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB")


if __name__ == "__main__":
    main()
