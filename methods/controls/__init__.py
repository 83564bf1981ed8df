"""Controls: rows that every method is read against. What they score says what a score means."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from pcgm_bench.contracts import Card
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Do
from pcgm_bench.contracts import Generator
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import UserError

VERSION = "1"
NEAREST = 5
"""People among whom the random other person is drawn."""


def _card(name: str, title: str, notes: str, *, needs_truth: bool = False) -> Card:
    return Card(
        name=name,
        title=title,
        version=VERSION,
        reference="pcgm-bench",
        licence="Apache-2.0",
        jobs=frozenset({"counterfactual", "regions", "ventricles"}),
        needs_truth=needs_truth,
        is_control=True,
        notes=notes,
    )


class Oracle(Generator):
    """The phantom's true counterfactual: same exogenous anatomy, other parents, fresh noise. A column's ceiling."""

    card: ClassVar[Card] = _card(
        "oracle", "Oracle (true counterfactual)", "knows what the phantom was made with", needs_truth=True
    )
    _context: Context | None = None

    def adapt(self, cohort: Cohort, context: Context) -> None:
        """Remember where the truth is."""
        self._context = context

    def counterfactual(self, scan: Scan, do: Do, seed: int) -> np.ndarray:
        """The true image.

        Raises:
            UserError: the cohort has no truth.
        """
        if self._context is None or self._context.oracle is None:
            msg = f"{scan.key}: the oracle needs a phantom cohort; real people have no known counterfactual"
            raise UserError(msg)
        return self._context.oracle(scan, do, seed)


class CopyInput(Generator):
    """The input, unchanged: perfect identity, no effect."""

    card: ClassVar[Card] = _card("copy-input", "Copy of the input", "changes nothing")

    def counterfactual(self, scan: Scan, do: Do, seed: int) -> np.ndarray:
        """The factual image itself."""
        return scan.image.copy()


class RandomOther(Generator):
    """Some other person who is what ``do`` asks for: right on the average of the group, wrong about the person."""

    card: ClassVar[Card] = _card(
        "random-other", "Random other person", "a real scan of somebody of the target group in the training fold"
    )
    _cohort: Cohort | None = None

    def adapt(self, cohort: Cohort, context: Context) -> None:
        """Keep the training fold to draw from."""
        self._cohort = cohort

    def counterfactual(self, scan: Scan, do: Do, seed: int) -> np.ndarray:
        """A scan drawn from the five people nearest in head size, of the same sex and the asked diagnosis.

        Head size, because the study corrects a counterfactual's volumes by the factual head size.

        Raises:
            UserError: nobody there has it.
        """
        if self._cohort is None:
            msg = "random-other draws from the training fold: call adapt first"
            raise UserError(msg)
        wanted = do.get("diagnosis", scan.diagnosis)
        table = self._cohort.table
        rows = np.flatnonzero((table["diagnosis"] == wanted) & (table["subject"] != scan.subject))
        if not len(rows):
            msg = f"{scan.key}: nobody in the training fold is {wanted!r}"
            raise UserError(msg)
        same_sex = rows[(table["sex"].to_numpy()[rows] == scan.sex)]
        rows = same_sex if len(same_sex) else rows
        distance = np.abs(table["head_size"].to_numpy(float)[rows] - scan.head_size)
        nearest = rows[np.argsort(distance, kind="stable")[:NEAREST]]
        return self._cohort[int(np.random.default_rng(seed).choice(nearest))].image.copy()
