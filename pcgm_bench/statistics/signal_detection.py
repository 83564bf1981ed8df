"""Signal detection: how well "yes" answers tell signals from noise, and which answer is given too often."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Detection:
    """What an observer's answers say.

    Attributes:
        sensitivity: share of signals that were called so.
        specificity: share of noise that was called so.
        d_prime: ``z(H) - z(F)``; 0: cannot tell.
        criterion: ``-(z(H) + z(F)) / 2``; above 0: says "no" too often.
    """

    sensitivity: float
    specificity: float
    d_prime: float
    criterion: float


def detection(said: np.ndarray, truth: np.ndarray) -> Detection:
    """Score yes-or-no answers.

    Hit rate and false alarm rate have the log-linear correction (half a count is added to each cell, Hautus 1995), so
    that a perfect observer has a finite d'.

    Args:
        said: ``(n,)`` bool, the answer "signal".
        truth: ``(n,)`` bool, whether it was one; there are some of both.

    >>> guess = detection(np.array([1, 1, 0, 0], bool), np.array([1, 0, 1, 0], bool))
    >>> guess.d_prime, guess.criterion
    (0.0, 0.0)
    """
    signal, noise = said[truth], said[~truth]
    hit, alarm = (signal.sum() + 0.5) / (len(signal) + 1), (noise.sum() + 0.5) / (len(noise) + 1)
    z_hit, z_alarm = float(stats.norm.ppf(hit)), float(stats.norm.ppf(alarm))
    return Detection(
        sensitivity=float(signal.mean()),
        specificity=float(1 - noise.mean()),
        d_prime=z_hit - z_alarm,
        criterion=0.0 - (z_hit + z_alarm) / 2,
    )
