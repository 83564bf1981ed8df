"""Fit the correction of the segmenter's volumes on the training controls alone."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.segmenters.unet.calibration import Calibration
from pcgm_bench.segmenters.unet.calibration import RawError

RIDGE = 0.01
"""Pull of the matrix towards doing nothing, as a share of what the training controls say."""


def fit_calibration(
    measured: Sequence[Sequence[Mapping[str, float]]], true: Sequence[Sequence[Mapping[str, float]]]
) -> Calibration:
    """The correction, and the raw slopes it starts from.

    Least squares over the errors of both states and of their difference, with ridge, under the constraint that changes
    come out unbiased (see above).

    Args:
        measured: raw volumes (mL) by name, of two states of every person.
        true: the volumes these scans were made with.
    """
    names = list(true[0][0])
    found, wanted = (np.log([[[s[name] for name in names] for s in person] for person in v]) for v in (measured, true))
    centre, goal = found.mean((0, 1)), wanted.mean((0, 1))
    away, target = found - centre, wanted - goal
    moved, truly = away[:, 1] - away[:, 0], target[:, 1] - target[:, 0]
    lobes = truly[:, [names.index(name) for name in LOBE_NAMES if name in names]]
    rows = np.concatenate([away.reshape(-1, len(names)), moved])
    error = np.concatenate([(target - away).reshape(-1, len(names)), truly - moved])
    spread = away.reshape(-1, len(names)).var(0)
    inner = rows.T @ rows + RIDGE * len(away) * np.diag(spread)
    bound = lobes.T @ moved
    system = np.block([[inner, bound.T], [bound, np.zeros((len(bound), len(bound)))]])
    solution = np.linalg.solve(system, np.concatenate([rows.T @ error, lobes.T @ (truly - moved)]))
    raw = {}
    for k, name in enumerate(names):
        x, y = truly[:, k], moved[:, k]
        if float(x @ x) < 1e-4 * len(x):
            x, y = target[..., k].ravel(), away[..., k].ravel()
        raw[name] = RawError(float(x @ y / (x @ x)), float(100 * (centre[k] - goal[k])))
    return Calibration(names, centre.tolist(), goal.tolist(), solution[: len(names)].T.tolist(), raw)
