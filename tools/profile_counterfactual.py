"""One image of PCGM's row taken apart, beside the peak of this machine's convolutions, as a Markdown table.

    python tools/profile_counterfactual.py

Seconds are CPU seconds on one thread, so that a busy machine does not spoil them.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode
from torch.utils.flop_counter import conv_flop_count

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
    whole = sum(seconds for _name, seconds, _flops in steps)
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
    table = "\n".join("| " + " | ".join(line) + " |" for line in [header, ["---"] * len(header), *rows])
    return f"{said}\n\n{table}"


def main() -> None:
    """Command line."""
    print(f"{os.cpu_count()} cores, {torch.backends.cpu.get_cpu_capability()}, PyTorch {torch.__version__}\n")
    print(counterfactual_table())


if __name__ == "__main__":
    main()
