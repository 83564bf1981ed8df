"""minimality: what was not asked to change stays; in volumes and in voxels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from typing import ClassVar

import numpy as np

from pcgm_bench.anatomy import LOBE_OF
from pcgm_bench.contracts import BandMetric
from pcgm_bench.contracts import ChangeMetric
from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import MetricRecord
from pcgm_bench.statistics.estimates import mean_over_people
from pcgm_bench.statistics.estimates import person_means

if TYPE_CHECKING:
    import pandas as pd

BALANCE: dict[str, frozenset[str]] = {"ventricles": frozenset({"csf", "white_matter", "deep_grey"})}
"""What has to give way to a region, and is no spill-over: fluid for a lobe, and the tissue around the ventricles."""


class Minimality(ChangeMetric):
    """Spill-over: mean ``100 * abs(ln(after / before))``, per cent, of the regions that were not asked to change.

    Left out are those that must give way to the asked ones (`BALANCE`; cerebrospinal fluid always) and the parcels of
    an asked lobe. Bias: upward; measurement noise is the floor: read the oracle's row. ``ml_per_ml`` is millilitres
    moved outside for every millilitre moved in the target. Known failure: doing nothing (copy-input) is perfect.

    >>> import pandas as pd
    >>> row = {"subject": ["a"], "before_insula": [10.0], "asked_insula": [9.0], "after_insula": [9.0],
    ...        "before_frontal": [100.0], "after_frontal": [99.0]}
    >>> round(Minimality()(pd.DataFrame(row)).value, 4)
    1.005
    """

    record: ClassVar[MetricRecord] = MetricRecord(
        name="minimality",
        version="1",
        direction="lower",
        range=(0.0, float("inf")),
        unit="%",
        reference="minimality of Melistas et al. 2024, arXiv 2403.20287, as volumes outside the target",
        perfect=0.0,
        useless=float("inf"),
    )

    def __call__(self, changes: pd.DataFrame, seed: int = 0) -> Estimate:
        """Score counterfactuals.

        Args:
            changes: one row a counterfactual: ``subject``, ``before_<region>`` and ``after_<region>`` (mL) of every
                region, and ``asked_<region>`` (mL) of those asked to change (NaN in rows that do not).
            seed: of the bootstrap over subjects.

        Returns:
            The spill-over (%) with its interval; ``n``: people; ``by_unit``: spill-over by person; details ``ml`` (the
            same in mL) and ``ml_per_ml``; parts: signed mean change (%) of each region in the rows in which it was to
            stay, without an interval; ``n`` there: rows.

        Raises:
            ValueError: no rows, no region that was to stay, or a volume that is not positive.
        """
        regions = [str(name)[7:] for name in changes if str(name).startswith("before_")]
        before, after = (changes[[f"{w}_{name}" for name in regions]].to_numpy(float) for w in ("before", "after"))
        stays = np.array([[_stays(name, row, regions) for name in regions] for _, row in changes.iterrows()], bool)
        if not stays.size or not stays.any(axis=1).all():
            raise ValueError("minimality needs rows with a region that was to stay")
        asked = np.array([[_is_asked(name, row) for name in regions] for _, row in changes.iterrows()], bool)
        if not ((before > 0) & (after > 0)).all():
            raise ValueError("minimality: a volume is missing or not positive")
        log, ml = 100 * np.log(after / before), np.abs(after - before)
        spill = np.where(stays, np.abs(log), 0).sum(axis=1) / stays.sum(axis=1)
        by_person = person_means(changes["subject"].astype(str).to_list(), spill)
        inside = float(ml[asked].sum())
        details = {
            "ml": float(ml[stays].mean()),
            "ml_per_ml": float(ml[stays].sum()) / inside if inside > 0 else float("nan"),
        }
        parts = {
            name: Estimate(float(log[rows, k].mean()), n=int(rows.sum()))
            for k, (name, rows) in enumerate(zip(regions, stays.T, strict=True))
            if rows.any()
        }
        mean = mean_over_people(np.array(list(by_person.values())), seed)
        return replace(mean, details=details, parts=parts, by_unit=by_person)


class MinimalityVoxels(BandMetric):
    """Share of an image's absolute change that lies outside the voxels where change was asked: in [0, 1].

    ``sum abs(made - factual) outside / sum abs(made - factual)``, averaged over images. A change spread evenly over the
    image scores the share of the voxels that were to stay, nearly 1. Bias: upward, by the noise outside. Known failure:
    fresh noise and lost detail lie outside in full, so that only generators that keep the noise, and the oracle with
    the factual noise, come near 0. An image that did not change (copy-input) has no value.

    >>> scan, band = np.ones((2, 2, 2)), np.zeros((2, 2, 2), bool)
    >>> band[0] = True
    >>> round(MinimalityVoxels()([scan], [scan + np.where(band, 0.3, 0.1)], [band]).value, 6)
    0.25
    """

    record: ClassVar[MetricRecord] = MetricRecord(
        name="minimality-voxels",
        version="1",
        direction="lower",
        range=(0.0, 1.0),
        unit="share",
        reference="pcgm-bench",
        perfect=0.0,
        useless=1.0,
    )

    def __call__(
        self, real: Sequence[np.ndarray], made: Sequence[np.ndarray], bands: Sequence[np.ndarray], seed: int = 0
    ) -> Estimate:
        """Score counterfactuals.

        Args:
            real: factual images ``(X, Y, Z)``, one a counterfactual.
            made: the counterfactuals.
            bands: bool ``(X, Y, Z)``: where the asked anatomy differs from the factual one.
            seed: of the bootstrap.

        Returns:
            The share with its interval; ``n``: images; details ``outside`` and ``inside``: mean absolute change of
            intensity. Images that did not change at all have no share and are not counted in ``n``.

        Raises:
            ValueError: no images, not three a case, or no image changed.
        """
        n = len(real)
        if not n or len(made) != n or len(bands) != n:
            raise ValueError(f"minimality-voxels needs three arrays a case, has {n}, {len(made)}, {len(bands)}")
        share, outside, inside = np.full(n, np.nan), np.empty(n), np.empty(n)
        for k in range(n):
            change = np.abs(np.asarray(made[k], np.float64) - real[k])
            band = np.asarray(bands[k], bool)
            if change.any():
                share[k] = change[~band].sum() / change.sum()
            outside[k], inside[k] = change[~band].mean(), change[band].mean() if band.any() else np.nan
        changed = share[np.isfinite(share)]
        if not len(changed):
            raise ValueError("minimality-voxels: no image changed")
        within = inside[np.isfinite(inside)]
        details = {"outside": float(outside.mean()), "inside": float(within.mean()) if len(within) else float("nan")}
        return replace(mean_over_people(changed, seed, most=1.0), details=details)


def _is_asked(name: str, row: pd.Series[float]) -> bool:
    column = f"asked_{name}"
    return column in row and bool(np.isfinite(row[column]))


def _stays(name: str, row: pd.Series[float], regions: Sequence[str]) -> bool:
    asked = {other for other in regions if _is_asked(other, row)}
    lobe = LOBE_OF.get(name.partition("-")[2])
    gives_way = {"csf"}.union(*(BALANCE.get(other, frozenset()) for other in asked))
    return name not in asked and name not in gives_way and lobe not in asked
