"""Toys whose regions are voxels that can be made brighter: for interventions on regions, and in a row."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from fakes import CALLS
from fakes import READ
from fakes import SHAPE
from fakes import ToyCohort
from fakes import ToySegmenter

from pcgm_bench.contracts import Card
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Do
from pcgm_bench.contracts import Generator
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import Segmentation


class RegionCohort(ToyCohort):
    """People whose every eighth voxel belongs to one region; the oracle makes these brighter or darker."""

    @staticmethod
    def ensure_default(home: Path, seed: int, quick: bool) -> ToyCohort:
        return RegionCohort(seed)

    def oracle(self, scan: Scan, do: Do, seed: int) -> np.ndarray:
        return changed(scan.image, do)


def changed(image: np.ndarray, do: Do) -> np.ndarray:
    """Regions of `RegionCohort` times their factors."""
    flat = image.copy().ravel()
    for region, factor in do.items():
        flat[READ.index(region) :: len(READ)] *= np.float32(factor)
    return flat.reshape(image.shape)


class RegionSegmenter(ToySegmenter):
    """Mean intensity of every region of `RegionCohort`, times 100, as if it were mL."""

    def segment(self, scan: Scan) -> Segmentation:
        found = super().segment(scan)
        volumes = {name: 100 * float(scan.image.ravel()[k :: len(READ)].mean()) for k, name in enumerate(READ)}
        return dataclasses.replace(found, volumes=volumes)


class Drifter(Generator):
    """Does what is asked, and makes everything 1 % brighter each time."""

    card = Card("drifter", "Drifter", "1", "none", "Apache-2.0", frozenset({"counterfactual", "regions", "ventricles"}))
    drift = 1.01

    def adapt(self, cohort: Cohort, context: Context) -> None:
        CALLS.append(f"adapt {len(cohort)}")

    def counterfactual(self, scan: Scan, do: Do, seed: int) -> np.ndarray:
        # What it is given is one person's scan: the image's own reading, the factual metadata.
        assert scan.segmentation is not None
        assert scan.segmentation.volumes["frontal"] == 100 * float(scan.image.ravel()[:: len(READ)].mean())
        assert scan.segmentation.fractions.shape == (12, *SHAPE)
        assert scan.head_size == pytest.approx(1000 + scan.image.size, rel=0.05)
        CALLS.append(f"changed {scan.key} {scan.description} {seed}")
        return changed(scan.image, do) * np.float32(self.drift)
