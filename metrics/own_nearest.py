"""Identity: is the scan that a counterfactual comes nearest to the one it was made from?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from typing import ClassVar

import numpy as np

from pcgm_bench.contracts import MetricRecord
from pcgm_bench.metrics.mmd import block_size
from pcgm_bench.metrics.mmd import flat_block
from pcgm_bench.metrics.mmd import squared_norms
from pcgm_bench.statistics.proportion import wilson


class OwnNearest:
    """Share of counterfactual images whose nearest factual image shows the same person.

    Distance is the mean squared difference of intensities. Every person's scans compete; a nearest scan of another
    visit of the same person counts as right. Bias: none at a given number of people; the more there are, the harder it
    is. Known failure: whoever copies the input (copy-input) scores 1, so it says who, never whether anything changed.

    >>> people = [np.full((2, 2, 2), value) for value in (0.0, 1.0, 2.0)]
    >>> OwnNearest()(people, [people[0] + 0.1, people[2] + 0.1], ["a", "b", "c"], ["a", "b"])["value"]
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
        inputs="people",
    )

    def __call__(
        self,
        factual: Sequence[np.ndarray],
        counterfactual: Sequence[np.ndarray],
        factual_people: Sequence[str],
        counterfactual_people: Sequence[str],
    ) -> dict[str, Any]:
        """Score counterfactuals against all factual scans.

        Args:
            factual: images ``(X, Y, Z)``, in any sequence that loads one when it is asked for.
            counterfactual: images of the same shape.
            factual_people: whose each factual image is.
            counterfactual_people: whose each counterfactual image is.

        Returns:
            ``value`` in [0, 1], its 95 % Wilson interval ``low`` and ``high``, and ``n``.

        Raises:
            ValueError: there are no images, or not one name an image.
        """
        if not len(factual) or not len(counterfactual):
            raise ValueError("own-nearest needs factual and counterfactual images")
        if len(factual) != len(factual_people) or len(counterfactual) != len(counterfactual_people):
            raise ValueError("own-nearest needs the name of the person of every image")
        best = np.full(len(counterfactual), np.inf)
        nearest = np.zeros(len(counterfactual), int)
        block = block_size(factual[0])
        for start in range(0, len(factual), block):
            scans = flat_block(factual, start, block)
            norms = squared_norms(scans)
            for begin in range(0, len(counterfactual), block):
                # |a - b|^2 without |b|^2, which is the same for every candidate.
                distance = norms - 2 * flat_block(counterfactual, begin, block) @ scans.T
                here = slice(begin, begin + len(distance))
                closest = distance.argmin(axis=1)
                value = distance[np.arange(len(distance)), closest]
                nearest[here] = np.where(value < best[here], start + closest, nearest[here])
                best[here] = np.minimum(value, best[here])
        right = sum(factual_people[i] == name for i, name in zip(nearest, counterfactual_people, strict=True))
        share = right / len(nearest)
        low, high = wilson(right, len(nearest))
        return {"value": share, "low": low, "high": high, "n": len(nearest)}
