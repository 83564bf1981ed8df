"""How much of an effect comes back: a ratio of two effects, with Fieller's interval from a bootstrap of both."""

from __future__ import annotations

import numpy as np

from pcgm_bench.contracts import Estimate
from pcgm_bench.statistics.fieller import fieller_ratio


def recovery_ratio(
    effect: float, target: float, drawn: np.ndarray, drawn_target: np.ndarray | float, n: int, parameters: int
) -> Estimate:
    """``effect / target`` with its 95 % interval; no estimate where the target is not told from 0.

    Args:
        effect: what was found.
        target: what it should be.
        drawn: ``(replicates,)`` of the effect; NaN in replicates that have none.
        drawn_target: the same replicates of the target, or the target itself where it is known.
        n: people.
        parameters: of the regression behind the effects: variances are widened as in `bootstrap.standard_error`.

    >>> recovery_ratio(0.4, 0.5, np.array([0.3, 0.4, 0.5]), 0.5, 20, 5).value
    0.8
    """
    both = np.stack([drawn, np.broadcast_to(drawn_target, drawn.shape)])
    known = both[:, np.isfinite(both).all(axis=0)]
    if known.shape[1] < 2:
        return Estimate(n=n, reason="not measured")
    spread = np.cov(known) * n / max(n - parameters, 1)
    return fieller_ratio(effect, target, spread[0, 0], spread[1, 1], spread[0, 1], max(n - parameters, 1), n)
