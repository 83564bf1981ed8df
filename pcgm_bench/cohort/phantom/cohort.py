"""A phantom cohort on disk: people with scans, and the oracle that knows what each scan would have been."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.cohort.bids import BidsCohort
from pcgm_bench.cohort.bids import read
from pcgm_bench.cohort.phantom.anatomy import Anatomy
from pcgm_bench.cohort.phantom.draw import anatomy_of
from pcgm_bench.cohort.phantom.draw import noise_seed
from pcgm_bench.cohort.phantom.population import EFFECTS
from pcgm_bench.cohort.phantom.recipe import Recipe
from pcgm_bench.cohort.phantom.render import render
from pcgm_bench.cohort.phantom.roster import Visit
from pcgm_bench.contracts import Do
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import UserError

if TYPE_CHECKING:
    from pcgm_bench.cohort.phantom.training import TrainingScans


class PhantomCohort(BidsCohort):
    """A phantom cohort on disk, with its oracle."""

    recipe: Recipe
    _template_home: Path | None

    @classmethod
    def open(cls, folder: Path, home: Path | None = None) -> PhantomCohort:
        """Read a folder that `make` wrote.

        Raises:
            UserError: not a phantom, or of another version.
        """
        try:
            settings = json.loads((folder / "phantom.json").read_text())
            recipe = Recipe(**settings)
        except (OSError, ValueError, TypeError) as error:
            msg = f"{folder}: not a phantom cohort ({error}): make one with `pcgm-bench cohort make phantom`"
            raise UserError(msg) from error
        plain = read(folder, home=home, grid=recipe.grid)
        cohort = cls(plain._layout, recipe.grid, home)
        cohort.recipe, cohort._template_home = recipe, home
        return cohort

    def subset(self, subjects: Sequence[str]) -> PhantomCohort:
        """The same cohort, these people only."""
        plain = super().subset(subjects)
        cohort = type(self)(plain._layout, self.grid, self._home)
        cohort.recipe, cohort._template_home = self.recipe, self._template_home
        return cohort

    @cached_property
    def table(self) -> pd.DataFrame:
        """As of any cohort; ``attrs["planted"]`` is the true loss in per cent by lobe."""
        table = BidsCohort.table.func(self)  # type: ignore[attr-defined]
        table.attrs["planted"] = {lobe: -100 * EFFECTS[self.recipe.effect][lobe] for lobe in LOBE_NAMES}
        return table

    @cached_property
    def _visits_by_key(self) -> dict[tuple[str, str], Visit]:
        return {(visit.person.subject, visit.session): visit for visit in self.recipe.visits()}

    @staticmethod
    def training_scans(grid: str, home: Path) -> TrainingScans:
        """The training people's scans, drawn when asked for."""
        from pcgm_bench.cohort.phantom.training import TrainingScans

        return TrainingScans(grid, home)

    def visit(self, scan: Scan) -> Visit:
        """The planned visit behind a scan.

        Raises:
            UserError: a scan of another cohort.
        """
        try:
            return self._visits_by_key[scan.subject, scan.session]
        except KeyError:
            msg = f"{scan.key} is not in {self.name}: the oracle knows only its own people"
            raise UserError(msg) from None

    def truth(self, scan: Scan, do: Do) -> Anatomy:
        """The true anatomy of a scan's person under ``do`` (empty: the factual anatomy)."""
        return anatomy_of(self.recipe, self.visit(scan), do, self._template_home)

    def oracle(self, scan: Scan, do: Do, seed: int | None) -> np.ndarray:
        """The true counterfactual image: same exogenous anatomy and contrast, fresh noise.

        Args:
            scan: one of this cohort's.
            do: the intervention.
            seed: of the noise; None keeps the factual scan's own noise.
        """
        visit = self.visit(scan)
        return render(self.truth(scan, do), visit.person.seed, noise_seed(visit, do, seed))
