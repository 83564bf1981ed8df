"""What controls share: a card, and a training fold to draw from."""

from __future__ import annotations

import numpy as np

from pcgm_bench.contracts import Card
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Generator
from pcgm_bench.contracts import Job
from pcgm_bench.contracts import UserError

CHANGES = frozenset({Job.COUNTERFACTUAL, Job.REGIONS, Job.VENTRICLES})
DRAWS = frozenset({Job.SAMPLE})


def card(
    name: str, title: str, notes: str, jobs: frozenset[Job], *, needs_truth: bool = False, trained_on: str = "nothing"
) -> Card:
    """A control's card."""
    return Card(
        name=name,
        title=title,
        version="1",
        reference="pcgm-bench",
        licence="Apache-2.0",
        jobs=jobs,
        needs_truth=needs_truth,
        trained_on=trained_on,
        is_control=True,
        notes=notes,
    )


class FoldControl(Generator):
    """Remembers the training fold."""

    _cohort: Cohort | None = None

    def adapt(self, cohort: Cohort, context: Context) -> None:
        """Keep the training fold to draw from."""
        self._cohort = cohort

    @property
    def fold(self) -> Cohort:
        """The people of the fold.

        Raises:
            UserError: `adapt` has not been called.
        """
        if self._cohort is None:
            msg = f"{self.card.name} draws from the training fold: call adapt first"
            raise UserError(msg)
        return self._cohort

    def scan(self, index: int) -> np.ndarray:
        """The image of a scan of the fold; they are counted over and over."""
        return self.fold[index % len(self.fold)].image
