"""Tables of follow-up visits: what the real later scan shows, what was expected, and what the made image shows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pcgm_bench.contracts import Fold
from pcgm_bench.contracts import Measurement
from pcgm_bench.contracts import UserError
from pcgm_bench.statistics.visits import annualised
from pcgm_bench.studies.aging.groups import TOLERANCE
from pcgm_bench.studies.aging.groups import follow_ups
from pcgm_bench.studies.aging.groups import people

REGION = "ventricles"
LEAST_ML = 0.1
"""Volumes below it, of images that show no ventricles, count as this much: their error is large, and finite."""


def real_visits(measurements: Sequence[Measurement], table: pd.DataFrame) -> pd.DataFrame:
    """Follow-ups of the real scans: subject, group, age, years, baseline and real (mL).

    Raises:
        UserError: a real scan that is needed has no reading of the ventricles.
    """
    read = {(m.subject, m.session): _volume(m) for m in measurements if m.row == "real"}
    if not read:
        raise UserError("the aging study has no readings of the real scans: segment them first, then score")
    keys = list(zip(table["subject"].astype(str), table["session"].fillna("").astype(str), strict=True))
    groups = people(table)
    lines = []
    for name, visits in follow_ups(table).items():
        for visit in visits:
            volumes = [read.get(keys[row], float("nan")) for row in (visit.row, visit.later)]
            if not np.isfinite(volumes).all():
                bad = keys[visit.row if not np.isfinite(volumes[0]) else visit.later]
                raise UserError(
                    f"sub-{bad[0]} ses-{bad[1]}: no reading of the ventricles of the real scan: segment it again"
                )
            lines.append([name, groups[name], visit.age, visit.years, *(max(volume, LEAST_ML) for volume in volumes)])
    return pd.DataFrame(lines, columns=["subject", "group", "age", "years", "baseline", "real"])


def with_expected(real: pd.DataFrame, split: Sequence[Fold]) -> pd.DataFrame:
    """The follow-ups with ``expected``: the baseline's volume aged at the mean rate of the fold's training people.

    The rate is the mean over the training people of the same group of their own yearly log-change between their real
    scans, read by the same segmenter. Within people and within the group, because slopes across people of different
    ages are smaller than those within people in old age, and the two groups of controls are sixty years apart.
    ``rate`` is log-per cent a year; both are NaN where fewer than two people of the group train.
    """
    rates = annualised(real.assign(made=real["real"]))["real"]
    groups = real.drop_duplicates("subject").set_index("subject")["group"]
    result = real.assign(rate=float("nan"))
    for train, test in split:
        for group in groups.unique():
            learnt = rates[[name for name in train if name in rates.index and groups[name] == group]]
            if len(learnt) >= 2:
                result.loc[result["subject"].isin(test) & (result["group"] == group), "rate"] = learnt.mean()
    return result.assign(expected=result["baseline"] * np.exp(result["rate"] * result["years"] / 100))


def with_made(real: pd.DataFrame, measurements: Sequence[Measurement]) -> pd.DataFrame:
    """The follow-ups of which a row shows an image, with its volume ``made`` (mL).

    An image belongs to the follow-up of its person whose age is the one asked for, within `TOLERANCE` years.

    Args:
        real: see `real_visits`.
        measurements: of one row.

    Raises:
        UserError: an image of an age at which nobody was asked for, or two of one follow-up.
    """
    volumes = np.full(len(real), np.nan)
    names, ages = real["subject"].to_numpy(), real["age"].to_numpy(float)
    for m in measurements:
        own = np.flatnonzero(names == m.subject)
        if not len(own):
            raise UserError(f"{m.row}: sub-{m.subject} has an image, but no follow-up to compare it with")
        place = own[np.abs(ages[own] - m.age).argmin()]
        if not abs(ages[place] - m.age) <= TOLERANCE:
            raise UserError(
                f"{m.row}: sub-{m.subject} has an image at age {m.age:g}, but no follow-up scan at that age"
            )
        if not np.isnan(volumes[place]):
            raise UserError(f"{m.row}: sub-{m.subject} has two images at age {m.age:g}: leave one out")
        volumes[place] = _volume(m)
    return real.assign(made=np.maximum(volumes, LEAST_ML))[~np.isnan(volumes)]


def _volume(measurement: Measurement) -> float:
    return float(measurement.volumes.get(REGION, float("nan")))
