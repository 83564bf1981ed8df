"""Make the phantom's shape model: ``python tools/shape_model.py OUT.safetensors VELOCITY.npz ...``.

Each ``.npz`` holds the array ``velocity`` of one brain (`pcgm_bench.cohort.phantom.template_registration`), which
``tools/register_brains.py`` writes. Prints the shares of variance, and what each mode does to the volumes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from monai.networks.blocks import Warp
from safetensors.numpy import save_file
from torch.nn import functional

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.cohort.phantom.shape_model import CONDITIONED
from pcgm_bench.cohort.phantom.template import load_template
from pcgm_bench.cohort.phantom.template_fields import Template
from pcgm_bench.cohort.phantom.template_fields import lobe_of_label
from pcgm_bench.cohort.phantom.template_registration import CELL_MM
from pcgm_bench.cohort.phantom.template_registration import tissues_of_template
from pcgm_bench.cohort.phantom.velocity import displacement_of

MODES = 24
"""As many as 4 MiB hold."""


def volumes_of(template: Template) -> np.ndarray:
    """What is measured in a shape: ``(8, 56, 64, 56)`` shares of the six lobes, the ventricles and the head."""
    _, cortex, _, ventricle, _, _ = tissues = tissues_of_template(template)
    step = round(CELL_MM)
    lobe = lobe_of_label(template.parcel[0].astype(int))[1::step, 1::step, 1::step]
    return np.stack([*(cortex * (lobe == k) for k in range(len(LOBE_NAMES))), ventricle, tissues.sum(0)])


def log_shares(volumes: torch.Tensor, velocity: np.ndarray) -> np.ndarray:
    """Logs of `CONDITIONED` over head size in the template carried along a velocity: ``(7,)``."""
    move = displacement_of(torch.from_numpy(velocity.astype(np.float32))[None]) / CELL_MM
    fine = functional.interpolate(move, scale_factor=2.0, mode="trilinear", align_corners=False)
    sums = Warp(padding_mode="border")(volumes, fine).sum((0, 2, 3, 4)).numpy()
    return np.asarray(np.log(sums[:-1] / sums[-1]))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("velocities", type=Path, nargs="+")
    parser.add_argument("--home", type=Path, default=None, help="keeps the phantom's template")
    options = parser.parse_args()
    fields = np.stack([np.load(path)["velocity"] for path in options.velocities])
    mean = fields.mean(0)
    left, size, _ = np.linalg.svd((fields - mean).reshape(len(fields), -1), full_matrices=False)
    count = min(MODES, len(fields) - 1)
    modes = np.tensordot(left[:, :count].T, fields - mean, 1) / np.sqrt(len(fields) - 1)
    print(f"{len(fields)} brains, {count} modes hold {(size[:count] ** 2).sum() / (size**2).sum():.1%} of the variance")
    volumes = torch.from_numpy(volumes_of(load_template(options.home)).astype(np.float32))[None]
    response = np.stack(
        [(log_shares(volumes, mean + mode) - log_shares(volumes, mean - mode)) / 2 for mode in modes], 1
    )
    for name, row in zip(CONDITIONED, response, strict=True):
        print(f"{name}: s.d. of people {100 * np.sqrt((row**2).sum()):.1f} %; first modes {100 * row[:4].round(3)}")
    half = {"mean": mean, "modes": modes}
    arrays = {name: np.ascontiguousarray(value, np.float16) for name, value in half.items()}
    arrays["response"] = response.astype(np.float32)
    arrays["ventricles"] = np.array([log_shares(volumes, mean)[-1]], np.float32)
    save_file(arrays, options.out)
    print(f"{options.out}: {options.out.stat().st_size / 2**20:.2f} MiB")


if __name__ == "__main__":
    main()
