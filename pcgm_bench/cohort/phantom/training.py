"""The phantom's training people without their files: a scan is drawn when it is asked for."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pcgm_bench.cohort.grid import grid as grid_called
from pcgm_bench.cohort.phantom.draw import draw
from pcgm_bench.cohort.phantom.recipe import Recipe
from pcgm_bench.contracts import Scan


class DrawnTrainingScans:
    """The 400 scans of the training population that `make.make` writes, voxel for voxel, at a second each and no disk.

    Whoever wants a few of them does not wait for all.
    """

    def __init__(self, grid: str, home: Path) -> None:
        """``grid``: ``3mm``, ``2mm`` or ``1mm``; ``home`` keeps the template."""
        self._recipe = Recipe.training(grid)
        self._visits = self._recipe.visits()
        self._home = home

    @property
    def table(self) -> pd.DataFrame:
        """One row a scan: subject, session, age (years), sex (F/M), diagnosis."""
        return pd.DataFrame(
            [
                {
                    "subject": visit.person.subject,
                    "session": visit.session,
                    "age": visit.age,
                    "sex": visit.person.sex,
                    "diagnosis": visit.person.diagnosis,
                }
                for visit in self._visits
            ]
        )

    def __len__(self) -> int:
        return len(self._visits)

    def __getitem__(self, index: int) -> Scan:
        visit = self._visits[index]
        image, _anatomy = draw(self._recipe, visit, self._home)
        return visit.scan(image, grid_called(self._recipe.grid).affine)
