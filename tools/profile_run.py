"""Where the minutes of ``pcgm-bench run --method pcgm --study aud`` go, as Markdown tables.

    python tools/profile_run.py --quick                        # the stages, then one counterfactual taken apart
    python tools/profile_run.py --quick --only counterfactual

Every stage has wall seconds and CPU seconds (of this process and its children). On a busy machine read the CPU seconds.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import multiprocessing
import os
import platform
import tempfile
import time
from collections.abc import Callable
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode
from torch.utils.flop_counter import conv_flop_count

import pcgm_bench as pb
from pcgm_bench import registry
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.cohort.grid import grid
from pcgm_bench.cohort.phantom.draw import draw
from pcgm_bench.cohort.phantom.recipe import QUICK
from pcgm_bench.cohort.phantom.recipe import Recipe
from pcgm_bench.contracts import Scan
from pcgm_bench.methods.pcgm.generator import PCGM
from pcgm_bench.methods.pcgm.mgd.conditions import mask_of
from pcgm_bench.methods.pcgm.mgd.controlnet import control_mask
from pcgm_bench.store import DerivativeFolder
from pcgm_bench.store import ImageKey
from pcgm_bench.store import ImageRequest
from pcgm_bench.training.people import conditions_under

SIDE, CHANNELS = 64, 64
"""The dense convolution that stands for the machine's peak: 3 x 3 x 3, ``CHANNELS`` to ``CHANNELS``, ``SIDE``^3."""
REPEATS = 3


@dataclass
class Stage:
    """Seconds and items of one stage."""

    wall: float = 0.0
    cpu: float = 0.0
    items: int = 0


@dataclass
class StageClock:
    """A progress callback: the time between two reports belongs to the stage that the second one names."""

    stages: dict[str, Stage] = field(default_factory=dict)
    last: tuple[float, float] = field(default_factory=lambda: (time.perf_counter(), cpu_seconds()))

    def __call__(self, what: str, done: int, total: int) -> None:
        now = (time.perf_counter(), cpu_seconds())
        stage = self.stages.setdefault(what, Stage())
        stage.wall += now[0] - self.last[0]
        stage.cpu += now[1] - self.last[1]
        stage.items = max(stage.items, done)
        self.last = now


def cpu_seconds() -> float:
    """CPU seconds of this process, of its ended children, and of those that still run (Linux)."""
    running = [process.pid for process in multiprocessing.active_children()]
    spent = os.times()
    total = spent.user + spent.system + spent.children_user + spent.children_system
    for pid in running:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def stage_table(quick: bool, seed: int, workers: int) -> str:
    """Run PCGM through the AUD study in an empty home; one row a stage."""
    with tempfile.TemporaryDirectory(prefix="pcgm-bench-profile-") as home:
        clock = StageClock()
        pb.run("pcgm", "aud", quick=quick, seed=seed, workers=workers, home=home, progress=clock)
        clock("scores, tables, examples", 1, 1)
    whole = sum(stage.cpu for stage in clock.stages.values())
    rows = [
        [name, f"{s.wall:.1f}", f"{s.cpu:.1f}", f"{100 * s.cpu / whole:.1f} %", str(s.items), f"{s.cpu / s.items:.3f}"]
        for name, s in clock.stages.items()
        if s.items
    ]
    wall = sum(stage.wall for stage in clock.stages.values())
    rows.append(["**all**", f"{wall:.1f}", f"{whole:.1f}", "100 %", "", ""])
    return markdown(["stage", "wall s", "CPU s", "share of CPU", "items", "CPU s an item"], rows)


def one_person(home: Path) -> Scan:
    """The first person of the quick phantom, segmented."""
    recipe = dataclasses.replace(Recipe(), per_group=QUICK)
    visit = recipe.visits()[0]
    image, _anatomy = draw(recipe, visit, home)
    scan = visit.scan(image, grid(recipe.grid).affine)
    return dataclasses.replace(scan, segmentation=registry.get("segmenters", "unet")().segment(scan))


def timed(work: Callable[[], object]) -> tuple[float, int]:
    """CPU seconds of the quickest of some calls, after one that warms up; and floating-point operations of that one."""
    mapping = {torch.ops.aten.mkldnn_convolution: _convolution}
    with FlopCounterMode(display=False, custom_mapping=mapping) as counter:
        work()
    seconds = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds), int(counter.get_total_flops())


def _convolution(x: Sequence[int], weight: Sequence[int], *_rest: object, out_shape: list[int], **_more: object) -> int:
    return int(conv_flop_count(list(x), list(weight), out_shape))


def counterfactual_steps(home: Path) -> list[tuple[str, float, int]]:
    """Name, CPU seconds and floating-point operations of everything that one image of the method's row takes."""
    scan, method = one_person(home), PCGM()
    assert PCGM.weights_folder is not None
    method.load(PCGM.weights_folder)
    networks, do = method.networks, dict.fromkeys(LOBE_NAMES, 0.95)
    old, new = conditions_under(scan, {"diagnosis": "AUD"}, method.config.metadata)
    before, after = mask_of(scan), control_mask(method.counterfactual_mask(scan, do, 0).fractions)
    z = networks.encode(scan.image)
    z_k = networks.invert(z, old, before)
    changed = networks.regenerate(z_k, new, after, old, before)
    start = networks.invert_image(scan.image, z)
    image = networks.decode(changed, start)
    segmenter = registry.get("segmenters", "unet")()
    shown = dataclasses.replace(scan, image=image, segmentation=None)
    segmentation = segmenter.segment(shown)
    folder, wanted = DerivativeFolder(home / "images"), ImageRequest(ImageKey(scan.subject, ""), "profile")
    folder.write_image(wanted, image, scan.affine)
    steps: dict[str, Callable[[], object]] = {
        "CMG: the mask": lambda: method.counterfactual_mask(scan, do, 0),
        "encode": lambda: networks.encode(scan.image),
        "latent inversion (UNet + ControlNet)": lambda: networks.invert(z, old, before),
        "latent regeneration (UNet + ControlNet, guided)": lambda: networks.regenerate(z_k, new, after, old, before),
        "image inversion (decoder)": lambda: networks.invert_image(scan.image, z),
        "decode": lambda: networks.decode(changed, start),
        "write the image": lambda: folder.write_image(wanted, image, scan.affine),
        "read the image": lambda: folder.read_image(wanted.key),
        "segment the image": lambda: segmenter.segment(shown),
        "write the segmentation": lambda: folder.write_segmentation(wanted.key, segmentation, scan.affine),
    }
    return [(name, *timed(work)) for name, work in steps.items()]


def convolution_rate(_number: int = 0) -> float:
    """GFLOP/s of CPU time of a large dense fp32 convolution on one thread: what this processor can do at best."""
    torch.set_num_threads(1)
    x = torch.randn(1, CHANNELS, SIDE, SIDE, SIDE).to(memory_format=torch.channels_last_3d)
    weight = torch.randn(CHANNELS, CHANNELS, 3, 3, 3).contiguous(memory_format=torch.channels_last_3d)
    with torch.inference_mode():
        seconds, _ = timed(lambda: torch.mkldnn_convolution(x, weight, None, [1, 1, 1], [1, 1, 1], [1, 1, 1], 1))
    return 2 * 27 * CHANNELS**2 * SIDE**3 / seconds / 1e9


def counterfactual_table() -> str:
    """One image of the method's row taken apart, beside the peak of this machine's convolutions."""
    torch.set_num_threads(1)
    peak = convolution_rate()
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        both = list(pool.map(convolution_rate, range(2)))
    with tempfile.TemporaryDirectory(prefix="pcgm-bench-profile-") as home:
        steps = counterfactual_steps(Path(home))
    whole = math.fsum(seconds for _name, seconds, _flops in steps)
    steps.append(("**all**", whole, sum(flops for _name, _seconds, flops in steps)))
    rows = [
        [
            name,
            f"{s:.3f}",
            f"{100 * s / whole:.1f} %",
            f"{n / 1e9:.2f}",
            f"{n / s / 1e9:.0f}",
            f"{n / s / 1e9 / peak:.2f}",
        ]
        for name, s, n in steps
    ]
    header = ["step", "CPU s", "share", "GFLOP", "GFLOP/s", "of the peak"]
    rates = " and ".join(f"{rate:.0f}" for rate in both)
    said = f"Peak of a dense convolution: {peak:.0f} GFLOP/s on one thread; in two processes at once {rates} each."
    return f"{said}\n\n{markdown(header, rows)}"


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="20 + 20 people in place of 100 + 100")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", choices=["stages", "counterfactual"])
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, {torch.backends.cpu.get_cpu_capability()}, ", end="")
    print(f"PyTorch {torch.__version__}, load {os.getloadavg()[0]:.1f}\n")
    if options.only != "counterfactual":
        print(stage_table(options.quick, options.seed, options.workers), "\n", flush=True)
    if options.only != "stages":
        print(counterfactual_table())


if __name__ == "__main__":
    main()
