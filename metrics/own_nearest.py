"""Identity: is the scan that a counterfactual comes nearest to the one it was made from?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import MetricRecord
from pcgm_bench.contracts import PeopleMetric
from pcgm_bench.statistics.distances import block_size
from pcgm_bench.statistics.distances import flat_block
from pcgm_bench.statistics.distances import squared_norms
from pcgm_bench.statistics.proportion import wilson


class OwnNearest(PeopleMetric):
    """Share of counterfactual images whose nearest factual image shows the same person.

    Distance is the mean squared difference of intensities. Every person's scans compete; a nearest scan of another
    visit of the same person counts as right. Bias: none at a given number of people; the more there are, the harder it
    is. Known failure: whoever copies the input (copy-input) scores 1, so it says who, never whether anything changed.

    >>> people = [np.full((2, 2, 2), value) for value in (0.0, 1.0, 2.0)]
    >>> OwnNearest()(people, [people[0] + 0.1, people[2] + 0.1], ["a", "b", "c"], ["a", "b"]).value
    0.5
    """

    record: ClassVar[MetricRecord] = MetricRecord(
        name="own-nearest",
        version="1",
        direction="higher",
        range=(0.0, 1.0),
        unit="share",
        reference="top-1 retrieval, after the identity axiom of Monteiro et al. 2023, arXiv 2303.01274",
        perfect=1.0,
        useless=0.0,
    )

    def __call__(
        self,
        real: Sequence[np.ndarray],
        made: Sequence[np.ndarray],
        real_people: Sequence[str],
        made_people: Sequence[str],
        seed: int = 0,
    ) -> Estimate:
        """Score counterfactuals against all factual scans.

        Args:
            real: factual images ``(X, Y, Z)``, in any sequence that loads an image when asked.
            made: counterfactual images of the same shape.
            real_people: the person of each factual image.
            made_people: the person that each counterfactual was made from.
            seed: not used.

        Returns:
            The share with Wilson's 95 % interval; ``n``: counterfactual images.

        Raises:
            ValueError: there are no images, or not a name for every image.
        """
        if not len(real) or not len(made):
            raise ValueError("own-nearest needs factual and counterfactual images")
        if len(real) != len(real_people) or len(made) != len(made_people):
            raise ValueError("own-nearest needs the name of the person of every image")
        best = np.full(len(made), np.inf)
        nearest = np.zeros(len(made), int)
        block = block_size(real[0])
        for start in range(0, len(real), block):
            scans = flat_block(real, start, block)
            norms = squared_norms(scans)
            for begin in range(0, len(made), block):
                # |a - b|^2 without |b|^2, which is the same for every candidate.
                distance = norms - 2 * flat_block(made, begin, block) @ scans.T
                here = slice(begin, begin + len(distance))
                closest = distance.argmin(axis=1)
                value = distance[np.arange(len(distance)), closest]
                nearest[here] = np.where(value < best[here], start + closest, nearest[here])
                best[here] = np.minimum(value, best[here])
        right = sum(real_people[i] == name for i, name in zip(nearest, made_people, strict=True))
        share = right / len(nearest)
        low, high = wilson(right, len(nearest))
        return Estimate(share, low, high, len(nearest))
