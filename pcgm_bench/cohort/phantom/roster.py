"""Who is in a phantom cohort: people and their visits, drawn by a seed.

Populations mirror the paper's four (sections 4.1, 4.3, 4.4): adolescents (NCANDA), old adults (ADNI), adults with HIV,
and the study of alcohol use disorder. Training people come from seed 1000, which no test population may use.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pcgm_bench.cohort.phantom.population import CASE
from pcgm_bench.cohort.phantom.population import CONTROL
from pcgm_bench.cohort.phantom.population import HIV
from pcgm_bench.cohort.phantom.population import Person
from pcgm_bench.cohort.phantom.population import person
from pcgm_bench.cohort.phantom.population import planned_volumes
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import UserError

TRAINING_SEED = 1000


MOST_CINGULATE = 0.0186
"""Share of the head's volume that the template's folds can hold as cingulate cortex (measured; 0.019 fails)."""
DRAWS = 100_000
"""Distance between a person's index and that of who stands in for them."""


def _fitting(seed: int, index: int, population: str, diagnosis: str, age: float, sex: str) -> Person:
    """A person of the population whose cingulate cortex fits the template: one adolescent in 25 is drawn again."""
    while True:
        who = person(seed, index, population, diagnosis, age, sex)
        if planned_volumes(who, 0, 0.0, "null")["cingulate"] <= MOST_CINGULATE * who.icv:
            return who
        index += DRAWS


@dataclass(frozen=True)
class Visit:
    """One planned scan: who, which visit, years since the first."""

    person: Person
    number: int
    years: float

    @property
    def session(self) -> str:
        """BIDS session label, ``01`` for the first visit."""
        return f"{self.number + 1:02d}"

    @property
    def age(self) -> float:
        """At the visit, years."""
        return round(self.person.age + self.years, 4)

    def scan(self, image: np.ndarray, affine: np.ndarray) -> Scan:
        """An image ``(X, Y, Z)`` as the scan of this visit; head size is the phantom's ICV."""
        who = self.person
        return Scan(who.subject, self.session, image, affine, self.age, who.sex, who.diagnosis, who.icv)


def _ages(rng: np.random.Generator, n: int, mean: float, sd: float, low: float, high: float) -> np.ndarray:
    """``n`` ages from a normal distribution cut to [low, high], by drawing again."""
    out = rng.normal(mean, sd, n)
    while ((out < low) | (out > high)).any():
        bad = (out < low) | (out > high)
        out[bad] = rng.normal(mean, sd, int(bad.sum()))
    return out.round(2)


def training_controls() -> list[Visit]:
    """400 scans of 300 controls: 200 adolescents and 100 old adults, every third person seen twice."""
    rng = np.random.default_rng([TRAINING_SEED, 1])
    visits = []
    for population, n, ages, gap in (
        ("adol", 200, _ages(rng, 200, 16.1, 2.5, 12, 22), 2.0),
        ("old", 100, _ages(rng, 100, 75.5, 6.1, 60, 90), 2.0),
    ):
        for i in range(n):
            who = person(TRAINING_SEED, i, population, CONTROL, float(ages[i]), "FM"[i % 2])
            visits.append(Visit(who, 0, 0.0))
            if i % 3 == 2 or (population, i) == ("old", 0):
                visits.append(Visit(who, 1, gap))
    return visits


def _check(seed: int) -> None:
    if seed == TRAINING_SEED:
        msg = f"seed {TRAINING_SEED} belongs to the training controls: use another seed for a test cohort"
        raise UserError(msg)


def aud_study(seed: int, per_group: int = 100, *, longitudinal: bool = False) -> list[Visit]:
    """Controls and people with alcohol use disorder, ``per_group`` each, of one age distribution.

    Ages 48 (10) from 25 to 75 in both groups, and the paper's 43 % and 31 % women (section 4.4). One visit each, or
    with ``longitudinal`` half of them with 2 + Poisson(0.9) visits two years apart.
    """
    _check(seed)
    visits = []
    for group, diagnosis, women in ((0, CONTROL, 0.43), (1, CASE, 0.31)):
        rng = np.random.default_rng([seed, 2, group])
        # Stratified ages: both groups get the same quantiles, so that they are matched at any size.
        ages = np.sort(_ages(np.random.default_rng([seed, 2]), per_group, 48.0, 10.3, 25, 75))
        ages = rng.permutation(ages)
        female = rng.permutation(np.arange(per_group) < round(women * per_group))
        for i in range(per_group):
            index = group * 10_000 + i
            who = person(seed, index, "aud", diagnosis, float(ages[i]), "F" if female[i] else "M")
            more = 1 + int(rng.poisson(0.9)) if longitudinal and rng.random() < 0.5 else 0
            visits += [Visit(who, k, 2.0 * k) for k in range(1 + more)]
    return visits


def aging_study(seed: int, adolescents: int = 20, old: int = 23, hiv: int = 41) -> list[Visit]:
    """Held-out people with follow-up: adolescents (5 yearly visits), old adults (4), adults with HIV (2, two years)."""
    _check(seed)
    visits = []
    for code, (population, diagnosis, n, spec, count, gap) in enumerate(
        (
            ("adol", CONTROL, adolescents, (16.1, 2.5, 12, 22), 5, 1.0),
            ("old", CONTROL, old, (75.5, 6.1, 60, 90), 4, 1.0),
            ("hiv", HIV, hiv, (53.3, 7.8, 33, 74), 2, 2.0),
        )
    ):
        rng = np.random.default_rng([seed, 3, code])
        ages = _ages(rng, n, *spec)
        for i in range(n):
            sex = "F" if rng.random() < (0.365 if population == "hiv" else 0.51) else "M"
            who = _fitting(seed, i, population, diagnosis, float(ages[i]), sex)
            visits += [Visit(who, k, gap * k) for k in range(count)]
    return visits


def synthesis_study(seed: int, n: int = 200) -> list[Visit]:
    """Held-out controls like the training ones, one visit each: two adolescents to every old adult, as in Table 1."""
    _check(seed)
    visits = []
    for code, (population, count, spec) in enumerate(
        (("adol", n - n // 3, (16.1, 2.5, 12, 22)), ("old", n // 3, (75.5, 6.1, 60, 90)))
    ):
        ages = _ages(np.random.default_rng([seed, 4, code]), count, *spec)
        for i in range(count):
            # From index 5000 on: nobody of the aging study of the same seed.
            who = _fitting(seed, 5_000 + i, population, CONTROL, float(ages[i]), "FM"[i % 2])
            visits.append(Visit(who, 0, 0.0))
    return visits
