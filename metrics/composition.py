"""composition: the null intervention must change nothing, applied once or ten times; in volumes and in voxels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any
from typing import ClassVar

import numpy as np

from pcgm_bench.contracts import MetricRecord
from pcgm_bench.statistics.bootstrap import over_people

if TYPE_CHECKING:
    import pandas as pd


class Composition:
    """Mean absolute drift of volumes under the null intervention: ``100 * abs(ln(after / before))``, per cent.

    Averaged over regions, then over people; ``value`` is that of one cycle. Bias: upward; both volumes are readings, so
    the segmenter's own noise is the floor: read the oracle's row, which is the same person with fresh image noise.
    Known failure: whoever copies the input (copy-input) is perfect, here and in every axiom but effectiveness and
    dose-response.

    >>> import pandas as pd
    >>> changes = pd.DataFrame({"subject": ["a", "b"], "before_insula": [10.0, 10.0], "after_insula": [10.1, 10.0]})
    >>> round(Composition()(changes)["value"], 4)
    0.4975
    """

    record: ClassVar[MetricRecord] = MetricRecord(
        name="composition",
        version="1",
        direction="lower",
        range=(0.0, float("inf")),
        unit="%",
        reference="composition axiom of Monteiro et al. 2023, arXiv 2303.01274, in volumes",
        perfect=0.0,
        useless=float("inf"),
        inputs="changes",
    )

    def __call__(self, changes: pd.DataFrame, seed: int = 0) -> dict[str, Any]:
        """Score null counterfactuals.

        Args:
            changes: one row a counterfactual of a factual scan: ``subject``, ``before_<region>`` and
                ``after_<region>`` (mL), and ``cycles``, how often the null intervention was applied (absent: once).
            seed: of the bootstrap over subjects.

        Returns:
            ``value`` (%, after the fewest cycles), ``low``, ``high``, ``n`` (people), ``ml``, ``ml_low``, ``ml_high``
            (the same in millilitres), ``bias`` (signed %, by region), and ``cycles``: all of these by the number of
            cycles.

        Raises:
            ValueError: no rows, no regions, or a volume that is not positive.
        """
        regions = [str(name)[7:] for name in changes if str(name).startswith("before_")]
        if not len(changes) or not regions:
            raise ValueError("composition needs rows and columns before_<region>, after_<region>")
        cycles = changes["cycles"].to_numpy(int) if "cycles" in changes else np.ones(len(changes), int)
        by_cycles = {int(k): _drift(changes[cycles == k], regions, seed) for k in np.unique(cycles)}
        return {**by_cycles[min(by_cycles)], "cycles": {str(k): one for k, one in by_cycles.items()}}


class CompositionVoxels:
    """Mean absolute difference of intensities between a factual image and its null counterfactual, inside the head.

    ``mean abs(made - factual)`` over the head, then over people, in units of white matter (1 is its bright end); the
    head is where the factual image is above 0.05. ``relative`` divides by the same between different people, so that a
    random other person scores about 1. Bias: none beyond the images' own noise. Known failure: fresh image noise counts
    in full, so that an oracle with its own noise is not perfect, a denoised image looks changed, and copy-input wins.

    >>> scans = [np.full((2, 2, 2), value) for value in (0.5, 1.0)]
    >>> found = CompositionVoxels()(scans, [scan + 0.1 for scan in scans])
    >>> round(found["value"], 6), round(found["relative"], 6)
    (0.1, 0.2)
    """

    record: ClassVar[MetricRecord] = MetricRecord(
        name="composition-voxels",
        version="1",
        direction="lower",
        range=(0.0, float("inf")),
        unit="white matter intensity",
        reference="composition axiom of Monteiro et al. 2023, arXiv 2303.01274 (L1)",
        perfect=0.0,
        useless=float("inf"),
        inputs="images",
    )

    def __call__(self, factual: Sequence[np.ndarray], made: Sequence[np.ndarray], seed: int = 0) -> dict[str, Any]:
        """Score null counterfactuals after any number of cycles.

        Args:
            factual: images ``(X, Y, Z)``, one a person.
            made: the null counterfactual of each, in the same order.
            seed: of the bootstrap.

        Returns:
            ``value``, ``low``, ``high``, ``n``, and ``relative``.

        Raises:
            ValueError: no images, or not one counterfactual a factual image.
        """
        n = len(factual)
        if not n or n != len(made):
            raise ValueError(f"composition-voxels needs one null counterfactual a scan, has {len(made)} for {n}")
        own, other = np.empty(n), np.empty(n)
        for k in range(n):
            scan = np.asarray(factual[k], np.float64)
            head = scan > HEAD
            own[k] = np.abs(np.asarray(made[k]) - scan)[head].mean()
            other[k] = np.abs(np.asarray(factual[(k + 1) % n]) - scan)[head].mean()
        between = float(other.mean())
        return {**_mean(own, seed), "relative": float(own.mean()) / between if between > 0 else float("nan")}


HEAD = 0.05
"""Intensity above which a voxel belongs to the head."""


def _drift(rows: pd.DataFrame, regions: Sequence[str], seed: int) -> dict[str, Any]:
    before, after = (rows[[f"{when}_{name}" for name in regions]].to_numpy(float) for when in ("before", "after"))
    if not ((before > 0) & (after > 0)).all():
        raise ValueError("composition: a volume is missing or not positive")
    log = 100 * np.log(after / before)
    drift, ml = np.abs(log).mean(axis=1), np.abs(after - before).mean(axis=1)
    names, whose = np.unique(rows["subject"].astype(str), return_inverse=True)
    count = np.bincount(whose)
    per_person = np.bincount(whose, drift) / count
    in_ml = _mean(np.bincount(whose, ml) / count, seed)
    return {
        **_mean(per_person, seed),
        "ml": in_ml["value"],
        "ml_low": in_ml["low"],
        "ml_high": in_ml["high"],
        "bias": dict(zip(regions, log.mean(axis=0).tolist(), strict=True)),
        "by_unit": dict(zip(names.tolist(), per_person.tolist(), strict=True)),
    }


def _mean(values: np.ndarray, seed: int) -> dict[str, Any]:
    return over_people(lambda rows: float(values[rows].mean()), len(values), seed, least=0.0)
