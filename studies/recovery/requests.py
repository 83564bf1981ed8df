"""What is asked of whom: one region by one dose, nothing, and what follows on some of these images."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
import pandas as pd

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.statistics.matched_folds import find_levels

REGIONS = (*LOBE_NAMES, "ventricles")
"""Regions that are asked to change."""
DOSES = (0.90, 0.95, 1.05, 1.10)
"""Factors of a region's factual volume."""
NULLS = 8
"""People of whom nothing is asked."""
MOST_REPEATS = 4
"""People a region and dose, at most: 28 x 4 + 8 = 120 images a row."""
CYCLES = 10
"""Null interventions in a row."""
QUICK_NULLS = 3
"""People of whom nothing is asked again and again in a quick run (else all of whom nothing is asked)."""
ROUND_TRIP_DOSES = (1.10, 0.90)
"""Of these doses the first person of every region is asked back; in a quick run of the first dose only."""

Request = Mapping[str, float]
"""``{region: factor}``, or empty: nothing is asked."""


def repeats(people: int) -> int:
    """How many people are asked for each region and dose in a cohort of this size.

    >>> repeats(120), repeats(40)
    (4, 1)
    """
    return max(1, min(MOST_REPEATS, (people - NULLS) // (len(REGIONS) * len(DOSES))))


def dealt_requests(table: pd.DataFrame) -> list[tuple[int, Request]]:
    """``(row of the table, request)``: first visits in a fixed random order are dealt the regions and doses.

    Raises:
        UserError: no people of the two diagnoses.
    """
    levels = find_levels(table["diagnosis"].tolist())
    visits = table.reset_index(drop=True)
    visits = visits[visits["diagnosis"].isin([levels.control, levels.patient])].drop_duplicates("subject")
    rows = np.random.default_rng(28).permutation(visits.index.to_numpy())
    cells: list[Request] = [{region: dose} for dose in DOSES for region in REGIONS]
    asked: list[Request] = [{} for _ in range(min(NULLS, len(rows)))] + repeats(len(rows)) * cells
    dealt = [(int(rows[place % len(rows)]), request) for place, request in enumerate(asked)]
    # In a very small cohort the deal comes round to the same person with the same request.
    return [pair for place, pair in enumerate(dealt) if pair not in dealt[:place]]


def chains_of(asked: Sequence[tuple[int, Request]], quick: bool) -> list[tuple[int, list[Request]]]:
    """``(row of the table, requests)``: null interventions in a row, and round trips.

    Each goes on from one of ``asked``. In a round trip a region is asked to change by 10 %, and then by the inverse
    factor, so that an image that obeyed is asked back to the factual volume.
    """
    nulls = [index for index, request in asked if not request]
    chains: list[tuple[int, list[Request]]] = [
        (index, [{} for _ in range(CYCLES)]) for index in (nulls[:QUICK_NULLS] if quick else nulls)
    ]
    for dose in ROUND_TRIP_DOSES[:1] if quick else ROUND_TRIP_DOSES:
        for region in REGIONS:
            there = {region: dose}
            first = next((index for index, request in asked if request == there), None)
            if first is not None:
                chains.append((first, [there, {region: 1 / dose}]))
    return chains
