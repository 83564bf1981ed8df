"""The sound rule of the AUD study: effects with intervals that know how uncertain the causal model itself is."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import Refitter
from pcgm_bench.statistics import bootstrap
from pcgm_bench.statistics import equivalence
from pcgm_bench.statistics.adjusted_effects import AdjustedEffect
from pcgm_bench.statistics.adjusted_effects import adjusted_difference
from pcgm_bench.statistics.adjusted_effects import infer
from pcgm_bench.statistics.effects import paired_adjusted
from pcgm_bench.statistics.recovery_ratio import recovery_ratio
from pcgm_bench.studies.aud.comparisons import ALPHA
from pcgm_bench.studies.aud.comparisons import COLUMNS
from pcgm_bench.studies.aud.comparisons import Comparison
from pcgm_bench.studies.aud.comparisons import columns_of
from pcgm_bench.studies.aud.comparisons import group
from pcgm_bench.studies.aud.pattern import Pattern
from pcgm_bench.studies.aud.sample import LOBES
from pcgm_bench.studies.aud.sample import Sample

PARAMETERS = 5
"""Of the analysis of covariance: intercept, group, age, sex, head size."""

BLOCK = 100
"""Replicates whose effects are computed at once: quick, and little memory."""

RIGHT = "right"
WRONG = "wrong"
INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Counts:
    """Lobes of one column by what they say about the diagnosis."""

    right: int
    inconclusive: int
    wrong: int

    @classmethod
    def of(cls, words: Iterable[str]) -> Counts:
        """How often each word stands there."""
        said = list(words)
        return cls(said.count(RIGHT), said.count(INCONCLUSIVE), said.count(WRONG))

    @property
    def balance(self) -> int:
        """Right less wrong: who moves nothing is right about the occipital lobe alone, and wrong elsewhere."""
        return self.right - self.wrong


@dataclass(frozen=True)
class PairedEffect:
    """Factual and counterfactual volumes of the same people: ``d_z``, and their correlation with covariates out."""

    d_z: float
    r: float


@dataclass(frozen=True)
class Recovery:
    """A counterfactual effect over the real one and over the planted one; None where there is no such effect."""

    of_real: Estimate | None
    of_planted: Estimate | None


@dataclass(frozen=True)
class SoundScores:
    """What the sound rule says of one row.

    Attributes:
        effects: column -> lobe -> effect.
        beyond_real: column -> lobe -> two-sided p that ``d`` is that of the real groups.
        paired: column -> lobe -> paired effect, in columns with the same people on both sides.
        recovery: column -> lobe -> recovery, in columns that compare the diagnoses.
        refitted: whether the causal model was fitted anew in every replicate.
    """

    effects: Mapping[str, Mapping[str, AdjustedEffect]]
    beyond_real: Mapping[str, Mapping[str, float]]
    paired: Mapping[str, Mapping[str, PairedEffect]]
    recovery: Mapping[str, Mapping[str, Recovery]]
    refitted: bool


def effects(
    columns: Sequence[Comparison], patient: np.ndarray, covariates: np.ndarray, real: np.ndarray, cf: np.ndarray | None
) -> np.ndarray:
    """``(..., 2, columns, lobes)``: d adjusted for age, sex and factual head size; and the difference in per cent.

    The difference is in per cent of the control-like group's mean: -4.5 is a loss of 4.5 %. Covariates and volumes are
    ``(..., n, c)`` and ``(..., n, lobes)``, with replicates in front.
    """
    by_column = []
    for column in columns:
        first, second = (group(side, patient, real, cf) for side in (column.first, column.second))
        factual = [group(("real", side[1]), patient, covariates, None) for side in (column.first, column.second)]
        by_column.append(adjusted_difference(first, second, np.concatenate(factual, axis=-2)))
    return np.stack(by_column, axis=-2)


def replicates(
    sample: Sample, n: int, seed: int, refitter: Refitter | None, progress: Callable[[int, int], None]
) -> np.ndarray:
    """Bootstrap of `effects`: people drawn with replacement within their group, ``(n, 2, columns, lobes)``.

    With a refitter, every replicate fits the causal model to the people it drew. What the image adds to the volume
    asked for (measured: log of the measured volume over what the model, fitted to the original people, asks) travels
    with the person. Without one, counterfactual volumes are taken as given: the model's estimated effect, which all
    people share, then looks certain, and a paired test would call its error a finding.
    """
    columns = columns_of(sample)
    cf = None if sample.counterfactual is None else sample.other_lobes
    image_error = np.zeros_like(sample.lobes)
    if refitter is not None and cf is not None:
        asked = refitter(sample.people, np.random.default_rng([seed, 2**31]))[list(LOBES)].to_numpy(float)
        image_error = np.log(cf / asked)

    def people_of(drawn: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        parts = [sample.covariates[drawn], sample.lobes[drawn]]
        if cf is not None and refitter is None:
            parts.append(cf[drawn])
        elif cf is not None and refitter is not None:
            people = sample.people.iloc[drawn].reset_index(drop=True)
            parts.append(refitter(people, rng)[list(LOBES)].to_numpy(float) * np.exp(image_error[drawn]))
        return np.concatenate(parts, axis=1)

    people_drawn = bootstrap.replicate(people_of, sample.patient, n, seed, progress)
    at = sample.covariates.shape[1], sample.covariates.shape[1] + len(LOBES)
    return np.concatenate(
        [
            effects(columns, sample.patient, part[..., : at[0]], part[..., at[0] : at[1]], part[..., at[1] :])
            for part in np.array_split(people_drawn, max(n // BLOCK, 1))
        ]
    )


def sound_rule(
    sample: Sample,
    n_replicates: int,
    seed: int,
    refitter: Refitter | None = None,
    planted: Mapping[str, float] | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> SoundScores:
    """Apply the sound rule to one row.

    Args:
        sample: the row.
        n_replicates: bootstrap replicates.
        seed: of the bootstrap; rows scored with one seed meet the same draws.
        refitter: see `replicates`; None for rows that hold no fitted model (oracle, copies of the input).
        planted: true loss in per cent by lobe, where known.
        progress: told (done, total).
    """
    columns = columns_of(sample)
    cf = None if sample.counterfactual is None else sample.other_lobes
    estimate = effects(columns, sample.patient, sample.covariates, sample.lobes, cf)
    drawn = replicates(sample, n_replicates, seed, refitter, progress)
    by_column = {c.name: _column(c, sample, estimate[:, i], drawn[:, :, i]) for i, c in enumerate(columns)}
    return SoundScores(
        effects=by_column,
        beyond_real=_beyond_real(columns, sample, estimate[0], drawn[:, 0]),
        paired={} if cf is None else {c.name: _paired(c, sample) for c in columns if c.same_people},
        recovery=_recovery(columns, sample, estimate, drawn, planted or {}),
        refitted=refitter is not None and cf is not None,
    )


def judge(column: Comparison, lobe: str, effect: AdjustedEffect, pattern: Pattern) -> str:
    """``right``, ``wrong`` or ``inconclusive``: an effect against what the diagnosis should do there.

    Where an effect is expected the two groups must differ, in its direction. Where none is, they must be shown
    equivalent: not finding a difference is not enough. Where nobody knows what to expect, nothing is right.
    """
    if effect.verdict == equivalence.INCONCLUSIVE or (column.effect and lobe in pattern.unknown):
        return INCONCLUSIVE
    if column.effect and (sign := pattern.sign(lobe)):
        return RIGHT if effect.verdict in (equivalence.DIFFERENT, equivalence.BOTH) and sign * effect.d > 0 else WRONG
    return RIGHT if effect.verdict in (equivalence.EQUIVALENT, equivalence.BOTH) else WRONG


def counts_of(scores: SoundScores, pattern: Pattern) -> dict[str, Counts]:
    """Column -> lobes right, inconclusive and wrong."""
    return {
        name: Counts.of(judge(COLUMNS[name], lobe, effect, pattern) for lobe, effect in by_lobe.items())
        for name, by_lobe in scores.effects.items()
    }


def people_in(column: Comparison, sample: Sample) -> int:
    """Persons that a column compares: those of one group where both sides are the same people."""
    n = {"patients": int(sample.patient.sum()), "controls": int((~sample.patient).sum())}
    return n[column.first[1]] if column.same_people else len(sample.patient)


def _column(column: Comparison, sample: Sample, estimate: np.ndarray, drawn: np.ndarray) -> dict[str, AdjustedEffect]:
    by_lobe = infer(estimate, drawn, people_in(column, sample), PARAMETERS, column.bound, ALPHA)
    return dict(zip(LOBES, by_lobe, strict=True))


def _paired(column: Comparison, sample: Sample) -> dict[str, PairedEffect]:
    covariates = group(("real", column.first[1]), sample.patient, sample.covariates, None)
    first, second = (
        group(side, sample.patient, sample.lobes, sample.other_lobes) for side in (column.first, column.second)
    )
    fit = paired_adjusted(first, second, covariates)
    return {lobe: PairedEffect(float(fit.d_z[k]), float(fit.r[k])) for k, lobe in enumerate(LOBES)}


def _beyond_real(
    columns: Sequence[Comparison], sample: Sample, d: np.ndarray, drawn: np.ndarray
) -> dict[str, dict[str, float]]:
    """Column -> lobe -> p that its ``d`` is that of the real groups: both move with the people that are drawn."""
    real = [c.name for c in columns].index("real")
    result = {}
    for i, column in enumerate(columns):
        if not column.effect or i == real:
            continue
        n = people_in(column, sample)
        se = bootstrap.standard_error(drawn[:, i] - drawn[:, real], n, PARAMETERS)
        p = equivalence.difference_p(d[i] - d[real], se, max(n - PARAMETERS, 1))
        result[column.name] = dict(zip(LOBES, p.tolist(), strict=True))
    return result


def _recovery(
    columns: Sequence[Comparison],
    sample: Sample,
    estimate: np.ndarray,
    drawn: np.ndarray,
    planted: Mapping[str, float],
) -> dict[str, dict[str, Recovery]]:
    """Counterfactual effect over the real one (d), and over the planted one (per cent)."""
    real = [c.name for c in columns].index("real")
    (d, percent), (all_d, all_percent) = estimate, np.moveaxis(drawn, 1, 0)
    result: dict[str, dict[str, Recovery]] = {}
    for i, column in enumerate(columns):
        if not column.effect:
            continue
        n = people_in(column, sample)
        result[column.name] = {
            lobe: Recovery(
                of_real=None
                if i == real
                else recovery_ratio(d[i, k], d[real, k], all_d[:, i, k], all_d[:, real, k], n, PARAMETERS),
                of_planted=recovery_ratio(
                    -percent[i, k], planted[lobe], -all_percent[:, i, k], planted[lobe], n, PARAMETERS
                )
                if planted.get(lobe)
                else None,
            )
            for k, lobe in enumerate(LOBES)
        }
    return result
