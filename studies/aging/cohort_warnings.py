"""What a cohort's size, visits and origin forbid to conclude."""

from __future__ import annotations

import pandas as pd

from pcgm_bench.studies.aging.groups import GROUPS
from pcgm_bench.studies.aging.groups import follow_ups
from pcgm_bench.studies.aging.groups import people


def cohort_warnings(table: pd.DataFrame, is_phantom: bool) -> list[str]:
    """What a cohort's size, visits and origin forbid to conclude; one line each."""
    members = people(table)
    visits = {name: len(later) + 1 for name, later in follow_ups(table).items() if name in members}
    lines = []
    sizes = {group: sum(g == group for g in members.values()) for group in GROUPS}
    for group, n in sizes.items():
        if n == 0:
            lines.append(f"no {group} with a follow-up: that part of the study is empty")
        elif n < 20:
            lines.append(f"{n} {group}: intervals are wide, and bootstrap intervals of so few people are too narrow")
    two = sum(n == 2 for n in visits.values())
    if two:
        lines.append(
            f"{two} of {len(visits)} people have two visits: their Pearson r is +1 or -1 whatever the size of the "
            "change, so the paper's average r cannot tell right aging from fivefold aging"
        )
    lines.append("the paper's NMSE hardly separates aging from no change: read slope error and skill first")
    single = table["subject"].nunique() - len(visits)
    if single:
        lines.append(f"{single} people have no follow-up or another diagnosis: they are not scored")
    if is_phantom:
        lines.append(
            "phantom cohort: every number here is about simulated anatomy; everybody's ventricles grow at a constant "
            "rate of their own"
        )
    else:
        lines.append("real cohort: there is no oracle, so the ceiling that noise of reading sets is unknown")
    return lines
