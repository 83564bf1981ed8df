"""Take head size out of volumes, as measured on real controls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pcgm_bench.contracts import UserError


@dataclass(frozen=True)
class HeadSizeFit:
    """Straight lines ``volume = intercept + slope * head size``, one a region.

    Attributes:
        intercept: ``(k,)`` mL.
        slope: ``(k,)`` mL of region per mL of head.
    """

    intercept: np.ndarray
    slope: np.ndarray

    def residuals(self, volumes: np.ndarray, head_size: np.ndarray) -> np.ndarray:
        """Volumes ``(n, k)`` minus what controls of that head size ``(n,)`` have on average, mL."""
        return volumes - self.intercept - np.outer(head_size, self.slope)


def fit_head_size(volumes: np.ndarray, head_size: np.ndarray) -> HeadSizeFit:
    """Fit on real controls: ``volumes (n, k)`` mL against ``head_size (n,)`` mL, with an intercept.

    The fit never sees patients: a patient's brain that has shrunk would tilt the line and hide its own effect. The
    intercept matters: cortex grows less than in proportion to the head, and a line through the origin would leave
    big heads with systematically small residuals. Counterfactuals are corrected with their *factual* head size.

    Raises:
        UserError: fewer than three controls.

    >>> fit = fit_head_size(np.array([[11.0], [12.0], [13.0]]), np.array([100.0, 110.0, 120.0]))
    >>> fit.intercept.round(6), fit.slope.round(6)
    (array([1.]), array([0.1]))
    """
    if len(head_size) < 3:
        raise UserError(f"head-size correction needs at least 3 real controls, found {len(head_size)}: add controls")
    design = np.column_stack([np.ones_like(head_size), head_size])
    coefficients, *_ = np.linalg.lstsq(design, volumes, rcond=None)
    return HeadSizeFit(intercept=coefficients[0], slope=coefficients[1])
