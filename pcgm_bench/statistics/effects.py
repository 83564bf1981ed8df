"""Group effects: Student's t, Cohen's d from an analysis of covariance, paired effect sizes, detectable effects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Ancova:
    """A group effect, per region, with covariates held equal; leading batch axes ``...`` are those of the input.

    Attributes:
        difference: ``(..., k)`` second group minus first, in the data's units.
        sd: ``(..., k)`` residual standard deviation within groups.
        d: ``(..., k)`` difference / sd.
        se: ``(..., 1)`` standard error of d if the rows are independent and d is near 0.
        dof: ``(..., 1)`` residual degrees of freedom.
        base: ``(..., k)`` mean of the first group.
    """

    difference: np.ndarray
    sd: np.ndarray
    d: np.ndarray
    se: np.ndarray
    dof: np.ndarray
    base: np.ndarray

    @property
    def p(self) -> np.ndarray:
        """``(..., k)`` two-sided p of the difference, if the rows are independent."""
        return np.asarray(2 * stats.t.sf(np.abs(self.d / self.se), self.dof))


def ancova(first: np.ndarray, second: np.ndarray, covariates: np.ndarray) -> Ancova:
    """Least squares of ``y ~ 1 + group + covariates`` for many regions, and many bootstrap replicates, at once.

    Args:
        first: ``(..., n1, k)`` volumes.
        second: ``(..., n2, k)`` volumes.
        covariates: ``(..., n1 + n2, c)`` in the order first, second. Constant or repeated columns do no harm.

    Returns:
        Effects of group, second minus first; NaN where the covariates tell the groups apart completely. With the
        *same* people in both groups ``d`` is d_av with the covariates removed; ``se`` and ``p`` then ignore the
        pairing and are too wide.
    """
    y = np.concatenate([first, second], axis=-2)
    n = y.shape[-2]
    centred = covariates - covariates.mean(axis=-2, keepdims=True)
    scale = np.sqrt((centred**2).mean(axis=-2, keepdims=True))
    rest = np.concatenate([np.ones_like(centred[..., :1]), centred / np.where(scale > 0, scale, 1.0)], axis=-1)
    across = np.swapaxes(rest, -1, -2)
    gram = across @ rest / n
    inverse = np.linalg.pinv(gram, rcond=1e-9, hermitian=True) / n
    dof = n - np.linalg.matrix_rank(gram, tol=1e-9, hermitian=True)[..., None] - 1

    # Frisch-Waugh-Lovell: what the covariates explain goes from group and from volumes; a line between what is left.
    group = np.broadcast_to(np.repeat([0.0, 1.0], [first.shape[-2], second.shape[-2]])[:, None], (*y.shape[:-1], 1))
    own = group - rest @ (inverse @ (across @ group))
    left = y - rest @ (inverse @ (across @ y))
    strength = (own**2).sum(axis=-2)
    strength = np.where(strength > 1e-8 * n, strength, np.nan)
    difference = (np.swapaxes(own, -1, -2) @ left)[..., 0, :] / strength
    residual = left - own * difference[..., None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        sd = np.sqrt((residual**2).sum(axis=-2) / dof)
        d = np.where(difference == 0, 0.0, difference / sd)
    return Ancova(difference, sd, d, 1 / np.sqrt(strength), dof, first.mean(axis=-2))


@dataclass(frozen=True)
class Paired:
    """The same people twice, per region: ``d_z``, ``d_av`` and the correlation ``r`` of the two readings, ``(k,)``."""

    d_z: np.ndarray
    d_av: np.ndarray
    r: np.ndarray


def paired(first: np.ndarray, second: np.ndarray) -> Paired:
    """Paired effect sizes of ``second - first``, both ``(n, k)`` (Cumming 2012: d_av over the root mean variance).

    >>> x = np.array([[1.0], [2.0], [3.0]])
    >>> result = paired(x, x + 1)
    >>> float(result.d_av[0]), float(result.r[0].round(6))
    (1.0, 1.0)
    """
    change = second - first
    with np.errstate(divide="ignore", invalid="ignore"):
        d_z = change.mean(axis=0) / change.std(axis=0, ddof=1)
        d_av = change.mean(axis=0) / np.sqrt((first.var(axis=0, ddof=1) + second.var(axis=0, ddof=1)) / 2)
        a, b = first - first.mean(axis=0), second - second.mean(axis=0)
        r = (a * b).sum(axis=0) / np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    return Paired(d_z, d_av, r)


def partial_out(values: np.ndarray, covariates: np.ndarray) -> np.ndarray:
    """Residuals ``(n, k)`` of least squares on an intercept and ``covariates (n, c)``."""
    design = np.column_stack([np.ones(len(values)), covariates - covariates.mean(axis=0)])
    return values - design @ np.linalg.lstsq(design, values, rcond=None)[0]


def paired_adjusted(first: np.ndarray, second: np.ndarray, covariates: np.ndarray) -> Paired:
    """`paired` with what covariates ``(n, c)`` explain taken out of both sides; the change of the mean stays."""
    shift = second.mean(axis=0) - first.mean(axis=0)
    return paired(partial_out(first, covariates), partial_out(second, covariates) + shift)


def student(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Two-sided p ``(k,)`` of Student's t for independent samples with equal variances; NaN where undefined."""
    return np.asarray(stats.ttest_ind(first, second, axis=0, equal_var=True).pvalue)


def detectable(n_first: int, n_second: int, regions: int, power: float = 0.8) -> float:
    """Smallest d seen with ``power`` at a Bonferroni-corrected two-sided 0.05; NaN below three people a group.

    >>> round(detectable(100, 100, 6), 2)
    0.5
    """
    if min(n_first, n_second) < 3:
        return float("nan")
    from pcgm_bench.statistics import _pingouin  # pingouin takes seconds to import

    return _pingouin.detectable_d(n_first, n_second, power=power, alpha=0.05 / regions)
