"""Does the MGD do what the mask says? ``python tools/dose_response_check.py --home HOME --seed 12``.

Phantom scans get counterfactual masks with lobes that are asked for directly, without the PGM: the factual mask (the
null intervention), every lobe changed at random by up to 10 % either way (the dose-response), and all lobes made 5 %
smaller or larger together, as a disease does. The run's segmenter reads what comes out. Settings are chosen on seeds
of 10 and above; seeds 0 to 2 are for reporting.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.cohort.phantom.make import ensure
from pcgm_bench.cohort.phantom.recipe import QUICK
from pcgm_bench.cohort.phantom.recipe import Recipe
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import Segmenter
from pcgm_bench.methods.pcgm.cmg.fractional import counterfactual_fractions
from pcgm_bench.methods.pcgm.generator import PCGM
from pcgm_bench.methods.pcgm.mgd.conditions import mask_of
from pcgm_bench.methods.pcgm.mgd.config import MGDConfig
from pcgm_bench.methods.pcgm.mgd.controlnet import control_mask
from pcgm_bench.methods.pcgm.mgd.model import MGD
from pcgm_bench.methods.pcgm.mgd.phantom import PHANTOM
from pcgm_bench.segmenters.unet.fitting.make import scan_of
from pcgm_bench.segmenters.unet.fitting.validate import states
from pcgm_bench.segmenters.unet.segmenter import UNetSegmenter
from pcgm_bench.training.people import condition_of

DOSE = 0.10
TOGETHER = (-0.05, 0.05)
"""Log-changes that all lobes get at once."""
NAMES = (*LOBE_NAMES, "white_matter", "ventricles")


def dosed(mgd: MGD, scan: Scan, ratios: dict[str, float]) -> np.ndarray:
    """The scan with its lobes at ``ratios`` of their volume, metadata as they are."""
    segmentation = scan.segmentation
    assert segmentation is not None
    condition = condition_of(scan, mgd.config.metadata)
    mask = control_mask(counterfactual_fractions(segmentation.fractions, ratios).fractions)
    return np.maximum(mgd.counterfactual(scan.image, condition, mask_of(scan), condition, mask, 0), 0)


def changes(mgd: MGD, segmenter: Segmenter, scans: list[Scan], seed: int, doses: int) -> tuple[np.ndarray, np.ndarray]:
    """Asked and measured log-changes (%): ``(people, 1 + doses + 2, 6)`` and ``(people, 1 + doses + 2, len(NAMES))``.

    First the factual mask, then the random doses, last all lobes together.
    """
    asked, measured = [], []
    for number, plain in enumerate(scans):
        scan = dataclasses.replace(plain, segmentation=segmenter.segment(plain))
        assert scan.segmentation is not None
        before = np.log([scan.segmentation.volumes[name] for name in NAMES])
        rng = np.random.default_rng([seed, 47, number])
        plans: list[np.ndarray] = [np.zeros(len(LOBE_NAMES)), *rng.uniform(-DOSE, DOSE, (doses, len(LOBE_NAMES)))]
        plans += [np.full(len(LOBE_NAMES), dose) for dose in TOGETHER]
        rows = []
        for plan in plans:
            image = dosed(mgd, scan, dict(zip(LOBE_NAMES, np.exp(plan).tolist(), strict=True)))
            reading = segmenter.segment(dataclasses.replace(plain, image=image))
            rows.append(np.log([reading.volumes[name] for name in NAMES]) - before)
        asked.append(np.array(plans))
        measured.append(np.array(rows))
    return 100 * np.array(asked), 100 * np.array(measured)


def through_latent(
    mgd: MGD, segmenter: Segmenter, home: Path, seed: int, people: int, doses: int
) -> tuple[np.ndarray, np.ndarray]:
    """As `changes`, for the latent of the true changed image; asked is what the segmenter reads in that image."""
    asked, measured = [], []
    for contrast, anatomies in states(home, seed, people):
        scans = [scan_of(anatomy, contrast, contrast + 100) for anatomy in anatomies[: 1 + doses]]
        true = [segmenter.segment(scan).volumes for scan in scans]
        before = np.log([true[0][name] for name in NAMES])
        start = mgd.invert_image(scans[0].image, mgd.encode(scans[0].image))
        images = [np.maximum(mgd.decode(mgd.encode(scan.image), start), 0) for scan in scans]
        read = [segmenter.segment(dataclasses.replace(scans[0], image=image)).volumes for image in images]
        asked.append(np.log([[volumes[lobe] for lobe in LOBE_NAMES] for volumes in true]) - before[: len(LOBE_NAMES)])
        measured.append(np.log([[volumes[name] for name in NAMES] for volumes in read]) - before)
    return 100 * np.array(asked), 100 * np.array(measured)


def report(asked: np.ndarray, measured: np.ndarray) -> pd.DataFrame:
    """Null bias and s.d. (%), slope of the dose-response (all lobes in one regression), residual, spill, joint slope.

    ``spill`` is by how much (%) another lobe's change of 10 % moves this volume at most; ``together`` is the slope
    where all lobes are asked for the same change.
    """
    null = measured[:, 0]
    moved = measured[:, 1:] - measured[:, :1]
    joint = np.ptp(asked[:, 1:], axis=2) == 0
    x, y = asked[:, 1:][~joint], moved[~joint]
    slopes = np.linalg.lstsq(x, y, rcond=None)[0]
    at_once = asked[:, 1:, 0][joint]
    rows = []
    for k, name in enumerate(NAMES):
        lobe = k < len(LOBE_NAMES)
        own = slopes[k, k] if lobe else np.nan
        others = np.delete(slopes[:, k], k) if lobe else slopes[:, k]
        together = at_once @ moved[joint][:, k] / (at_once @ at_once) if lobe and joint.any() else np.nan
        rows.append({
            "volume": name, "null bias %": null[:, k].mean(), "null s.d. %": null[:, k].std(ddof=1), "slope": own,
            "residual s.d. %": (y - x @ slopes)[:, k].std(), "spill %": 10 * np.abs(others).max(), "together": together,
        })  # fmt: skip
    return pd.DataFrame(rows).set_index("volume")


def with_settings(config: MGDConfig, settings: list[str]) -> MGDConfig:
    """Sampler settings changed: ``sampler.steps=10``, ``sampler.lobe_guidance=3,3,3,3,2,3``."""
    for setting in settings:
        where, _, text = setting.partition("=")
        part, _, name = where.partition(".")
        samplers = {"sampler": config.sampler, "decoder_sampler": config.decoder_sampler, "drawing": config.drawing}
        old = dataclasses.asdict(samplers[part])[name]
        new: object = text == "True" if isinstance(old, bool) else type(old)(text)
        if isinstance(old, tuple):
            new = tuple(float(number) for number in text.split(",") if number)
        config = dataclasses.replace(config, **{part: dataclasses.replace(samplers[part], **{name: new})})
    return config


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=12, help="of the phantom cohort (0-2 are for reporting)")
    parser.add_argument("--people", type=int, default=10)
    parser.add_argument("--doses", type=int, default=2)
    parser.add_argument("--weights", type=Path, default=PCGM.weights_folder)
    parser.add_argument("--home", type=Path, required=True, help="keeps the phantom cohort")
    parser.add_argument("--latent", action="store_true", help="give the decoder the latent of the true image")
    parser.add_argument("--set", action="append", default=[], help="sampler.steps=10 and the like")
    options = parser.parse_args()
    torch.set_num_threads(2)
    mgd = MGD.load(options.weights, with_settings(PHANTOM, options.set))
    started = time.monotonic()
    if options.latent:
        n = options.people
        asked, measured = through_latent(mgd, UNetSegmenter(), options.home, options.seed, n, min(options.doses, 2))
    else:
        cohort = ensure(Recipe(seed=options.seed, per_group=QUICK), options.home)
        scans: list[Scan] = [cohort[k] for k in range(min(options.people, len(cohort)))]
        asked, measured = changes(mgd, UNetSegmenter(), scans, options.seed, options.doses)
    images = asked.shape[0] * asked.shape[1]
    seconds = (time.monotonic() - started) / images
    what = "latents of true images" if options.latent else "masks"
    print(f"seed {options.seed}, {len(asked)} people, {images} {what}, {options.set}, {seconds:.1f} s an image")
    print(report(asked, measured).round(3).to_string(), flush=True)


if __name__ == "__main__":
    main()
