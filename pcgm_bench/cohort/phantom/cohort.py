"""A phantom cohort on disk: people with scans, and the oracle that knows what each scan would have been."""

from __future__ import annotations

import json
from collections.abc import Mapping
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.anatomy import PARCELS
from pcgm_bench.cohort.bids import BidsCohort
from pcgm_bench.cohort.bids import read
from pcgm_bench.cohort.layout import Layout
from pcgm_bench.cohort.phantom.anatomy import Anatomy
from pcgm_bench.cohort.phantom.draw import anatomy_of
from pcgm_bench.cohort.phantom.draw import noise_seed
from pcgm_bench.cohort.phantom.draw import show
from pcgm_bench.cohort.phantom.population import CASE
from pcgm_bench.cohort.phantom.population import CONTROL
from pcgm_bench.cohort.phantom.population import planned_volumes
from pcgm_bench.cohort.phantom.recipe import Recipe
from pcgm_bench.cohort.phantom.roster import Visit
from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import Segmentation
from pcgm_bench.contracts import UserError

SETTINGS = "phantom.json"
"""The recipe, in the cohort's folder."""
STAMP = "stamp"
"""Hash of the recipe and of the code that drew the people."""
PLANNED = (*LOBE_NAMES, "ventricles")
"""Regions whose volumes the population plans."""
FEW = 8
"""People from whom the loss of white matter is known."""


class PhantomCohort(BidsCohort):
    """A phantom cohort on disk, with its oracle.

    Attributes:
        recipe: what the people and images follow from.
    """

    def __init__(self, layout: Layout, recipe: Recipe, home: Path | None = None) -> None:
        """Made by `open`; ``layout`` has no faults, ``home`` keeps the phantom's template."""
        super().__init__(layout, recipe.grid, home)
        self.recipe = recipe

    @classmethod
    def open(cls, folder: Path, home: Path | None = None) -> PhantomCohort:
        """Read a folder that `pcgm_bench.cohort.phantom.make.make` wrote.

        Raises:
            UserError: not a phantom, or of another version.
        """
        try:
            settings = json.loads((folder / SETTINGS).read_text())
            settings.pop(STAMP, None)
            recipe = Recipe(**settings)
        except (OSError, ValueError, TypeError) as error:
            msg = f"{folder}: not a phantom cohort ({error}): make one with `pcgm-bench cohort make phantom`"
            raise UserError(msg) from error
        return cls(read(folder, home=home, grid=recipe.grid).layout, recipe, home)

    def subset(self, subjects: Sequence[str]) -> PhantomCohort:
        """The same cohort, these people only."""
        return PhantomCohort(self.layout_of(subjects), self.recipe, self.home)

    @property
    def planted(self) -> Mapping[str, float]:
        """True loss in per cent by lobe, of the ventricles, and of white matter where the mechanism moves it.

        Mean over the cohort's people of what the diagnosis takes from a control; negative where it adds.
        """
        return self._planted

    @cached_property
    def _planted(self) -> dict[str, float]:
        lost = [_lost(visit, self.recipe.effect) for visit in self.recipe.visits()]
        planted = {name: round(float(np.mean([one[name] for one in lost])), 6) + 0.0 for name in PLANNED}
        moves_white = self.recipe.mechanism == "mixed" and self.recipe.population == "aud" and any(planted.values())
        return planted | ({"white_matter": self._white_matter_lost()} if moves_white else {})

    def _white_matter_lost(self) -> float:
        """Mean over a few people: it hardly differs between them, and each costs two anatomies."""
        kept = []
        for visit in self.recipe.visits()[: 2 * FEW : 2]:
            control, case = (
                anatomy_of(self.recipe, visit, {"diagnosis": name}, self.home).volumes["white_matter"]
                for name in (CONTROL, CASE)
            )
            kept.append(case / control)
        return float(100 * (1 - np.mean(kept)))

    @property
    def has_truth(self) -> bool:
        """Always."""
        return True

    @cached_property
    def _visits_by_key(self) -> dict[tuple[str, str], Visit]:
        return {(visit.person.subject, visit.session): visit for visit in self.recipe.visits()}

    def visit(self, scan: Scan) -> Visit:
        """The planned visit behind a scan.

        Raises:
            UserError: a scan of another cohort.
        """
        visit = self._visits_by_key.get((scan.subject, scan.session))
        if visit is None:
            raise UserError(f"{scan.key} is not in {self.name}: the oracle knows only its own people")
        return visit

    def anatomy(self, scan: Scan, do: Intervention) -> Anatomy:
        """The anatomy that a scan's person has under ``do`` (empty: the factual anatomy)."""
        return anatomy_of(self.recipe, self.visit(scan), do, self.home)

    def truth(self, scan: Scan, do: Intervention) -> Segmentation:
        """`anatomy` as a segmentation: true fractions, labels and volumes of all regions and parcels."""
        anatomy = self.anatomy(scan, do)
        parcels = {name: anatomy.parcels.get(label, 0.0) for name, label in PARCELS.items()}
        head = sum(anatomy.volumes[name] for name in CHANNELS[1:])
        return Segmentation(anatomy.fractions, anatomy.labels, {**anatomy.volumes, **parcels}, head, 1.0)

    def oracle(self, scan: Scan, do: Intervention, seed: int | None) -> np.ndarray:
        """The true counterfactual image: same exogenous anatomy, contrast and scanner, fresh noise and motion.

        Args:
            scan: one of this cohort's.
            do: the intervention.
            seed: of the noise; None keeps the factual scan's own noise.
        """
        visit = self.visit(scan)
        return show(self.recipe, visit, self.anatomy(scan, do), noise_seed(visit, do, seed))


def _lost(visit: Visit, effect: str) -> dict[str, float]:
    """Region -> what the diagnosis takes from a person at a visit, in per cent of a control's volume."""
    control, case = (
        planned_volumes(visit.person.under({"diagnosis": name}), visit.number, visit.years, effect)
        for name in (CONTROL, CASE)
    )
    return {name: 100 * (1 - case[name] / control[name]) for name in PLANNED}
