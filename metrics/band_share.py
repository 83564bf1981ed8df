"""band-share: how much of what changed lies where the truth changes?"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np

from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import MetricRecord
from pcgm_bench.contracts import TrueChanges
from pcgm_bench.contracts import TruthMetric
from pcgm_bench.statistics.change_maps import LEAST_ENERGY
from pcgm_bench.statistics.change_maps import change_maps
from pcgm_bench.statistics.pooled import pooled


class BandShare(TruthMetric):
    """Share of the change that lies in the truth's band: the voxels whose true tissue changes, and their neighbours.

    ``sum(made^2 in the band) / sum(made^2 in the head)``, of maps as in `ChangeCorrelation`; squares, since what white
    noise adds to them is known and is taken away. The part ``absolute`` is the share of the absolute change, noise and
    all, and ``band`` the band's share of the head's voxels: what an even change scores. Bias: below 1 for the true
    change, since smoothing spreads a little of it out of the band. Known failure: it does not see where in the band; an
    image that did not change has no value.

    >>> from pcgm_bench.contracts import TrueChange
    >>> scan = np.ones((16, 16, 16))
    >>> oracle = np.concatenate([scan[:4] - 0.3, scan[4:]])
    >>> band = oracle < scan
    >>> tissue, parcels = np.where(band, -1, 3), np.where(band, 1035, 0)
    >>> truth = TrueChange("01", "sub-01", scan, oracle, scan > 0, band, tissue, parcels)
    >>> [round(BandShare()([truth], [made]).value, 2) for made in (oracle, oracle[::-1])]
    [0.97, 0.0]
    """

    record: ClassVar[MetricRecord] = MetricRecord(
        name="band-share",
        version="1",
        direction="higher",
        range=(0.0, 1.0),
        unit="share",
        reference="pcgm-bench",
        perfect=1.0,
        useless=float("nan"),
    )

    def measure(self, data: TrueChanges, seed: int = 0) -> Estimate:
        """Score counterfactuals; ``by_unit``: share of every person, ``n``: images.

        Raises:
            ValueError: shapes differ.
        """
        maps, subjects = change_maps(data), data.subjects
        band = float(np.mean([m.band.mean() for m in maps]))
        if sum(m.made_energy for m in maps) < LEAST_ENERGY * sum(m.true_energy for m in maps):
            return Estimate(n=len(maps), reason="nothing changed beyond noise")
        energies = [[m.band_energy for m in maps], [m.made_energy for m in maps]]
        sizes = [[float(np.abs(m.made[m.band]).sum()) for m in maps], [float(np.abs(m.made).sum()) for m in maps]]
        absolute = pooled(subjects, sizes, _share, seed, 0.0, 1.0)
        return replace(
            pooled(subjects, energies, _share, seed, 0.0, 1.0),
            parts={"absolute": absolute, "band": Estimate(band, n=len(maps))},
        )


def _share(total: np.ndarray) -> float:
    inside, whole = total
    return float(np.clip(inside / whole, 0, 1)) if whole > 0 else float("nan")
