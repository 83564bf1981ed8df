"""The phantom's population: a structural causal model whose every number is written here.

``log V = mu + a * male + age curve + c * (log ICV - log 1289) + u + w + e + effect`` for the six lobes, the same with
its own terms for the ventricles. Medians, slopes and ratios are those of the BrainChart models (Bethlehem et al. 2022,
doi 10.1038/s41586-022-04554-y) evaluated at age 48; head sizes are those of Matsumae et al. 1996; effects of alcohol
use disorder follow Sullivan et al. 2018 (doi 10.1001/jamapsychiatry.2018.0021). ``u`` is shared by a person's lobes,
``w`` is the lobe's own, ``e`` is the visit's; a counterfactual keeps all three and changes only the parents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace
from typing import Any

import numpy as np

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import UserError

CASE, CONTROL, HIV = "AUD", "control", "HIV"

MEDIAN_ML = dict(zip(LOBE_NAMES, (160.0, 104.0, 100.0, 46.0, 18.7, 13.8), strict=True))
"""Women of 48 with an ICV of 1289 mL."""
MALE_RATIO = dict(zip(LOBE_NAMES, (175 / 160, 113 / 104, 111 / 100, 51 / 46, 20.6 / 18.7, 15.3 / 13.8), strict=True))
"""Men over women before head size is taken into account."""
DECADE_TO_60 = dict(zip(LOBE_NAMES, (-0.045, -0.043, -0.041, -0.031, -0.036, -0.020), strict=True))
DECADE_FROM_60 = dict(zip(LOBE_NAMES, (-0.029, -0.027, -0.028, -0.019, -0.023, -0.008), strict=True))
RESIDUAL_CV = dict(zip(LOBE_NAMES, (0.050, 0.055, 0.050, 0.075, 0.070, 0.065), strict=True))
HEAD_SIZE_SLOPE = 0.85
SHARED_SD = 0.028
VISIT_SD = 0.015

ICV_ML = {"F": (1289.0, 0.075), "M": (1469.0, 0.065)}
"""Median (mL) and log-s.d."""
VENTRICLE_AGES = (12, 14, 18, 22, 26, 33, 40, 48, 53, 60, 70, 75, 85, 95)
VENTRICLE_ML = (10.0, 10.3, 10.7, 11.2, 12.0, 13.6, 15.8, 18.9, 21.2, 25.0, 31.7, 35.7, 45.3, 56.0)
"""Median total ventricular volume (mL) of women by age."""
VENTRICLE_MALE_RATIO = 1.24
VENTRICLE_SHARE = 0.9
"""The phantom draws the lateral and third ventricles, nine tenths of the total."""
VENTRICLE_SD = 0.36
VENTRICLE_VISIT_SD = 0.015
HIV_VENTRICLES, HIV_SLOPE = 1.10, 1.2

EFFECTS: dict[str, dict[str, float]] = {
    "demo": dict(zip(LOBE_NAMES, (-0.045, -0.044, -0.045, 0.0, -0.055, -0.052), strict=True)),
    "literature": dict(zip(LOBE_NAMES, (-0.028, -0.027, -0.015, 0.0, -0.022, -0.031), strict=True)),
    "null": dict.fromkeys(LOBE_NAMES, 0.0),
}
"""Share of a lobe's volume that alcohol use disorder adds (negative: takes away).

``demo`` is sized so that the true counterfactuals of 100 + 100 people pass the study's paper rule in 95 of 100 cohorts;
that rule does not adjust for age, whose spread counts as noise.
"""
LITERATURE_VENTRICLES = 0.12
LITERATURE_FRONTAL_AGE = -0.0005


@dataclass(frozen=True)
class Person:
    """Exogenous anatomy and metadata of one person: what a ``do`` leaves alone, and the parents it changes."""

    subject: str
    sex: str
    diagnosis: str
    age: float
    icv: float
    shared: float
    own: tuple[float, ...]
    ventricle: float
    ventricle_slope: float
    seed: int

    def under(self, do: Mapping[str, Any]) -> Person:
        """The same person, other sex or diagnosis (age acts through `years`). Head size stays.

        Raises:
            UserError: unknown variable or level.
        """
        unknown = set(do) - {"age", "sex", "diagnosis"}
        if unknown:
            msg = f"the phantom cannot intervene on {sorted(unknown)}: use age, sex or diagnosis"
            raise UserError(msg)
        if do.get("diagnosis", CONTROL) not in (CASE, CONTROL, HIV):
            msg = f"unknown diagnosis {do['diagnosis']!r}: the phantom knows {CONTROL}, {CASE}, {HIV}"
            raise UserError(msg)
        if do.get("sex", "F") not in ("F", "M"):
            msg = f"unknown sex {do['sex']!r}: use F or M"
            raise UserError(msg)
        return replace(self, **{k: v for k, v in do.items() if k != "age"})

    def years(self, do: Mapping[str, Any], years: float) -> float:
        """Years since the first visit under ``do``: a person ages along their own trajectory."""
        return float(do["age"]) - self.age if "age" in do else years


def person(seed: int, index: int, population: str, diagnosis: str, age: float, sex: str) -> Person:
    """Draw one person's exogenous anatomy: a function of (seed, population, index) alone."""
    code = int.from_bytes(population.encode()[:6], "little")
    rng = np.random.default_rng([seed, code, index])
    median, sd = ICV_ML[sex]
    own_sd = [np.sqrt(RESIDUAL_CV[k] ** 2 - SHARED_SD**2 - VISIT_SD**2) for k in LOBE_NAMES]
    slope = {"adol": (0.010, 0.010), "old": (0.035, 0.020)}.get(population, (0.025, 0.015))
    return Person(
        subject=f"{population}{index:03d}",
        sex=sex,
        diagnosis=diagnosis,
        age=age,
        icv=float(median * np.exp(sd * rng.standard_normal())),
        shared=float(SHARED_SD * rng.standard_normal()),
        own=tuple(float(s * rng.standard_normal()) for s in own_sd),
        ventricle=float(VENTRICLE_SD * rng.standard_normal()),
        ventricle_slope=float(slope[0] + slope[1] * np.clip(rng.standard_normal(), -2, 2)),
        seed=int(rng.integers(2**31)),
    )


def wanted_shape(who: Person) -> dict[str, float]:
    """What a person's shape should have by itself, for `shape_model.ShapeModel.draw`.

    Lobes: what sets this person apart from others with this head, whatever their age or diagnosis. Ventricles: those of
    the first visit, over head size.
    """
    first = planned_volumes(who.under({"diagnosis": CONTROL}), 0, 0.0, "null")["ventricles"]
    lobes = {lobe: who.shared + own for lobe, own in zip(LOBE_NAMES, who.own, strict=True)}
    return {**lobes, "ventricles": float(np.log(first / who.icv))}


def _age_curve(lobe: str, age: float) -> float:
    return (DECADE_TO_60[lobe] * (min(age, 60) - 48) + DECADE_FROM_60[lobe] * max(age - 60, 0)) / 10


def planned_volumes(who: Person, visit: int, years: float, effect: str) -> dict[str, float]:
    """Volumes (mL) of the six lobes and the ventricles that a person's scan is made to have.

    Args:
        who: the person, with the parents that hold (``person.under(do)`` for a counterfactual).
        visit: number of the visit; picks the visit's own wiggle.
        years: years since the first visit; the person's age at the visit is ``who.age + years``.
        effect: ``demo``, ``literature`` or ``null``.
    """
    wiggle = np.random.default_rng([who.seed, 7, visit]).standard_normal(7)
    male = who.sex == "M"
    age = who.age + years
    head = HEAD_SIZE_SLOPE * np.log(who.icv / ICV_ML["F"][0])
    volumes = {}
    for k, lobe in enumerate(LOBE_NAMES):
        # The raw sex ratio is mostly head size; what head size does not explain is the direct effect.
        direct = np.log(MALE_RATIO[lobe]) - HEAD_SIZE_SLOPE * np.log(ICV_ML["M"][0] / ICV_ML["F"][0])
        log = np.log(MEDIAN_ML[lobe]) + male * direct + _age_curve(lobe, age) + head
        log += who.shared + who.own[k] + VISIT_SD * wiggle[k]
        if who.diagnosis == CASE:
            log += np.log1p(EFFECTS[effect][lobe])
            if effect == "literature" and lobe == "frontal":
                log += LITERATURE_FRONTAL_AGE * max(age - 40, 0)
        volumes[lobe] = float(np.exp(log))
    first = np.log(np.interp(who.age, VENTRICLE_AGES, VENTRICLE_ML) * VENTRICLE_SHARE)
    hiv = who.diagnosis == HIV
    log = first + male * np.log(VENTRICLE_MALE_RATIO) + who.ventricle + VENTRICLE_VISIT_SD * wiggle[6]
    log += np.log1p(who.ventricle_slope * (HIV_SLOPE if hiv else 1.0)) * years + hiv * np.log(HIV_VENTRICLES)
    log += np.log1p(LITERATURE_VENTRICLES) * (who.diagnosis == CASE and effect == "literature")
    volumes["ventricles"] = float(np.exp(np.clip(log, np.log(3.5), np.log(110))))
    return volumes
