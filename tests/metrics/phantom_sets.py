"""120 phantom people at 6 mm, cut in two halves; what useless generators draw; and what metrics are given of it.

6 mm takes a quarter of a second a person. No feature space and no segmenter knows such images: means and s.d. of
blocks, projected at random, stand in for the one, an average atlas for the other. Real and made are read alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pcgm_bench.anatomy import DK_REGIONS
from pcgm_bench.anatomy import dk_label
from pcgm_bench.cohort import grid
from pcgm_bench.cohort.phantom.draw import draw
from pcgm_bench.cohort.phantom.recipe import Recipe
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Scan
from pcgm_bench.methods.controls.unconditional import BlurredCopy
from pcgm_bench.methods.controls.unconditional import Noise
from pcgm_bench.methods.controls.unconditional import OnePerson
from pcgm_bench.methods.controls.unconditional import OtherHalf
from pcgm_bench.methods.controls.unconditional import TrainingMean

PEOPLE, SEED, BLOCK, WIDTH = 120, 7, 4, 24
VOXEL_ML = 0.216
RIM = ((2, 2), (0, 0), (2, 2))
"""Empty voxels around 28 x 32 x 28: the paper's MS-SSIM halves an image five times."""
GREY, REACH = 0.52, 0.4
"""Intensity of cortex in voxels that are mostly rim, and how far from it nothing is cortex."""
CONTROLS = (OtherHalf, OnePerson, TrainingMean, BlurredCopy, Noise)


class People(list[Scan]):
    """As much of a cohort as the controls draw from."""


@dataclass(frozen=True)
class Sets:
    """Images of the reference, and of every control, by name; and what an average brain looks like."""

    real: list[np.ndarray]
    made: dict[str, list[np.ndarray]]
    people: pd.DataFrame
    atlas: np.ndarray
    average: np.ndarray

    def volumes(self, images: Sequence[np.ndarray]) -> pd.DataFrame:
        """One row an image: 68 parcels and head size (mL), and ``qc``: the correlation with the average brain."""
        rows = []
        for image in images:
            cortex = np.clip(1 - np.abs(image - GREY) / REACH, 0, 1)
            parcels = VOXEL_ML * (self.atlas * cortex).sum(axis=(1, 2, 3))
            qc = np.corrcoef(image.ravel(), self.average.ravel())[0, 1]
            rows.append([*parcels, VOXEL_ML * (image > 0.05).sum(), qc])
        names = [f"{side}-{region}" for side in ("lh", "rh") for region in DK_REGIONS]
        return pd.DataFrame(rows, columns=[*names, "head_size", "qc"])


def features(images: Sequence[np.ndarray]) -> np.ndarray:
    """``(n, WIDTH)``: means and s.d. of blocks, through one random projection."""
    found = []
    for image in images:
        shape = [part for n in image.shape for part in (n // BLOCK, BLOCK)]
        blocks = image.reshape(shape)
        found.append(np.concatenate([blocks.mean(axis=(1, 3, 5)).ravel(), blocks.std(axis=(1, 3, 5)).ravel()]))
    projection = np.random.default_rng(0).normal(size=(len(found[0]), WIDTH))
    return np.array(found) @ projection / np.sqrt(len(projection))


def phantom_sets(home: Path) -> Sets:
    """Draw the people and let the controls draw from one half of them.

    Args:
        home: keeps the template.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(grid.SPACING_MM, "6mm", 6.0)
        recipe = Recipe("synthesis", "null", "pial", SEED, "6mm", PEOPLE // 2)
        scans, labels = [], []
        for visit in recipe.visits():
            image, anatomy = draw(recipe, visit, home)
            scans.append(visit.scan(np.pad(image, RIM), np.eye(4)))
            labels.append(np.pad(anatomy.labels, RIM))
    columns = ("subject", "age", "sex", "diagnosis", "head_size")
    table = pd.DataFrame({name: [getattr(scan, name) for scan in scans] for name in columns})
    alike = table.sort_values(["sex", "age", "subject"])["subject"].to_list()
    # As the synthesis study cuts a cohort: of two neighbours in sex and age a coin sends one to either half.
    rng = np.random.default_rng([SEED, 5])
    fold = {alike[k + int(rng.integers(2))] for k in range(0, PEOPLE, 2)}
    own = People(scan for scan in scans if scan.subject in fold)
    made = {}
    for control in CONTROLS:
        generator = control()
        generator.adapt(own, Context())  # type: ignore[arg-type]
        made[generator.card.name] = list(generator.sample(len(own), SEED))
    parcels = [dk_label(region, side) for side in ("lh", "rh") for region in DK_REGIONS]
    atlas = np.mean([[one == number for number in parcels] for one in labels], axis=0)
    average = np.mean([scan.image for scan in scans], axis=0)
    real = [scan.image for scan in scans if scan.subject not in fold]
    return Sets(real, made, table, atlas, average)
