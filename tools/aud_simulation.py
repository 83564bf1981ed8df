"""The AUD study on volumes alone: ``python tools/aud_simulation.py``, phantom people without images.

Every measurement is the planned volume times noise of the segmenter. A linear causal model stands in for a generator.
Prints the oracle's ceiling, how often right and cheating rows pass the verdict, and the sound rule's false positives.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from pcgm_bench.cohort.phantom.population import CASE
from pcgm_bench.cohort.phantom.population import CONTROL
from pcgm_bench.cohort.phantom.population import EFFECTS
from pcgm_bench.cohort.phantom.population import Person
from pcgm_bench.cohort.phantom.population import planned_volumes
from pcgm_bench.cohort.phantom.roster import aud_study
from pcgm_bench.contracts import Evidence
from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import Measurement
from pcgm_bench.contracts import Refitter
from pcgm_bench.statistics.equivalence import BOTH
from pcgm_bench.statistics.equivalence import DIFFERENT
from pcgm_bench.statistics.matched_folds import Levels
from pcgm_bench.statistics.matched_folds import matched_folds
from pcgm_bench.studies.aud.cohort import permuted
from pcgm_bench.studies.aud.comparisons import COLUMNS
from pcgm_bench.studies.aud.paper_rule import paper_rule
from pcgm_bench.studies.aud.rows import ALL_PERMUTED
from pcgm_bench.studies.aud.rows import COPY
from pcgm_bench.studies.aud.rows import ORACLE
from pcgm_bench.studies.aud.rows import RANDOM
from pcgm_bench.studies.aud.rows import REAL
from pcgm_bench.studies.aud.rows import rows_of
from pcgm_bench.studies.aud.sample import LOBES
from pcgm_bench.studies.aud.sample import sample_of
from pcgm_bench.studies.aud.sample import visits_of
from pcgm_bench.studies.aud.scoring import score_rows
from pcgm_bench.studies.aud.sound_rule import sound_rule

METHOD = "linear"
VOLUMES = f"{METHOD} (volumes)"
FIT_PERMUTED = f"{METHOD} (volumes, labels permuted)"
LEVELS = Levels(CONTROL, CASE)
HEAD_NOISE = 0.005
IMAGE_NOISE = 0.005
"""What PCGM's images add to the volumes it asks for (log-s.d.; docs/results/aud.md)."""


@dataclass(frozen=True)
class Simulated:
    """A cohort without images.

    Attributes:
        table: one row a person.
        planted: lobe -> true loss in per cent.
        measurements: of every row.
        refitter: of the stand-in's causal model.
    """

    table: pd.DataFrame
    planted: Mapping[str, float]
    measurements: Sequence[Measurement]
    refitter: Refitter

    def evidence(self, seed: int = 0) -> Evidence:
        """What the study scores: all rows, without a refitter."""
        return Evidence(
            self.measurements, self.table, rows_of(METHOD), planted=self.planted, is_phantom=True, seed=seed, quick=True
        )


def simulate(
    seed: int,
    per_group: int = 100,
    effect: str = "demo",
    measurement_noise: float = 0.01,
    image_noise: float = 0.0,
    dose: float = 1.0,
) -> Simulated:
    """Draw phantom people and measure them, really and counterfactually.

    Args:
        seed: of the population and of the noise.
        per_group: people a group, one visit each.
        effect: ``demo``, ``literature`` or ``null``.
        measurement_noise: log-s.d. of every measured lobe; fresh for the oracle's image.
        image_noise: log-s.d. that the stand-in's images add to the volumes it asks for.
        dose: share of the change asked for that its images show: 0.5, 2 and 0 are cheats.
    """
    rng = np.random.default_rng([seed, 11])
    visits = aud_study(seed, per_group)

    def measured(who: Person, do: Intervention, number: int, years: float) -> list[float]:
        volumes = planned_volumes(who.under(do), number, years, effect)
        return [volumes[lobe] * float(np.exp(measurement_noise * rng.standard_normal())) for lobe in LOBES]

    table = pd.DataFrame(
        {
            "subject": [v.person.subject + ("c" if v.person.diagnosis == CONTROL else "p") for v in visits],
            "session": [v.session for v in visits],
            "age": [v.person.age + v.years for v in visits],
            "sex": [v.person.sex for v in visits],
            "diagnosis": [v.person.diagnosis for v in visits],
            "head_size": [v.person.icv * float(np.exp(HEAD_NOISE * rng.standard_normal())) for v in visits],
        }
    )
    real = np.array([measured(v.person, {}, v.number, v.years) for v in visits])
    other = [{"diagnosis": LEVELS.other(v.person.diagnosis)} for v in visits]
    oracle = np.array([measured(v.person, do, v.number, v.years) for v, do in zip(visits, other, strict=True)])
    folds = matched_folds(table, seed)
    people = table.assign(**dict(zip(LOBES, real.T, strict=True)))
    fit = linear_refitter(folds)
    fake = permuted(table, seed)["diagnosis"].to_numpy()
    linear = fit(people, rng)[list(LOBES)].to_numpy()
    blind = _shifted(people, fake, people["diagnosis"].to_numpy(), _fold_numbers(people, folds))
    nothing = _shifted(people, fake, fake, _fold_numbers(people, folds))
    rows = {
        REAL: (real, None),
        ORACLE: (oracle, None),
        COPY: (real, None),
        RANDOM: (real[_somebody_else(table, rng)], None),
        METHOD: (real * (linear / real) ** dose * np.exp(image_noise * rng.standard_normal(linear.shape)), None),
        VOLUMES: (linear, None),
        FIT_PERMUTED: (blind, None),
        ALL_PERMUTED: (nothing, fake),
    }
    measurements = [m for row, (volumes, labels) in rows.items() for m in _measurements(row, table, volumes, labels)]
    planted = {lobe: -100 * EFFECTS[effect][lobe] for lobe in LOBES}
    return Simulated(table, planted, measurements, fit)


def _measurements(
    row: str, table: pd.DataFrame, volumes: np.ndarray, labels: np.ndarray | None
) -> Iterable[Measurement]:
    for i, person in enumerate(table.to_dict("records")):
        factual = str(person["diagnosis"] if labels is None else labels[i])
        yield Measurement(
            row=row,
            subject=str(person["subject"]),
            session=str(person["session"]),
            age=float(person["age"]),
            sex=str(person["sex"]),
            diagnosis=factual if row == REAL else LEVELS.other(factual),
            factual_diagnosis=factual,
            head_size=float(person["head_size"]),
            volumes=dict(zip(LOBES, volumes[i].tolist(), strict=True)),
        )


def _somebody_else(table: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """For everybody a random one of the five people of the other group and same sex with the nearest head size.

    Heads must match: with anybody's head the factual head size no longer corrects the volume, and the row would lose
    its group differences in noise instead of showing that group differences are not enough.
    """
    head = np.log(table["head_size"].to_numpy(float))
    patient, sex = (table["diagnosis"] == CASE).to_numpy(), table["sex"].to_numpy()
    chosen = []
    for i in range(len(table)):
        others = np.flatnonzero((patient != patient[i]) & (sex == sex[i]))
        chosen.append(rng.choice(others[np.argsort(np.abs(head[others] - head[i]))[:5]]))
    return np.array(chosen)


def _fold_numbers(people: pd.DataFrame, folds: Sequence[tuple[list[str], list[str]]]) -> np.ndarray:
    number = {subject: k for k, (_, held_out) in enumerate(folds) for subject in held_out}
    return np.array([number[subject] for subject in people["subject"]])


def linear_refitter(folds: Sequence[tuple[list[str], list[str]]]) -> Refitter:
    """A linear-Gaussian causal model of the phantom's two groups, cross-fitted over ``folds``.

    ``log V ~ 1 + diagnosis + age + age^2 + sex + log head size`` by least squares on the people of the other folds;
    the counterfactual keeps a person's residual and moves by the coefficient of the diagnosis. A quick stand-in for a
    flow in a bootstrap, and the model of the study's own validation.
    """

    def refit(people: pd.DataFrame, _rng: np.random.Generator) -> pd.DataFrame:
        diagnosis = people["diagnosis"].to_numpy()
        moved = _shifted(people, diagnosis, diagnosis, _fold_numbers(people, folds))
        return pd.DataFrame(moved, columns=list(LOBES))

    return refit


def _shifted(people: pd.DataFrame, fitted_on: np.ndarray, factual: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Volumes ``(n, 6)`` under the other diagnosis; the effect comes from labels ``fitted_on``, in other folds."""
    numbers = people[["age", "head_size", *LOBES]].to_numpy(float)  # one look-up: this runs in every replicate
    age, log = (numbers[:, 0] - 48) / 10, np.log(numbers[:, 2:])
    female = people["sex"].to_numpy() == "F"
    design = np.column_stack(
        [np.ones_like(age), age, age**2, female, np.log(numbers[:, 1] / 1400), fitted_on != CONTROL]
    )
    products = np.stack(
        [design[fold == k].T @ np.column_stack([design, log])[fold == k] for k in range(fold.max() + 1)]
    )
    training = products.sum(axis=0) - products
    width = design.shape[1]
    effect = (np.linalg.pinv(training[:, :, :width], hermitian=True) @ training[:, :, width:])[:, -1]
    return np.exp(log + np.where((factual == CONTROL)[:, None], effect[fold], -effect[fold]))


def ceiling(seeds: Iterable[int], **options: Any) -> pd.DataFrame:
    """The oracle row's "# correct" in every column, one line a seed: the most any generator can be asked for."""
    lines = []
    for seed in seeds:
        cohort = simulate(seed, **options)
        result = paper_rule(sample_of(visits_of(cohort.measurements), ORACLE, LEVELS))
        wrong = sum(len(column.wrong_sign) for column in result.values())
        lines.append({"seed": seed, **{name: result[name].correct for name in COLUMNS}, "wrong_sign": wrong})
    return pd.DataFrame(lines).set_index("seed")


def false_positives(
    seeds: Iterable[int], row: str = METHOD, replicates: int = 300, refit: bool = True, **options: Any
) -> pd.DataFrame:
    """Null cohorts: does the sound rule find a difference in any lobe? One line a seed, one column a comparison."""
    lines = []
    for seed in seeds:
        cohort = simulate(seed, effect="null", **options)
        sample = sample_of(visits_of(cohort.measurements), row, LEVELS)
        scores = sound_rule(sample, replicates, seed, cohort.refitter if refit else None)
        differs = {
            name: any(effect.verdict in (DIFFERENT, BOTH) for effect in by_lobe.values())
            for name, by_lobe in scores.effects.items()
        }
        lines.append({"seed": seed, **differs})
    return pd.DataFrame(lines).set_index("seed")


def verdict_rates(
    seeds: Iterable[int], rows: Sequence[str] = (ORACLE, METHOD, VOLUMES), replicates: int = 200, **options: Any
) -> pd.DataFrame:
    """Share of cohorts in which each row passes and fails, and in which a column calls any lobe different.

    One line a row; ``why`` counts the parts that kept it from passing.
    """
    lines = [line for seed in seeds for line in _verdicts_of(seed, rows, replicates, options)]
    table = pd.DataFrame(lines)
    words = [table["verdict"].eq(word).rename(word) for word in ("pass", "inconclusive", "fail")]
    shares = pd.concat([table["row"], *words, table[list(COLUMNS)]], axis=1).groupby("row", sort=False).mean()
    why = table.groupby("row", sort=False)["why"].agg(lambda parts: str(dict(Counter(part for part in parts if part))))
    return shares.assign(why=why)


def _verdicts_of(
    seed: int, rows: Sequence[str], replicates: int, options: Mapping[str, Any]
) -> Iterator[dict[str, object]]:
    cohort = simulate(seed, **options)
    needed = {REAL, COPY, ORACLE, METHOD, VOLUMES}
    some = [m for m in cohort.measurements if m.row in needed]
    evidence = replace(cohort.evidence(seed), measurements=some, refitter=cohort.refitter, replicates=replicates)
    scored = score_rows(evidence)
    for row in rows:
        scores = scored.by_row[row]
        assert scores.verdict is not None
        differs = {
            name: float(any(effect.verdict in (DIFFERENT, BOTH) for effect in by_lobe.values()))
            for name, by_lobe in scores.sound.effects.items()
        }
        why = scores.verdict.reason.partition(":")[0]
        yield {"seed": seed, "row": row, "verdict": scores.verdict.outcome.value, "why": why, **differs}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="demo cohorts 0 ... n - 1 for the ceiling")
    parser.add_argument("--null-cohorts", type=int, default=100, help="null cohorts 0 ... n - 1 for false positives")
    parser.add_argument("--replicates", type=int, default=300, help="of the bootstrap that refits the causal model")
    parser.add_argument("--verdicts", type=int, default=0, help="cohorts for the rates of the verdict")
    parser.add_argument("--first", type=int, default=1001, help="seed of the first cohort of --verdicts")
    parser.add_argument("--per-group", type=int, default=100, help="people a group in --verdicts")
    parser.add_argument("--effect", default="demo", help="planted effect in --verdicts")
    parser.add_argument("--dose", type=float, default=1.0, help="share of what is asked that the stand-in's images do")
    options = parser.parse_args()
    if options.verdicts:
        seeds = range(options.first, options.first + options.verdicts)
        size = {"per_group": options.per_group, "effect": options.effect, "dose": options.dose}
        rates = verdict_rates(seeds, replicates=options.replicates, image_noise=IMAGE_NOISE, **size)
        print(f"verdicts, {size}, {options.verdicts} cohorts from seed {options.first}")
        print(rates.to_string())
        return
    counts = ceiling(range(options.seeds))
    full = int((counts[list(COLUMNS)] == len(LOBES)).all(axis=1).sum())
    print(f"oracle, demo effect, 100 + 100: # correct by the paper rule; all columns 6/6 in {full} of {len(counts)}")
    print(counts.to_string(), end="\n\n")
    positives = false_positives(range(options.null_cohorts), replicates=options.replicates)
    print(f"no effect, 100 + 100, {len(positives)} cohorts: share in which the sound rule finds any lobe different")
    print(positives.mean().to_string())
    print(f"5 % + 2 s.e. = {0.05 + 2 * (0.05 * 0.95 / len(positives)) ** 0.5:.3f}")


if __name__ == "__main__":
    main()
