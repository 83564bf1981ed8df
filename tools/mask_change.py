"""Does PCGM change an image where its mask changes? ``python tools/mask_change.py HOME [SEED] [PEOPLE]``.

Phantom people (seed 12 unless said; 0 to 2 are for reporting) get masks with every lobe changed at random by up to
10 % either way, twice, and with all lobes 5 % smaller and larger. Prints `mask-adherence` (fractions of the six lobes:
read from the scan, drawn by the mask generator, read from the image) and `minimality-voxels` within the head (outside
the band of voxels in which any tissue was to change by 1 % or more), means over people with their intervals.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import dose_response_check
import numpy as np
import pandas as pd
import torch

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.cohort.phantom.make import ensure
from pcgm_bench.cohort.phantom.recipe import QUICK
from pcgm_bench.cohort.phantom.recipe import Recipe
from pcgm_bench.contracts import Scan
from pcgm_bench.methods.pcgm.cmg.fractional import counterfactual_fractions
from pcgm_bench.methods.pcgm.generator import PCGM
from pcgm_bench.metrics.mask_adherence import LEAST_CHANGE
from pcgm_bench.metrics.mask_adherence import MaskAdherence
from pcgm_bench.metrics.minimality import MinimalityVoxels
from pcgm_bench.segmenters.unet.segmenter import UNetSegmenter
from pcgm_bench.statistics.bootstrap import over_people

LOBES = [CHANNELS.index(lobe) for lobe in LOBE_NAMES]
DOSES = 2


def main() -> None:
    """Draw, read and print."""
    home = Path(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 12
    people = int(sys.argv[3]) if len(sys.argv) > 3 else 8
    torch.set_num_threads(2)
    assert PCGM.weights_folder is not None
    model, segmenter = PCGM(), UNetSegmenter()
    model.load(PCGM.weights_folder)
    cohort = ensure(Recipe(seed=seed, per_group=QUICK), home)
    rows = pd.DataFrame([changes_of(model, segmenter, cohort[k], seed, k) for k in range(people)])
    print(f"seed {seed}, {people} people, {4 * people} images")
    for name in rows:
        mean = over_people(lambda chosen, name=name: float(rows[name].to_numpy()[chosen].mean()), people, seed)
        print(f"{name}: {mean['value']:.4f} [{mean['low']:.4f}, {mean['high']:.4f}]")


def changes_of(model: PCGM, segmenter: UNetSegmenter, plain: Scan, seed: int, number: int) -> dict[str, float]:
    """Means over a person's four images."""
    scan = dataclasses.replace(plain, segmentation=segmenter.segment(plain))
    before = scan.segmentation.fractions
    head = before[CHANNELS.index("background")] < 0.5
    rng = np.random.default_rng([seed, 47, number])
    plans = [*rng.uniform(-dose_response_check.DOSE, dose_response_check.DOSE, (DOSES, len(LOBES)))]
    plans += [np.full(len(LOBES), dose) for dose in dose_response_check.TOGETHER]
    target, achieved, images, bands = [], [], [], []
    for plan in plans:
        ratios = dict(zip(LOBE_NAMES, np.exp(plan).tolist(), strict=True))
        wanted = counterfactual_fractions(before, ratios).fractions
        image = model.counterfactual(scan, ratios, 0)
        found = segmenter.segment(dataclasses.replace(plain, image=image)).fractions
        target.append(wanted[LOBES])
        achieved.append(found[LOBES])
        images.append(image[head])
        bands.append((np.abs(wanted - before) >= LEAST_CHANGE).any(axis=0)[head])
    adherence = MaskAdherence()([before[LOBES]] * len(plans), target, achieved)
    minimality = MinimalityVoxels()([plain.image[head]] * len(plans), images, bands)
    return {
        "mask-adherence, slope": adherence.details["slope"],
        "mask-adherence, overlap of changes": adherence.value,
        "minimality-voxels, share of the head's change outside the band": minimality.value,
        "share of the head's voxels outside the band": float(np.mean([1 - band.mean() for band in bands])),
        "mean absolute change inside the band": minimality.details["inside"],
        "mean absolute change outside the band": minimality.details["outside"],
    }


if __name__ == "__main__":
    main()
