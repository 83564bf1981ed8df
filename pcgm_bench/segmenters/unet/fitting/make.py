"""Make the shipped segmenter: pairs, atlas, training, calibration.

``python -m pcgm_bench.segmenters.unet.fitting.make OUT``
"""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save_file

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.cohort.grid import grid as grid_called
from pcgm_bench.cohort.phantom.anatomy import Anatomy
from pcgm_bench.cohort.phantom.render import render
from pcgm_bench.contracts import Scan
from pcgm_bench.segmenters.unet.atlas import ATLAS
from pcgm_bench.segmenters.unet.calibration import CALIBRATION
from pcgm_bench.segmenters.unet.fitting.anatomy_templates import keep_anatomies
from pcgm_bench.segmenters.unet.fitting.average_atlas import make_atlas
from pcgm_bench.segmenters.unet.fitting.average_atlas import save_atlas
from pcgm_bench.segmenters.unet.fitting.fit_calibration import fit_calibration
from pcgm_bench.segmenters.unet.fitting.labelled_scans import scans_in
from pcgm_bench.segmenters.unet.fitting.train import CHECKPOINT
from pcgm_bench.segmenters.unet.fitting.train import Settings
from pcgm_bench.segmenters.unet.fitting.train import train
from pcgm_bench.segmenters.unet.fitting.training_pairs import PERSON
from pcgm_bench.segmenters.unet.fitting.training_pairs import SCAN
from pcgm_bench.segmenters.unet.fitting.training_pairs import STRANGER
from pcgm_bench.segmenters.unet.fitting.training_pairs import Pair
from pcgm_bench.segmenters.unet.fitting.training_pairs import make_pairs
from pcgm_bench.segmenters.unet.segmenter import UNetSegmenter
from pcgm_bench.segmenters.unet.weight_files import NETWORK

CALIBRATED = (*CHANNELS[1:], "head_size")


RECIPE = 5
"""Raised when the material or the network changes: what an older recipe left in the folder is not gone on with."""


def export(folder: Path, out: Path) -> None:
    """Write the averaged weights of a training folder as fp16 safetensors, and its atlas beside them."""
    state = torch.load(folder / CHECKPOINT, weights_only=True, map_location="cpu")["average"]
    out.mkdir(parents=True, exist_ok=True)
    save_file({key: value.half().contiguous() for key, value in state.items()}, out / NETWORK)
    shutil.copyfile(folder / ATLAS, out / ATLAS)


def scan_of(anatomy: Anatomy, contrast_seed: int, noise_seed: int) -> Scan:
    """A picture of an anatomy on the 3 mm grid, as the phantom draws it."""
    image = render(anatomy, contrast_seed, noise_seed)
    return Scan("x", "", image, grid_called("3mm").affine, 48.0, "F", "control")


def volumes_with_head(volumes: dict[str, float], head: float) -> dict[str, float]:
    """The calibrated names only."""
    return {name: (head if name == "head_size" else volumes[name]) for name in CALIBRATED}


def calibrate(out: Path, pairs: list[Pair], device: str) -> None:
    """Fit the calibration on pictures of the training material, strangers left out, and write ``calibration.json``."""
    segmenter = UNetSegmenter(out, raw=True, device=device)
    measured, true = [], []
    for k, pair in enumerate(pairs):
        if pair.kind in {STRANGER, SCAN}:
            continue
        read, made = [], []
        for state in range(2):
            anatomy = pair.anatomy(state)
            reading = segmenter.segment(scan_of(anatomy, 5000 + k, 7000 + 2 * k + state))
            volumes = {name: float(anatomy.fractions[c].sum()) * 0.027 for c, name in enumerate(CHANNELS) if c}
            read.append(volumes_with_head(dict(reading.volumes), reading.head_size))
            made.append(volumes_with_head(volumes, sum(volumes.values())))
        measured.append(read)
        true.append(made)
    (out / CALIBRATION).write_text(json.dumps(asdict(fit_calibration(measured, true)), indent=1) + "\n")


def show(what: str, done: int, total: int) -> None:
    """Progress on one line."""
    print(f"{what} {done}/{total}", end="\r", flush=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="folder for the weights, the atlas and the calibration")
    parser.add_argument("--work", type=Path, default=Path("segmenter-work"), help="pairs and checkpoints; work resumes")
    parser.add_argument(
        "--anatomies", type=Path, nargs="*", default=[], help="label maps of real brains (FreeSurfer's numbers)"
    )
    parser.add_argument(
        "--scans",
        type=Path,
        default=None,
        help="folder of NAME_T1w.nii.gz, skull-stripped, and NAME_dseg.nii.gz"
        " (FreeSurfer's numbers); NAME_head.nii.gz: the same with its skull",
    )
    parser.add_argument("--start", type=Path, default=None, help="weights to start from (segmenter.safetensors)")
    parser.add_argument("--steps", type=int, default=Settings.steps, help="of the optimiser, at most")
    parser.add_argument("--peak", type=float, default=Settings.peak, help="largest learning rate")
    parser.add_argument("--minutes", type=float, default=Settings.minutes, help="training time on two cores")
    parser.add_argument("--seed", type=int, default=Settings.seed, help="of the first weights and the pictures")
    parser.add_argument("--device", default=Settings.device, help="where the network is trained: cpu or cuda")
    parser.add_argument("--threads", type=int, default=2, help="threads of a tensor operation")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    work, training = options.work, options.work / f"training-{RECIPE}"
    anatomies = keep_anatomies(options.anatomies, work / "anatomies", work, show)
    scans = [] if options.scans is None else scans_in(options.scans)
    pairs = make_pairs(work / f"pairs-{RECIPE}", work, anatomies, scans, show)
    training.mkdir(parents=True, exist_ok=True)
    atlas = make_atlas(pair for pair in pairs if pair.kind == PERSON)
    save_atlas(atlas, training / ATLAS)
    settings = Settings(
        options.minutes, options.steps, options.seed, options.peak, device=options.device, start=options.start
    )
    train(pairs, atlas, training, settings)
    export(training, options.out)
    calibrate(options.out, pairs, options.device)


if __name__ == "__main__":
    main()
