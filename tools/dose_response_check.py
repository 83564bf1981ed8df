"""Does a method do what is asked of a lobe? ``python tools/dose_response_check.py --home HOME --method pcgm``.

Lobes are asked for directly, without the PGM: none (the null intervention), every lobe changed at random by up to 10 %
either way (the dose-response), and all lobes made 5 % smaller or larger together, as a disease does. The run's
segmenter reads what comes out. The people are phantoms, or those of a BIDS folder (``--cohort``). Settings are chosen
on seeds of 10 and above; seeds 40 to 44 are for reporting.

``--where`` compares every image with the true one (an oracle with the scan's own noise, or the scan deformed): *where*
it has changed, and the slope of its readings on those of the true image, in which the segmenter's own error of slope
is not. On real scans one lobe at a time is asked for.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from pcgm_bench import registry
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.cohort import bids
from pcgm_bench.cohort.phantom.make import ensure
from pcgm_bench.cohort.phantom.recipe import QUICK
from pcgm_bench.cohort.phantom.recipe import Recipe
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Generator
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import Segmenter
from pcgm_bench.contracts import TrueChange
from pcgm_bench.methods.pcgm.generator import PCGM
from pcgm_bench.methods.pcgm.mgd.config import MGDConfig
from pcgm_bench.methods.pcgm.mgd.model import MGD
from pcgm_bench.methods.pcgm.mgd.phantom import PHANTOM
from pcgm_bench.methods.pcgm.mgd.trained import TrainedMGD
from pcgm_bench.metrics.band_share import BandShare
from pcgm_bench.metrics.change_map import ChangeCorrelation
from pcgm_bench.metrics.change_map import ChangeError
from pcgm_bench.runner.true_changes import true_change
from pcgm_bench.segmenters.unet.fitting.make import scan_of
from pcgm_bench.segmenters.unet.fitting.validate import states
from pcgm_bench.segmenters.unet.segmenter import UNetSegmenter

DOSE = 0.10
TOGETHER = (-0.05, 0.05)
"""Log-changes that all lobes get at once."""
SINGLE = (0.05, -0.1)
"""Log-changes of one lobe at a time, in turn over people and lobes: a thin cortex cannot grow by more everywhere."""
NAMES = (*LOBE_NAMES, "white_matter", "ventricles")


@dataclasses.dataclass
class Answers:
    """What was asked of some people, and what came of it.

    Attributes:
        asked: log-changes (%) of the six lobes, ``(people, plans, 6)``; the first plan asks for nothing.
        measured: as the segmenter reads the images, ``(people, plans, len(NAMES))``.
        true: as it reads the true images, where they were made.
        truths: of every image, where they were made.
        images: all but the first of every person, where there are truths.
    """

    asked: np.ndarray
    measured: np.ndarray
    true: np.ndarray
    truths: list[TrueChange]
    images: list[np.ndarray]


def plans_of(seed: int, number: int, doses: int, *, singly: bool) -> list[np.ndarray]:
    """Log-changes of the six lobes: none, then random doses and all together, or one lobe at a time."""
    nothing = np.zeros(len(LOBE_NAMES))
    if singly:
        changes = [SINGLE[(lobe + number) % 2] for lobe in range(len(LOBE_NAMES))]
        return [nothing, *(change * row for change, row in zip(changes, np.eye(len(LOBE_NAMES)), strict=True))]
    random = np.random.default_rng([seed, 47, number]).uniform(-DOSE, DOSE, (doses, len(LOBE_NAMES)))
    return [nothing, *random, *(np.full(len(LOBE_NAMES), dose) for dose in TOGETHER)]


def request_of(plan: np.ndarray) -> dict[str, float]:
    """The ``do`` of log-changes. A lobe that stands still is named too, so that no `do` is empty."""
    return dict(zip(LOBE_NAMES, np.exp(plan).tolist(), strict=True))


def answers(
    model: Generator, segmenter: Segmenter, cohort: Cohort, people: int, plans: list[list[np.ndarray]], *, where: bool
) -> Answers:
    """Ask a method for the plans of every person, and read its images."""
    asked, measured, true, truths, images = [], [], [], [], []
    for number in range(people):
        plain = cohort[number]
        scan = dataclasses.replace(plain, segmentation=segmenter.segment(plain))

        def read(image: np.ndarray, scan: Scan = scan) -> np.ndarray:
            assert scan.segmentation is not None
            volumes = segmenter.segment(dataclasses.replace(scan, image=image, segmentation=None)).volumes
            return np.log([volumes[name] / scan.segmentation.volumes[name] for name in NAMES])

        factual = cohort.truth(scan, {}) if where else None
        rows, true_rows = [], []
        for plan in plans[number]:
            do = request_of(plan)
            image = model.counterfactual(scan, do, 0)
            rows.append(read(image))
            if where:
                moved = {lobe: factor for lobe, factor in do.items() if factor != 1}
                oracle = cohort.oracle(scan, moved, None)
                true_rows.append(read(oracle))
            if factual is not None and plan.any():
                after = cohort.truth(scan, moved)  # right after its image: a deformation is kept until the next
                truths.append(true_change(scan.subject, f"{number}", (scan.image, oracle), factual, after))
                images.append(image)
        asked.append(np.array(plans[number]))
        measured.append(np.array(rows))
        true.append(np.array(true_rows))
    return Answers(100 * np.array(asked), 100 * np.array(measured), 100 * np.array(true), truths, images)


def where_line(found: Answers) -> str:
    """*Where*: correlation with the true change, gain, share in the band; and the slopes on the true readings."""
    correlation = ChangeCorrelation()(found.truths, found.images)
    error, share = ChangeError()(found.truths, found.images), BandShare()(found.truths, found.images)
    lobes = len(LOBE_NAMES)
    x = found.true[:, 1:, :lobes] - found.true[:, :1, :lobes]
    y = found.measured[:, 1:, :lobes] - found.measured[:, :1, :lobes]
    own = np.abs(found.asked[:, 1:]) > 0
    slopes = [float((x * y * own)[..., k].sum() / (x * x * own)[..., k].sum()) for k in range(lobes)]
    return (
        f"change map: r {correlation.value:.3f}, error {error.value:.3f}, gain {error.parts['gain'].value:.3f}, "
        f"in the band {share.value:.3f} (absolute {share.parts['absolute'].value:.3f})\n"
        "read on what is read in the true image: "
        + ", ".join(f"{lobe} {slope:.2f}" for lobe, slope in zip(LOBE_NAMES, slopes, strict=True))
    )


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
    """Sampler settings changed: ``sampler.steps=10``, ``sampler.shift_times=0.1,0.2``."""
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


def model_of(method: str, weights: Path | None, settings: list[str]) -> Generator:
    """A registered method with its weights, or those of a folder, and some settings of its sampler changed."""
    model: Generator = registry.get("methods", method)()
    folder = weights or model.weights_folder
    if folder is not None:
        model.load(folder)
    if settings:
        assert isinstance(model, TrainedMGD)
        # The instance's own: the networks are read with it when they are first needed.
        model.config = with_settings(model.config, settings)  # type: ignore[misc]
    return model


def people_of(options: argparse.Namespace) -> Cohort:
    """The phantoms of the seed, or the people of a folder."""
    if options.cohort is not None:
        return bids.read(options.cohort, options.map, options.home)
    return ensure(Recipe(seed=options.seed, per_group=QUICK, scanner=options.scanner), options.home)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=12, help="of the phantom cohort (40-44 are for reporting)")
    parser.add_argument("--people", type=int, default=10)
    parser.add_argument("--doses", type=int, default=2)
    parser.add_argument("--method", default="pcgm", help="a registered method that can set lobes")
    parser.add_argument("--weights", type=Path, default=None, help="of the method; default: those that ship")
    parser.add_argument("--home", type=Path, required=True, help="keeps the phantom cohort, and aligned scans")
    parser.add_argument("--scanner", default="default", help="of the phantoms: default, A, B, C")
    parser.add_argument("--cohort", type=Path, default=None, help="BIDS folder of real scans, in place of phantoms")
    parser.add_argument("--map", action="append", default=[], help="as in `pcgm-bench cohort check`")
    parser.add_argument("--where", action="store_true", help="compare with the true images")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--latent", action="store_true", help="give pcgm's decoder the latent of the true image")
    parser.add_argument("--set", action="append", default=[], help="sampler.steps=10 and the like")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    segmenter = UNetSegmenter(threads=options.threads)
    started, found = time.monotonic(), None
    if options.latent:
        mgd = MGD.load(options.weights or PCGM.weights_folder, with_settings(PHANTOM, options.set))
        n = options.people
        asked, measured = through_latent(mgd, segmenter, options.home, options.seed, n, min(options.doses, 2))
    else:
        model, cohort = model_of(options.method, options.weights, options.set), people_of(options)
        people, singly = min(options.people, len(cohort)), options.cohort is not None
        plans = [plans_of(options.seed, k, options.doses, singly=singly) for k in range(people)]
        found = answers(model, segmenter, cohort, people, plans, where=options.where)
        asked, measured = found.asked, found.measured
    images = asked.shape[0] * asked.shape[1]
    seconds = (time.monotonic() - started) / images
    what = "latents of true images" if options.latent else f"images of {options.method}"
    print(f"seed {options.seed}, {len(asked)} people, {images} {what}, {options.set}, {seconds:.1f} s an image")
    print(report(asked, measured).round(3).to_string(), flush=True)
    if found is not None and found.truths:
        print(where_line(found))


if __name__ == "__main__":
    main()
