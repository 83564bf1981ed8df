"""The people of a run by rank: whose image comes nearest to what was asked, and whose comes least near."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pcgm_bench.contracts import Change
from pcgm_bench.contracts import ChangesPlot

BAND = 5
"""Years that an age is given in on real cohorts: an exact age beside a sex can name somebody."""


@dataclass(frozen=True)
class Person:
    """One person of the run's own row.

    Attributes:
        label: BIDS label; never written into the report.
        rank: 1 is the person whose image is nearest to what was asked.
        age: in words: whole years of a phantom, a band of `BAND` years of a real person; empty where not known.
        sex: as in the cohort's table.
        diagnosis: of the factual scan.
        error: mean over regions of abs(shown - asked).
        unchanged: the same of an image that shows no change at all.
        changes: region -> change.
    """

    label: str
    rank: int
    age: str
    sex: str
    diagnosis: str
    error: float
    unchanged: float
    changes: Mapping[str, Change]


def ranked_people(plot: ChangesPlot, measurements: Path, *, is_phantom: bool) -> list[Person]:
    """People of the first row of the plot, the best first; those without a change are left out.

    Args:
        plot: of the study.
        measurements: ``measurements.tsv`` of the run.
        is_phantom: whether the people are simulated.
    """
    changes = next(iter(plot.changes.values()), {})
    errors = {label: _mean([abs(c.shown - c.asked) for c in mine.values()]) for label, mine in changes.items() if mine}
    about = _real_people(measurements)
    people = []
    for rank, label in enumerate(sorted(errors, key=lambda label: (errors[label], label)), start=1):
        line = about.get(label, {})
        people.append(
            Person(
                label=label,
                rank=rank,
                age=_age(line.get("age", ""), is_phantom=is_phantom),
                sex=line.get("sex", ""),
                diagnosis=line.get("diagnosis", ""),
                error=errors[label],
                unchanged=_mean([abs(change.asked) for change in changes[label].values()]),
                changes=changes[label],
            )
        )
    return people


def best_median_worst(people: Sequence[Person]) -> list[Person]:
    """Three of them; fewer where there are fewer.

    >>> people = [Person("a", rank, "", "", "", 0.0, 0.0, {}) for rank in range(1, 6)]
    >>> [person.rank for person in best_median_worst(people)]
    [1, 3, 5]
    """
    if not people:
        return []
    places = dict.fromkeys([0, (len(people) - 1) // 2, len(people) - 1])
    return [people[place] for place in places]


def _real_people(measurements: Path) -> dict[str, dict[str, str]]:
    """Subject -> the first line of a real scan."""
    if not measurements.exists():
        return {}
    with measurements.open(encoding="utf-8", newline="") as stream:
        lines = [line for line in csv.DictReader(stream, delimiter="\t") if line["row"] == "real"]
    return {line["subject"]: line for line in reversed(lines)}


def _age(text: str, *, is_phantom: bool) -> str:
    """An age as it may leave the machine.

    >>> _age("43.7", is_phantom=True), _age("43.7", is_phantom=False), _age("", is_phantom=True)
    ('44', '40-44', '')
    """
    try:
        age = float(text)
    except ValueError:
        return ""
    if not math.isfinite(age):
        return ""
    first = int(age // BAND) * BAND
    return f"{age:.0f}" if is_phantom else f"{first}-{first + BAND - 1}"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
