"""Cohorts like a given one, simulated: their volumes, a causal model fitted to each, and what each would find out.

Many cohorts stand in front of every array: ``(cohorts, n, lobes)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pcgm_bench.statistics import bootstrap
from pcgm_bench.statistics.effects import partial_out
from pcgm_bench.studies.aud.comparisons import Comparison
from pcgm_bench.studies.aud.sample import LOBES
from pcgm_bench.studies.aud.sample import Sample
from pcgm_bench.studies.aud.sound_rule import PARAMETERS
from pcgm_bench.studies.aud.sound_rule import effects
from pcgm_bench.studies.aud.sound_rule import people_in

FOLDS = 5

REPLICATES = 60
"""Of each bootstrapped cohort: its standard error is known to 9 %."""

PEOPLE = 16000
"""Of all cohorts that are bootstrapped together; more take no part, so that large cohorts do not take minutes."""

LEAST_COHORTS = 20


@dataclass(frozen=True)
class SimulatedCohorts:
    """Cohorts that differ by whom chance drew.

    Attributes:
        sample: whose ages, sexes, head sizes and groups they all have.
        real: ``(cohorts, n, 6)`` log volumes.
        image: ``(cohorts, n, 6)`` what a counterfactual's log volume has beside the factual one and the change.
        change: ``(6,)`` what the diagnosis does to a log volume.
        fold: ``(n,)`` in which of `FOLDS` a person is held out; None where the counterfactuals are the truth.
    """

    sample: Sample
    real: np.ndarray
    image: np.ndarray
    change: np.ndarray
    fold: np.ndarray | None

    def shift(self) -> np.ndarray:
        """``(cohorts, n, 6)`` change of everybody's log volumes, by the truth or by the fitted model."""
        everybody = np.broadcast_to(np.arange(len(self.sample.patient)), self.real.shape[:2])
        return self._shift(everybody, self.real)

    def effects(self, columns: list[Comparison]) -> np.ndarray:
        """``(cohorts, columns, 6)`` d of every cohort."""
        everybody = np.broadcast_to(np.arange(len(self.sample.patient)), self.real.shape[:2])
        return self._effects(columns, everybody, self.real, self.image)

    def standard_errors(self, columns: list[Comparison], rng: np.random.Generator) -> np.ndarray:
        """``(some cohorts, columns, 6)`` standard error of d as the study finds it: by the cohort's own bootstrap.

        It is no constant. Few people drawn with replacement have fewer distinct people still, and the standard error
        that they show is both larger than the true one and itself uncertain.
        """
        patient = self.sample.patient
        cohorts = min(max(PEOPLE // len(patient), LEAST_COHORTS), len(self.real))
        real, image = self.real[:cohorts], self.image[:cohorts]
        drawn = []
        for _ in range(REPLICATES):
            who = bootstrap.resample_many(patient, cohorts, rng)
            again = [np.take_along_axis(values, who[:, :, None], axis=1) for values in (real, image)]
            drawn.append(self._effects(columns, who, *again))
        every = np.stack(drawn)
        by_column = [
            bootstrap.standard_error(every[:, :, i], people_in(column, self.sample), PARAMETERS)
            for i, column in enumerate(columns)
        ]
        return np.stack(by_column, axis=1)

    def _effects(self, columns: list[Comparison], who: np.ndarray, real: np.ndarray, image: np.ndarray) -> np.ndarray:
        other = np.exp(real + self._shift(who, real) + image)
        return effects(columns, self.sample.patient, self.sample.covariates[who], np.exp(real), other)[:, 0]

    def _shift(self, who: np.ndarray, real: np.ndarray) -> np.ndarray:
        """``(cohorts, n, 6)`` of the people ``who (cohorts, n)``, by a model fitted to them."""
        direction = np.where(self.sample.patient[who], -1.0, 1.0)[..., None]
        if self.fold is None:
            return direction * self.change
        design = _design(self.sample)[who]
        shift = np.zeros_like(real)
        for number in range(FOLDS):
            train = np.where((self.fold[who] != number)[..., None], design, 0.0)
            across = np.swapaxes(train, -1, -2)
            effect = (np.linalg.pinv(across @ train, rcond=1e-9, hermitian=True) @ (across @ real))[:, -1]
            shift += np.where((self.fold[who] == number)[..., None], direction * effect[:, None], 0.0)
        return shift


def simulated_cohorts(
    sample: Sample, change: np.ndarray, cohorts: int, reading: np.ndarray, rng: np.random.Generator, *, is_fitted: bool
) -> SimulatedCohorts:
    """Draw cohorts in which the diagnosis does ``change``.

    Args:
        sample: of real scans.
        change: ``(6,)`` log change.
        cohorts: how many.
        reading: ``(6,)`` log-s.d. of one reading of a lobe. The truth's image is read once more; a causal model makes
            no image.
        rng: random numbers.
        is_fitted: counterfactuals are those of a linear model, fitted to each cohort on the people of other folds.
    """
    real = _real(sample, change, cohorts, rng)
    if is_fitted:
        return SimulatedCohorts(sample, real, np.zeros_like(real), change, _folds(sample.patient, rng))
    noise = np.sqrt(2) * reading * rng.standard_normal(real.shape)
    return SimulatedCohorts(sample, real, noise, change, None)


def _design(sample: Sample) -> np.ndarray:
    """``(n, 6)`` what a causal model is fitted on, the diagnosis last; volumes follow age in a curve."""
    centred = sample.covariates - sample.covariates.mean(axis=0)
    scale = centred.std(axis=0)
    known = centred / np.where(scale > 0, scale, 1.0)
    return np.column_stack([np.ones(len(known)), known, known[:, 0] ** 2, sample.patient.astype(float)])


def _folds(patient: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    fold = np.empty(len(patient), int)
    for level in (False, True):
        members = rng.permutation(np.flatnonzero(patient == level))
        fold[members] = np.arange(len(members)) % FOLDS
    return fold


def _real(sample: Sample, change: np.ndarray, cohorts: int, rng: np.random.Generator) -> np.ndarray:
    """``(cohorts, n, 6)`` log volumes of people like these, whose diagnosis does ``change``."""
    group = sample.patient[:, None].astype(float)
    logs = np.log(np.where(sample.lobes > 0, sample.lobes, np.nan))
    known = np.nan_to_num(logs, nan=float(np.nanmean(logs)) if np.isfinite(logs).any() else 0.0)
    within = partial_out(known, np.column_stack([group, sample.covariates]))
    # Without the diagnosis' own part: what age, sex and head size explain among people of equal diagnosis.
    design = np.column_stack([np.ones(len(known)), group, sample.covariates - sample.covariates.mean(axis=0)])
    fitted = known - within - np.outer(group, np.linalg.lstsq(design, known, rcond=None)[0][1])
    covariance = np.atleast_2d(within.T @ within) / max(len(known) - PARAMETERS, 1)
    drawn = rng.multivariate_normal(np.zeros(len(LOBES)), covariance, (cohorts, len(known)), method="eigh")
    return np.asarray(fitted + group * change + drawn)
