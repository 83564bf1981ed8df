"""The shapes that real brains have: mean and modes of velocity fields, from which every phantom person is drawn.

``data/shape_model.safetensors`` was made by ``tools/shape_model.py`` from label maps and scans registered to the
template (`template_registration`). A person's velocity is the mean, plus each mode times a number that is normally
distributed over people. A person whose plan has a large frontal lobe is drawn a large frontal lobe: shapes are
conditioned on the plan (Gaussian conditioning), so that what is left for the thickness of the cortex is small.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from pcgm_bench.anatomy import LOBE_NAMES

WEIGHTS = Path(__file__).parent / "data" / "shape_model.safetensors"
CONDITIONED = (*LOBE_NAMES, "ventricles")
"""Volumes on which a shape is conditioned."""
TOLERANCE = 0.03
"""Part (s.d. of the log volume) of a plan that the shape may leave to the thickness of the cortex."""
FURTHEST = 2.5
"""No mode is drawn further than this from the mean, in s.d. of people."""


@dataclass(frozen=True, eq=False)
class ShapeModel:
    """Velocity fields of people, on knots `template_registration.KNOT_MM` apart.

    Attributes:
        mean: ``(3, 28, 32, 28)`` mm.
        modes: ``(K, 3, 28, 32, 28)`` mm: each one s.d. of people.
        response: ``(7, K)``: how the logs of the volumes of `CONDITIONED`, over head size, answer to each mode.
        ventricles: log of the mean shape's ventricles over head size.
    """

    mean: np.ndarray
    modes: np.ndarray
    response: np.ndarray
    ventricles: float

    def draw(self, rng: np.random.Generator, wanted: Mapping[str, float]) -> np.ndarray:
        """Scores ``(K,)`` of one person.

        Args:
            rng: of the person.
            wanted: log of each lobe's volume against the mean person with this head, and of the ventricles' share of
                the head; what the shape should have by itself.
        """
        free = rng.standard_normal(len(self.modes))
        away = np.array([wanted[name] for name in CONDITIONED])
        away[-1] -= self.ventricles
        spread = self.response @ self.response.T + TOLERANCE**2 * np.eye(len(away))
        scores = free + self.response.T @ np.linalg.solve(spread, away - self.response @ free)
        return np.clip(scores, -FURTHEST, FURTHEST)

    def velocity(self, scores: np.ndarray) -> np.ndarray:
        """``(3, 28, 32, 28)`` float32, mm, of a person with these scores."""
        return (self.mean + np.tensordot(scores, self.modes, 1)).astype(np.float32)


@cache
def load_shape_model(path: Path = WEIGHTS) -> ShapeModel:
    """The shipped model, or another file of `tools/shape_model.py`."""
    stored = {name: value.astype(np.float32) for name, value in load_file(path).items()}
    return ShapeModel(stored["mean"], stored["modes"], stored["response"], float(stored["ventricles"][0]))
