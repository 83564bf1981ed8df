"""Images are read when asked for, and few are kept."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from pcgm_bench.runner.images import Images


def test_the_latest_images_stay_and_no_more() -> None:
    reads: list[int] = []

    def read(number: int) -> np.ndarray:
        reads.append(number)
        return np.full(1, float(number))

    scans = Images([partial(read, number) for number in range(5)], keep=3 * 8)
    assert [float(scan[0]) for scan in scans] == [0, 1, 2, 3, 4]
    assert reads == [0, 1, 2, 3, 4]
    scans[2], scans[3], scans[4]
    assert len(reads) == 5
    scans[0]
    scans[3]
    assert reads == [0, 1, 2, 3, 4, 0]
    scans[2]
    assert reads == [0, 1, 2, 3, 4, 0, 2]


@pytest.mark.parametrize("keep", [0, 1])
def test_an_image_larger_than_what_may_stay_is_given(keep: int) -> None:
    scans = Images([partial(np.full, 4, float(number)) for number in range(3)], keep=keep)
    assert [float(scans[k][0]) for k in (0, 1, 2, 1)] == [0, 1, 2, 1]
