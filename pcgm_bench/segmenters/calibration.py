"""How much the segmenter's volumes and their changes have to be stretched, learned on the training controls alone.

A network that has seen too little regresses towards the average brain: a true loss of 5 % reads as less. Two states of
one person with different cortex tell by how much. The raw slope is stored beside the correction it leads to.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np


def calibrated(measured: float, fit: Mapping[str, float]) -> float:
    """The corrected volume (mL): ``log v = centre + (log measured - centre - offset) / slope``.

    >>> round(calibrated(90.0, {"centre": np.log(100.0), "offset": 0.0, "slope": 1.0}), 3)
    90.0
    >>> round(calibrated(95.0, {"centre": np.log(100.0), "offset": 0.0, "slope": 0.5}), 2)
    90.25
    """
    return float(np.exp(fit["centre"] + (np.log(measured) - fit["centre"] - fit["offset"]) / fit["slope"]))


def fit_calibration(
    measured: Sequence[Mapping[str, float]], true: Sequence[Mapping[str, float]], pairs: Sequence[tuple[int, int]]
) -> dict[str, dict[str, float]]:
    """Centre, offset and slope of every volume.

    Args:
        measured: raw volumes (mL), one mapping a scan.
        true: the volumes these scans were made with.
        pairs: indices of two states of one person.

    Returns:
        Name -> ``centre`` (mean log true volume), ``offset`` (mean log error), ``slope`` (measured over true log-change
        within a person; where a person's two states do not differ in that volume, between persons).
    """
    fits = {}
    first, second = np.array(pairs).T
    for name in true[0]:
        log_measured = np.log([row[name] for row in measured])
        log_true = np.log([row[name] for row in true])
        change_true = log_true[second] - log_true[first]
        change_measured = log_measured[second] - log_measured[first]
        within = float(np.sum(change_true**2)) > 1e-3 * len(pairs) * 0.1
        if within:
            slope = float(np.sum(change_true * change_measured) / np.sum(change_true**2))
        else:
            slope = float(np.polyfit(log_true, log_measured, 1)[0])
        centre = float(log_true.mean())
        fits[name] = {"centre": centre, "offset": float((log_measured - log_true).mean()), "slope": slope}
    return fits
