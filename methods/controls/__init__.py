"""Controls: rows that every method is read against. What they score says what a score means."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from pcgm_bench.contracts import Card
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Generator
from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import UserError
from pcgm_bench.methods.controls.fold import CHANGES
from pcgm_bench.methods.controls.fold import FoldControl
from pcgm_bench.methods.controls.fold import card as card_of

NEAREST = 5
"""People among whom the random other person is drawn."""


class Oracle(Generator):
    """The true counterfactual: of a phantom with fresh noise, of a real scan's region by deformation. The ceiling."""

    card: ClassVar[Card] = card_of(
        "oracle", "Oracle (true counterfactual)", "knows the truth", CHANGES, needs_truth=True
    )
    _context: Context | None = None

    def adapt(self, cohort: Cohort, context: Context) -> None:
        """Remember where the truth is."""
        self._context = context

    def counterfactual(self, scan: Scan, do: Intervention, seed: int) -> np.ndarray:
        """The true image.

        Raises:
            UnknownTruthError: the truth of this request on this scan is not known.
            UserError: the cohort has no truth.
        """
        if self._context is None or self._context.oracle is None:
            msg = f"{scan.key}: the oracle needs a cohort that knows the truth of what is asked"
            raise UserError(msg)
        return self._context.oracle(scan, do, seed)


class CopyInput(Generator):
    """The input, unchanged: perfect identity, no effect."""

    card: ClassVar[Card] = card_of("copy-input", "Copy of the input", "changes nothing", CHANGES)

    def counterfactual(self, scan: Scan, do: Intervention, seed: int) -> np.ndarray:
        """The factual image itself."""
        return scan.image.copy()


class RandomOther(FoldControl):
    """Some other person who is what ``do`` asks for: right on the average of the group, wrong about the person."""

    card: ClassVar[Card] = card_of(
        "random-other",
        "Random other person",
        "a real scan of somebody of the target group in the training fold",
        CHANGES,
    )

    def counterfactual(self, scan: Scan, do: Intervention, seed: int) -> np.ndarray:
        """A scan drawn from the five people nearest in head size, of the same sex and the asked diagnosis.

        Head size, because the study corrects a counterfactual's volumes by the factual head size.

        Raises:
            UserError: nobody there has it.
        """
        wanted = do.get("diagnosis", scan.diagnosis)
        table = self.fold.table
        rows = np.flatnonzero((table["diagnosis"] == wanted) & (table["subject"] != scan.subject))
        if not len(rows):
            msg = f"{scan.key}: nobody in the training fold is {wanted!r}"
            raise UserError(msg)
        same_sex = rows[(table["sex"].to_numpy()[rows] == scan.sex)]
        rows = same_sex if len(same_sex) else rows
        distance = np.abs(table["head_size"].to_numpy(float)[rows] - scan.head_size)
        nearest = rows[np.argsort(distance, kind="stable")[:NEAREST]]
        return self.fold[int(np.random.default_rng(seed).choice(nearest))].image.copy()
