"""Register brains to the phantom's template, for `shape_model.py`: ``python tools/register_brains.py OUT FILE ...``.

A file is a label map (whole numbers, FreeSurfer's) with ``--maps``, or a skull-stripped T1w scan with ``--scans``,
whose tissues the shipped segmenter says. Writes ``OUT/<name>.npz`` with the array ``velocity``, and prints how well the
tissues overlap before and after (Dice of shares: white matter, cortex, deep grey, ventricles, fluid, cerebellum).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from monai.networks.blocks import Warp
from scipy import ndimage as ndi
from torch.nn import functional

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.cohort.align import align
from pcgm_bench.cohort.phantom.anatomies import masks_of_labels
from pcgm_bench.cohort.phantom.template import load_template
from pcgm_bench.cohort.phantom.template_fields import CORNER
from pcgm_bench.cohort.phantom.template_registration import CELL_MM
from pcgm_bench.cohort.phantom.template_registration import tissues_of_masks
from pcgm_bench.cohort.phantom.template_registration import tissues_of_template
from pcgm_bench.cohort.phantom.template_registration import velocity_between
from pcgm_bench.cohort.phantom.velocity import displacement_of
from pcgm_bench.cohort.registration import TEMPLATE_CENTRE
from pcgm_bench.cohort.registration import TEMPLATE_SCALE
from pcgm_bench.contracts import Scan
from pcgm_bench.segmenters.unet.segmenter import UNetSegmenter

NAMED = ("white_matter", None, "deep_grey", "ventricles", "csf", "cerebellum_brainstem")
"""Channels of the segmenter in the order of `tissues_of_masks`; None: the six lobes together."""


def tissues_of_scan(path: Path, segmenter: UNetSegmenter, home: Path | None) -> np.ndarray:
    """The scan's tissues on the template's box, turned, moved and scaled, but not stretched: ``(6, 56, 64, 56)``."""
    aligned = align(path, "3mm", home)
    scan = Scan(path.name, "", aligned.image, aligned.affine, 40.0, "F", "control")
    shares = segmenter.segment(scan).fractions
    centre = aligned.affine @ [*ndi.center_of_mass(shares[0] < 0.5), 1.0]
    native = np.linalg.inv(aligned.matrix) @ centre
    left, stretch, right = np.linalg.svd(aligned.matrix[:3, :3])
    there = np.eye(4)
    there[:3, :3] = left @ right * np.prod(stretch) ** (1 / 3) / TEMPLATE_SCALE
    middle = np.array(TEMPLATE_CENTRE) + (centre[:3] - TEMPLATE_CENTRE) / TEMPLATE_SCALE
    there[:3, 3] = middle - there[:3, :3] @ native[:3]
    lattice = np.diag([CELL_MM, CELL_MM, CELL_MM, 1.0])
    lattice[:3, 3] = CORNER + CELL_MM / 2
    back = np.linalg.inv(aligned.affine) @ aligned.matrix @ np.linalg.inv(there) @ lattice
    cortex = shares[-len(LOBE_NAMES) :].sum(0)
    parts = [cortex if name is None else shares[CHANNELS.index(name)] for name in NAMED]
    return np.stack([ndi.affine_transform(part, back, output_shape=shares.shape[1:], order=1) for part in parts])


def overlap(one: np.ndarray, other: np.ndarray) -> str:
    """Dice of shares by tissue."""
    dice = 2 * np.minimum(one, other).sum((1, 2, 3)) / (one.sum((1, 2, 3)) + other.sum((1, 2, 3)))
    return " ".join(f"{value:.2f}" for value in dice)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--maps", type=Path, nargs="*", default=[])
    parser.add_argument("--scans", type=Path, nargs="*", default=[])
    parser.add_argument("--home", type=Path, default=None, help="keeps the phantom's template and aligned scans")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    template = load_template(options.home)
    known, segmenter = tissues_of_template(template), UNetSegmenter(raw=True)
    for path in [*options.maps, *options.scans]:
        if path in options.maps:
            masks, velocity = masks_of_labels(nib.load(path), template, path.name)
            tissues = tissues_of_masks(masks)
        else:
            tissues = tissues_of_scan(path, segmenter, options.home)
            velocity = velocity_between(known, tissues)
        np.savez_compressed(options.out / f"{path.name.split('.')[0]}.npz", velocity=velocity)
        if path in options.scans:
            move = displacement_of(torch.from_numpy(velocity)[None]) / CELL_MM
            fine = functional.interpolate(move, scale_factor=2.0, mode="trilinear", align_corners=False)
            moved = Warp(padding_mode="border")(torch.from_numpy(known)[None], fine)[0].numpy()
            print(f"{path.name}: {overlap(known, tissues)} -> {overlap(moved, tissues)}", flush=True)
        else:
            print(f"{path.name}: registered", flush=True)


if __name__ == "__main__":
    main()
