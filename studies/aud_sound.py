"""The sound rule of the AUD study: effects with intervals that know how uncertain the causal model itself is."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pcgm_bench.statistics import bootstrap
from pcgm_bench.statistics import equivalence
from pcgm_bench.statistics.effects import ancova
from pcgm_bench.statistics.effects import paired
from pcgm_bench.statistics.effects import partial_out
from pcgm_bench.statistics.multiplicity import holm
from pcgm_bench.studies.aud_rules import ALPHA
from pcgm_bench.studies.aud_rules import UNAFFECTED
from pcgm_bench.studies.aud_rules import Comparison
from pcgm_bench.studies.aud_rules import columns_of
from pcgm_bench.studies.aud_rules import group
from pcgm_bench.studies.aud_sample import LOBES
from pcgm_bench.studies.aud_sample import Sample

Refitter = Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]
"""Fits the causal model anew, within the study's folds, and asks it for everybody's other diagnosis.

Gets factual people (subject, age, sex, diagnosis, head_size, lobes in mL), one row each; in a bootstrap replicate a
subject stands several times, and its copies belong to one fold. Returns the counterfactual lobes (mL), row for row.
"""

BOUND_INDEPENDENT = 0.30
BOUND_PAIRED = 0.15
"""Declared equivalence bounds on abs(d): just under the smallest published effect (0.31), and half of that for the
same people read twice (there d is d_av, its spread that of people, not of changes)."""

PARAMETERS = 5
"""Of the analysis of covariance: intercept, group, age, sex, head size."""


def bound_of(column: Comparison) -> float:
    """The declared bound of a column, in units of d."""
    return BOUND_PAIRED if column.same_people else BOUND_INDEPENDENT


def effects(
    columns: list[Comparison], patient: np.ndarray, covariates: np.ndarray, real: np.ndarray, cf: np.ndarray | None
) -> np.ndarray:
    """``(..., 2, columns, lobes)``: d adjusted for age, sex and factual head size; and the difference in per cent.

    The difference is in per cent of the control-like group's mean: -4.5 is a loss of 4.5 %. Covariates and volumes are
    ``(..., n, c)`` and ``(..., n, lobes)``, with replicates in front.
    """
    result = np.empty((*real.shape[:-2], 2, len(columns), real.shape[-1]))
    for i, column in enumerate(columns):
        first, second = group(column.first, patient, real, cf), group(column.second, patient, real, cf)
        of_first = group(("real", column.first[1]), patient, covariates, None)
        of_second = group(("real", column.second[1]), patient, covariates, None)
        fit = ancova(first, second, np.concatenate([of_first, of_second], axis=-2))
        result[..., 0, i, :] = fit.d
        result[..., 1, i, :] = 100 * fit.difference / fit.base
    return result


def replicates(
    sample: Sample, n: int, seed: int, refitter: Refitter | None, progress: Callable[[int, int], None]
) -> np.ndarray:
    """Bootstrap of `effects`: people drawn with replacement within their group, ``(n, 2, columns, lobes)``.

    With a refitter, every replicate fits the causal model to the people it drew. What the image adds to the volume
    asked for (measured: log of the reading over what the model, fitted to the original people, asks) travels with the
    person. Without one, counterfactual volumes are taken as given: the model's estimated effect, which all people
    share, then looks certain, and a paired test would call its error a finding.
    """
    columns = columns_of(sample)
    cf = None if sample.counterfactual is None else sample.other_lobes
    image_error = np.zeros_like(sample.lobes)
    if refitter is not None and cf is not None:
        asked = refitter(sample.people, np.random.default_rng([seed, 2**31]))[list(LOBES)].to_numpy(float)
        image_error = np.log(cf / asked)

    def one(drawn: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        parts = [sample.covariates[drawn], sample.lobes[drawn]]
        if cf is not None and refitter is None:
            parts.append(cf[drawn])
        elif cf is not None and refitter is not None:
            people = sample.people.iloc[drawn].reset_index(drop=True)
            parts.append(refitter(people, rng)[list(LOBES)].to_numpy(float) * np.exp(image_error[drawn]))
        return np.concatenate(parts, axis=1)

    people_drawn = bootstrap.replicate(one, sample.patient, n, seed, progress)
    at = sample.covariates.shape[1], sample.covariates.shape[1] + len(LOBES)
    return np.concatenate(
        [
            effects(columns, sample.patient, part[..., : at[0]], part[..., at[0] : at[1]], part[..., at[1] :])
            for part in np.array_split(people_drawn, max(n // 100, 1))  # a hundred at once: quick, and little memory
        ]
    )


def sound_rule(
    sample: Sample,
    n_replicates: int,
    seed: int,
    refitter: Refitter | None = None,
    planted: Mapping[str, float] | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> dict[str, Any]:
    """Apply the sound rule to one row.

    Args:
        sample: the row.
        n_replicates: bootstrap replicates.
        seed: of the bootstrap; rows scored with one seed meet the same draws.
        refitter: see `replicates`; None for rows that hold no fitted model (oracle, copies of the input).
        planted: true loss in per cent by lobe, where known.
        progress: told (done, total).

    Returns:
        ``columns``: column -> lobe -> d, se, low, high, p, p_holm, tost_p, tost_power, verdict, percent;
        ``counts``: column -> how many lobes are right, wrong, inconclusive; ``paired``; ``recovery``; ``refitted``.
    """
    columns = columns_of(sample)
    cf = None if sample.counterfactual is None else sample.other_lobes
    estimate = effects(columns, sample.patient, sample.covariates, sample.lobes, cf)
    drawn = replicates(sample, n_replicates, seed, refitter, progress)
    cells = {c.name: _column(c, sample, estimate[:, i], drawn[:, :, i]) for i, c in enumerate(columns)}
    return {
        "columns": cells,
        "counts": {c.name: _count(c, cells[c.name]) for c in columns},
        "paired": {} if cf is None else {c.name: _paired(c, sample) for c in columns if c.same_people},
        "recovery": _recovery(columns, estimate, drawn, planted or {}),
        "refitted": refitter is not None and cf is not None,
        "replicates": n_replicates,
    }


def _people_in(column: Comparison, sample: Sample) -> int:
    n = {"patients": int(sample.patient.sum()), "controls": int((~sample.patient).sum())}
    return n[column.first[1]] if column.same_people else len(sample.patient)


def _column(column: Comparison, sample: Sample, estimate: np.ndarray, drawn: np.ndarray) -> dict[str, dict[str, Any]]:
    n = _people_in(column, sample)
    dof = max(n - PARAMETERS, 1)
    se = bootstrap.standard_error(drawn, n, PARAMETERS)
    low, high = bootstrap.interval(estimate, se, dof)
    p = equivalence.difference_p(estimate[0], se[0], dof)
    p_holm = holm(p)
    tost = equivalence.tost_p(estimate[0], se[0], dof, bound_of(column))
    power = equivalence.tost_power(se[0], dof, bound_of(column), ALPHA)
    return {
        lobe: {
            "d": float(estimate[0, k]),
            "se": float(se[0, k]),
            "low": float(low[0, k]),
            "high": float(high[0, k]),
            "p": float(p[k]),
            "p_holm": float(p_holm[k]),
            "tost_p": float(tost[k]),
            "tost_power": float(power[k]),
            "percent": float(estimate[1, k]),
            "percent_low": float(low[1, k]),
            "percent_high": float(high[1, k]),
            "n": n,
            "verdict": equivalence.verdict(bool(p_holm[k] <= ALPHA), bool(tost[k] <= ALPHA)),
        }
        for k, lobe in enumerate(LOBES)
    }


def judge(column: Comparison, lobe: str, cell: Mapping[str, Any]) -> str:
    """``right``, ``wrong`` or ``inconclusive``: a cell against what the diagnosis should do there.

    Where an effect is expected the two groups must differ, AUD smaller. Where none is, they must be shown
    equivalent: not finding a difference is not enough.

    >>> from pcgm_bench.studies.aud_rules import COLUMNS
    >>> judge(COLUMNS["1"], "frontal", {"verdict": "different", "d": 0.8})
    'wrong'
    >>> judge(COLUMNS["4"], "frontal", {"verdict": "inconclusive", "d": 0.1})
    'inconclusive'
    """
    found = cell["verdict"]
    if found == equivalence.INCONCLUSIVE:
        return "inconclusive"
    if column.effect and lobe != UNAFFECTED:
        return "right" if found in (equivalence.DIFFERENT, equivalence.BOTH) and cell["d"] < 0 else "wrong"
    return "right" if found in (equivalence.EQUIVALENT, equivalence.BOTH) else "wrong"


def _count(column: Comparison, cells: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    judged = [judge(column, lobe, cell) for lobe, cell in cells.items()]
    return {word: judged.count(word) for word in ("right", "wrong", "inconclusive")}


def _paired(column: Comparison, sample: Sample) -> dict[str, dict[str, float]]:
    covariates = group(("real", column.first[1]), sample.patient, sample.covariates, None)
    sides = [group(side, sample.patient, sample.lobes, sample.other_lobes) for side in (column.first, column.second)]
    # What the covariates explain goes from both sides; the change of the mean between them stays.
    shift = sides[1].mean(axis=0) - sides[0].mean(axis=0)
    fit = paired(partial_out(sides[0], covariates), partial_out(sides[1], covariates) + shift)
    return {
        lobe: {"d_z": float(fit.d_z[k]), "d_av": float(fit.d_av[k]), "r": float(fit.r[k])}
        for k, lobe in enumerate(LOBES)
    }


def _recovery(
    columns: list[Comparison], estimate: np.ndarray, drawn: np.ndarray, planted: Mapping[str, float]
) -> dict[str, dict[str, Any]]:
    """Counterfactual effect over the real one, and over the planted one, with percentile intervals."""
    names = [c.name for c in columns]
    result: dict[str, dict[str, Any]] = {}
    for i, column in enumerate(columns):
        if not column.effect:
            continue
        cells: dict[str, Any] = {}
        for k, lobe in enumerate(LOBES):
            cell: dict[str, Any] = {}
            if column.name != "real":
                at = names.index("real")
                low, high = bootstrap.percentiles(drawn[:, 0, i, k] / drawn[:, 0, at, k])
                cell["of_real"] = float(estimate[0, i, k] / estimate[0, at, k])
                cell["of_real_low"], cell["of_real_high"] = float(low), float(high)
            if planted.get(lobe):
                low, high = bootstrap.percentiles(-drawn[:, 1, i, k] / planted[lobe])
                cell["of_planted"] = float(-estimate[1, i, k] / planted[lobe])
                cell["of_planted_low"], cell["of_planted_high"] = float(low), float(high)
            cells[lobe] = cell
        result[column.name] = cells
    return result
