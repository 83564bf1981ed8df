"""What the readers saw: accuracy as the paper prints it, and what can be said of it (paper, user study, Table 2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.genmod.bayes_mixed_glm import BinomialBayesMixedGLM
from statsmodels.stats.inter_rater import aggregate_raters
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.inter_rater import fleiss_kappa
from statsmodels.stats.proportion import binom_test
from statsmodels.stats.proportion import binom_tost

from pcgm_bench.statistics.proportion import wilson
from pcgm_bench.tables import Cell
from pcgm_bench.tables import Column
from pcgm_bench.tables import Table

CHANCE = 0.5
MARGIN = 0.1
"""Accuracies within this of chance count as chance (100 cases cannot show less; see `docs/concepts/reader.md`)."""
REPLICATES = 2000
LEAST_REPEATS = 5
"""With fewer, even a reader who agrees with themselves every time may do so by chance (1 in 16 for four repeats)."""
REAL, SYNTHETIC = "real", "synthetic"


def accuracy(right: int, n: int) -> dict[str, Any]:
    """A share with its Wilson interval, its p against chance, and TOST against chance +- `MARGIN`.

    >>> found = accuracy(46, 100)
    >>> round(found["p"], 2), round(found["p_chance"], 2)
    (0.48, 0.13)
    """
    low, high = wilson(right, n)
    return {
        "value": right / n,
        "low": low,
        "high": high,
        "n": n,
        "right": right,
        "p": float(binom_test(right, n, CHANCE)),
        "p_chance": float(binom_tost(right, n, CHANCE - MARGIN, CHANCE + MARGIN)[0]),
    }


def detection(synthetic: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Sensitivity, specificity, d' and criterion of the answer "synthetic".

    ``d' = z(H) - z(F)`` and ``c = -(z(H) + z(F)) / 2`` with the log-linear correction (half a count is added to each
    cell, Hautus 1995), so that a perfect reader has a finite d'. c > 0: says "real" too often.

    >>> found = detection(np.array([1, 1, 0, 0], bool), np.array([1, 0, 1, 0], bool))
    >>> found["d_prime"], found["criterion"]
    (0.0, 0.0)
    """
    made, real = synthetic[truth], synthetic[~truth]
    hit, alarm = (made.sum() + 0.5) / (len(made) + 1), (real.sum() + 0.5) / (len(real) + 1)
    z_hit, z_alarm = float(stats.norm.ppf(hit)), float(stats.norm.ppf(alarm))
    return {
        "sensitivity": float(made.mean()),
        "specificity": float(1 - real.mean()),
        "d_prime": z_hit - z_alarm,
        "criterion": 0.0 - (z_hit + z_alarm) / 2,
    }


def score(readings: pd.DataFrame, seed: int = 0) -> dict[str, Any]:
    """Score a study.

    Args:
        readings: of `pcgm_bench.studies.reader_sheets.read_sheets`.
        seed: of the bootstrap.

    Returns:
        JSON-able: ``readers`` (by number), ``mean`` (of their accuracies), ``pooled`` (interval by bootstrap over
        cases, since all read the same ones), ``fleiss_kappa`` (None for one reader, or one and the same answer),
        ``model`` (mixed logistic regression), ``n_cases``.
    """
    first = readings[(readings["kind"] == "case") & (readings["look"] == 1)]
    first = first.assign(made=first["truth"] == SYNTHETIC)
    first = first.assign(right=first["synthetic"] == first["made"])
    readers = {}
    for reader, rows in first.groupby("reader"):
        one = accuracy(int(rows["right"].sum()), len(rows))
        one |= detection(rows["synthetic"].to_numpy(bool), rows["made"].to_numpy(bool))
        mine = readings[readings["reader"] == reader]
        catch = mine[(mine["kind"] == "catch") & (mine["look"] == 1)]
        one["catch_right"], one["catch_n"] = int(catch["synthetic"].sum()), len(catch)
        one |= _with_self(mine)
        one["seconds"] = float(rows["seconds"].median())
        readers[str(reader)] = one
    values = first.pivot(index="case", columns="reader", values="right")
    pooled = accuracy(int(values.to_numpy().sum()), int(values.size))
    rng = np.random.default_rng([seed, 53])
    per_case = values.to_numpy(float).mean(axis=1)
    drawn = per_case[rng.integers(len(per_case), size=(REPLICATES, len(per_case)))].mean(axis=1)
    pooled["low"], pooled["high"] = (float(x) for x in np.quantile(drawn, [0.025, 0.975]))
    # Shares within the margin for chance: the 90 % interval lies inside it (TOST at 5 %), cases being what is drawn.
    ends = np.quantile(drawn, [0.05, 0.95])
    pooled["at_chance"] = bool(ends[0] > CHANCE - MARGIN and ends[1] < CHANCE + MARGIN)
    answers = first.pivot(index="case", columns="reader", values="synthetic").to_numpy(int)
    # Where all said the same of every case, chance would agree as well: kappa is 0 / 0.
    several = answers.shape[1] > 1 and answers.min() < answers.max()
    return {
        "n_cases": len(values),
        "readers": readers,
        "mean": float(np.mean([one["value"] for one in readers.values()])),
        "pooled": pooled,
        "fleiss_kappa": float(fleiss_kappa(aggregate_raters(answers, 2)[0])) if several else None,
        "model": mixed_model(first, seed),
    }


def mixed_model(first: pd.DataFrame, seed: int = 0) -> dict[str, float] | None:
    """Logistic regression of the answer "synthetic" on the truth, readers and cases random (variational Bayes).

    ``discrimination`` is the log odds ratio (0: cannot tell), ``bias`` the log odds of "synthetic" midway. None for
    one reader, and where all gave one and the same answer. Mean-field intervals are somewhat narrow: 94 % for
    discrimination. That of ``bias`` is about these readers, whose own mean it holds in 94 %; readers in general it
    holds in 55 % (120 simulated studies of three readers and 100 cases, standard deviations of 0.5; by a
    script that is not kept).
    """
    if first["reader"].nunique() < 2 or first["synthetic"].nunique() < 2:
        return None
    data = pd.DataFrame(
        {
            "synthetic": first["synthetic"].astype(int),
            "made": first["made"].astype(float) - 0.5,
            "reader": first["reader"].astype(str),
            "case": first["case"].astype(str),
        }
    )
    parts = {"reader": "0 + C(reader)", "case": "0 + C(case)"}
    # Its start is drawn at random: without a seed the last digits differ from run to run.
    found = BinomialBayesMixedGLM.from_formula("synthetic ~ made", parts, data).fit_vb(rng=seed)
    mean, sd = found.fe_mean, found.fe_sd
    return {
        "discrimination": float(mean[1]),
        "discrimination_low": float(mean[1] - 1.96 * sd[1]),
        "discrimination_high": float(mean[1] + 1.96 * sd[1]),
        "bias": float(mean[0]),
        "bias_low": float(mean[0] - 1.96 * sd[0]),
        "bias_high": float(mean[0] + 1.96 * sd[0]),
    }


def _with_self(mine: pd.DataFrame) -> dict[str, Any]:
    """Cohen's kappa of a reader with themselves over repeated cases, and how many; or why there is none."""
    looks = mine[mine["kind"] == "case"].pivot(index="case", columns="look", values="synthetic")
    both = looks.reindex(columns=[1, 2]).dropna().astype(bool)
    found: dict[str, Any] = {"intra_kappa": None, "repeats": len(both)}
    if not len(both):
        return {**found, "intra_kappa_reason": "no case was shown twice"}
    if len(both) < LEAST_REPEATS:
        said = f"{len(both)} repeats" if len(both) != 1 else "1 repeat"
        return {
            **found,
            "intra_kappa_reason": f"{said}, and fewer than {LEAST_REPEATS} cannot tell agreement from chance",
        }
    if (both.nunique() < 2).any():
        return {**found, "intra_kappa_reason": "one and the same answer at every first, or every second look"}
    table = pd.crosstab(both[1], both[2])
    return {**found, "intra_kappa": float(cohens_kappa(table.to_numpy(), return_results=False))}


def tables(scores: Mapping[str, Any]) -> list[Table]:
    """Table 2 as the paper prints it, and the rest; a pure function of scores."""
    readers = scores["readers"]
    parts = ("specificity", "sensitivity", "value")
    printed: list[list[Cell]] = [
        [f"reader {name}", *(100 * one[part] for part in parts)] for name, one in readers.items()
    ]
    printed.append(["average", *(100 * float(np.mean([one[part] for one in readers.values()])) for part in parts)])
    n, origin = scores["n_cases"], scores.get("origin", {})
    came = f"{len(readers)} of {scores.get('readers_planned', len(readers))} readers"
    kind = "phantom scans, " if str(origin.get("cohort", "")).startswith("phantom") else ""
    paper = Table(
        "table2",
        f"Accuracy of identifying real and synthetic MRIs: {kind}{n} cases, {came}",
        [Column("reader"), Column("real, %", 1), Column("synthetic, %", 1), Column("overall accuracy, %", 1)],
        printed,
        ["No interval, as published. 50 % does not show that nobody can tell: see the next table."],
    )
    rows = [_row(name, one) for name, one in readers.items()]
    near = f"p within {100 * MARGIN:.0f} points of chance"
    columns = [
        Column("reader"), Column("n"), Column("accuracy, %", 1), Column("low", 1), Column("high", 1),
        Column("p against chance", 4, p_value=True), Column(near, 4, p_value=True), Column("sensitivity"),
        Column("specificity"), Column("d'", signed=True), Column("criterion", signed=True), Column("catch trials"),
        Column("kappa with self"), Column("median seconds", 0),
    ]  # fmt: skip
    pooled, notes = scores["pooled"], []
    notes.append(
        f"All readers: {100 * pooled['value']:.1f} % [{100 * pooled['low']:.1f}, {100 * pooled['high']:.1f}], "
        f"bootstrap over {n} cases (all read the same ones). "
        + (
            f"Within {100 * MARGIN:.0f} points of chance."
            if pooled["at_chance"]
            else f"Not shown to be within {100 * MARGIN:.0f} points of chance."
        )
    )
    if scores["fleiss_kappa"] is not None:
        notes.append(f"Fleiss' kappa between readers {scores['fleiss_kappa']:.2f}; at chance a low kappa is expected.")
    reasons: dict[str, list[str]] = {}
    for name, one in readers.items():
        if reason := one.get("intra_kappa_reason"):
            reasons.setdefault(reason, []).append(name)
    notes += [f"No kappa with self of reader {', '.join(names)}: {reason}." for reason, names in reasons.items()]
    if scores["model"] is not None:
        model = scores["model"]
        notes.append(
            "Mixed logistic model (readers and cases random): log odds ratio of telling "
            f"{model['discrimination']:+.2f} "
            f"[{model['discrimination_low']:+.2f}, {model['discrimination_high']:+.2f}], "
            f"bias of these readers to 'synthetic' {model['bias']:+.2f} "
            f"[{model['bias_low']:+.2f}, {model['bias_high']:+.2f}]."
        )
    notes.append("d' and criterion with half a count added to each cell; criterion above 0: says 'real' too often.")
    notes.append("Well below 50 % hints at swapped labels or at a cue, not at a good generator.")
    return [paper, Table("readers", "Readers", columns, rows, notes)]


def _row(name: str, one: Mapping[str, Any]) -> list[Cell]:
    catch = f"{one['catch_right']}/{one['catch_n']}" if one["catch_n"] else None
    shares = [100 * one[key] for key in ("value", "low", "high")]
    rest = [one[key] for key in ("p", "p_chance", "sensitivity", "specificity", "d_prime", "criterion")]
    return [f"reader {name}", one["n"], *shares, *rest, catch, one["intra_kappa"], one["seconds"]]
