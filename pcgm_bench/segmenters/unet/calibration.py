"""How the segmenter's volumes are corrected, learned on the training controls alone, and all of them together.

A network errs alike on anatomies that are alike: where it reads much white matter it reads little parietal cortex, and
where a lobe has shrunk it takes a little of that from its neighbours. A matrix over the log volumes takes both back.
Two states of every person, with different cortex, hold it to be fair: in them, a regression of the corrected changes on
the true changes of all six lobes gives one for a lobe's own change and nothing for the others'.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field

import numpy as np

CALIBRATION = "calibration.json"
FURTHEST = 2.0
"""Log volumes further than this from the training controls' mean correct the others no more than those there."""


@dataclass(frozen=True)
class RawError:
    """How the network reads one volume before the correction.

    Attributes:
        slope: of measured on true change within a person (between persons where nothing was changed).
        bias: per cent.
    """

    slope: float
    bias: float


@dataclass(frozen=True)
class Calibration:
    """A correction of log volumes, as ``calibration.json`` holds it.

    Attributes:
        names: the volumes, in the order of the other attributes.
        measured: mean log volumes that the network reads on the training controls.
        true: their mean log volumes.
        extra: the matrix of `calibrated`.
        raw: by name, how good the network is without the correction; not used.
    """

    names: list[str]
    measured: list[float]
    true: list[float]
    extra: list[list[float]]
    raw: dict[str, RawError] = field(default_factory=dict)


def calibrated(measured: Mapping[str, float], fit: Calibration) -> dict[str, float]:
    """The corrected volumes (mL) of the names that ``fit`` has.

    With x = log measured - its mean and ``extra`` the matrix: ``log v = true mean + x + extra @ x``.

    >>> fit = Calibration(["a", "b"], [0.0, 0.0], [0.0, 0.0], [[0.0, 0.5], [0.0, 0.0]])
    >>> {name: round(value, 3) for name, value in calibrated({"a": 2.0, "b": 4.0}, fit).items()}
    {'a': 4.0, 'b': 4.0}
    """
    volumes = np.array([measured[name] for name in fit.names])
    away = np.log(np.maximum(volumes, 1e-9)) - np.array(fit.measured)
    logs = np.array(fit.true) + away + np.array(fit.extra) @ np.clip(away, -FURTHEST, FURTHEST)
    return dict(zip(fit.names, np.exp(logs).tolist(), strict=True))
