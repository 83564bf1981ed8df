"""Does PCGM change an image where its mask changes? ``python tools/mask_change.py HOME [SEED] [PEOPLE]``.

Phantom people (seed 12 unless said; 0 to 2 are for reporting) get masks with every lobe changed at random by up to
10 % either way, twice, and with all lobes 5 % smaller and larger. Prints `mask-adherence` (fractions of the six lobes:
read from the scan, drawn by the mask generator, read from the image) and `minimality-voxels` (outside the voxels in
which any tissue was to change by 1 % or more). Intervals are over images, four a person.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
import torch

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.cohort.phantom.make import ensure_default
from pcgm_bench.methods.pcgm import prove
from pcgm_bench.methods.pcgm.cmg_fractional import counterfactual_fractions
from pcgm_bench.methods.pcgm.config import PHANTOM
from pcgm_bench.methods.pcgm.mgd import MGD
from pcgm_bench.metrics.mask_adherence import LEAST_CHANGE
from pcgm_bench.metrics.mask_adherence import MaskAdherence
from pcgm_bench.metrics.minimality import MinimalityVoxels
from pcgm_bench.segmenters.unet import UNetSegmenter

LOBES = [CHANNELS.index(lobe) for lobe in LOBE_NAMES]
DOSES = 2


def main() -> None:
    """Draw, read and print."""
    home = Path(sys.argv[1])
    seed, people = (int(text) for text in [*sys.argv[2:4], *("12", "8")[len(sys.argv) - 2 :]])
    torch.set_num_threads(2)
    mgd, segmenter = MGD.load(Path(prove.__file__).parent / "weights", PHANTOM), UNetSegmenter()
    cohort = ensure_default(
        home=home, seed=seed, quick=True, effect="demo", mechanism="pial", grid="3mm",
        progress=lambda _what, _done, _total: None,
    )  # fmt: skip
    factual, target, achieved, scans, images, bands = ([] for _ in range(6))
    for number in range(people):
        plain = cohort[number]
        scan = dataclasses.replace(plain, segmentation=segmenter.segment(plain))
        before = scan.segmentation.fractions
        rng = np.random.default_rng([seed, 47, number])
        plans = [*rng.uniform(-prove.DOSE, prove.DOSE, (DOSES, len(LOBES)))]
        plans += [np.full(len(LOBES), dose) for dose in prove.TOGETHER]
        for plan in plans:
            ratios = dict(zip(LOBE_NAMES, np.exp(plan).tolist(), strict=True))
            wanted = counterfactual_fractions(before, ratios).fractions
            image = prove.dosed(mgd, scan, ratios)
            found = segmenter.segment(dataclasses.replace(plain, image=image)).fractions
            for kept, fractions in ((factual, before), (target, wanted), (achieved, found)):
                kept.append(fractions[LOBES].astype(np.float16))
            scans.append(plain.image)
            images.append(image)
            bands.append((np.abs(wanted - before) >= LEAST_CHANGE).any(axis=0))
    adherence = MaskAdherence()(factual, target, achieved)
    minimality = MinimalityVoxels()(scans, images, bands)
    share = np.mean([band.mean() for band in bands])
    print(f"seed {seed}, {people} people, {len(images)} images")
    print(f"mask-adherence: slope {adherence['slope']:.3f}, overlap of changes {_with_interval(adherence)}")
    print(f"minimality-voxels: {_with_interval(minimality)} of the change lies outside, {1 - share:.3f} of the grid")
    print(f"mean absolute change: {minimality['inside']:.4f} inside, {minimality['outside']:.4f} outside")


def _with_interval(found: dict[str, float]) -> str:
    return f"{found['value']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"


if __name__ == "__main__":
    main()
