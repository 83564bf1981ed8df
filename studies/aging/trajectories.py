"""Volumes over age, person by person, out of the records."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence

from pcgm_bench.contracts import Record
from pcgm_bench.contracts import RowKind
from pcgm_bench.contracts import Trajectory
from pcgm_bench.results.select import select
from pcgm_bench.studies.aging import terms
from pcgm_bench.studies.aging.records import PERSON

NAN = float("nan")


def trajectories(records: Sequence[Record]) -> dict[str, dict[str, Trajectory]]:
    """Group -> person -> trajectory; nothing where no row was scored."""
    rows = [record.row for record in select(records, contrast=terms.NMSE, group="")]
    volumes = select(records, metric=terms.VENTRICLES)
    shown = {(record.row, record.group, record.contrast): record.by_unit for record in volumes}
    groups: dict[str, dict[str, Trajectory]] = {}
    for real in volumes if rows else ():
        if real.kind is RowKind.REAL:
            ages = list(real.by_unit)
            lines = {row: _line(real, shown.get((row, real.group, real.contrast), {})) for row in rows}
            person = Trajectory([float(age) for age in ages], [real.by_unit[age] for age in ages], lines)
            groups.setdefault(real.group, {})[real.contrast.removeprefix(PERSON)] = person
    return groups


def _line(real: Record, later: Mapping[str, float]) -> list[float]:
    """The reading of the baseline, which is the input, and what the images show at the later ages."""
    first, *others = real.by_unit
    return [real.by_unit[first], *(later.get(age, NAN) for age in others)]
