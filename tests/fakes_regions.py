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
from pcgm_bench.contracts import CohortRequest
from pcgm_bench.contracts import CohortSource
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Generator
from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import Job
from pcgm_bench.contracts import Progress
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import Segmentation


class RegionCohort(ToyCohort):
    """People whose every eighth voxel belongs to one region; the oracle makes these brighter or darker."""

    def oracle(self, scan: Scan, do: Intervention, seed: int | None) -> np.ndarray:
        return changed(scan.image, do)


class RegionSource(CohortSource):
    """Opens a `RegionCohort`."""

    name = "toy"
    title = "toy people of regions"

    def open(self, request: CohortRequest, home: Path, seed: int, quick: bool, progress: Progress) -> Cohort:
        return RegionCohort(seed)


def changed(image: np.ndarray, do: Intervention) -> np.ndarray:
    """Regions of `RegionCohort` times their factors."""
    flat = image.copy().ravel()
    for region, factor in do.items():
        flat[READ.index(region) :: len(READ)] *= np.float32(factor)
    return flat.reshape(image.shape)


class RegionSegmenter(ToySegmenter):
    """Mean intensity of every region of `RegionCohort`, times 100, as if it were mL."""

    def segment(self, scan: Scan) -> Segmentation:
        segmentation = super().segment(scan)
        volumes = {name: 100 * float(scan.image.ravel()[k :: len(READ)].mean()) for k, name in enumerate(READ)}
        return dataclasses.replace(segmentation, volumes=volumes)


class Drifter(Generator):
    """Does what is asked, and makes everything 1 % brighter each time."""

    card = Card(
        "drifter",
        "Drifter",
        "1",
        "none",
        "Apache-2.0",
        frozenset({Job.COUNTERFACTUAL, Job.REGIONS, Job.VENTRICLES}),
    )
    drift = 1.01

    def adapt(self, cohort: Cohort, context: Context) -> None:
        CALLS.append(f"adapt {len(cohort)}")

    def counterfactual(self, scan: Scan, do: Intervention, seed: int) -> np.ndarray:
        # What it is given is one person's scan: the image's own segmentation, the factual metadata.
        assert scan.segmentation is not None
        assert scan.segmentation.volumes["frontal"] == 100 * float(scan.image.ravel()[:: len(READ)].mean())
        assert scan.segmentation.fractions.shape == (12, *SHAPE)
        assert scan.head_size == pytest.approx(1000 + scan.image.size, rel=0.05)
        CALLS.append(f"changed {scan.key} {scan.description} {seed}")
        return changed(scan.image, do) * np.float32(self.drift)
