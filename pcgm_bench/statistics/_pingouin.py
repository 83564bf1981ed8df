"""The only module that imports pingouin (GPL-3.0): keep it so, and import it inside the function that needs it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pingouin


def detectable_d(n_a: int, n_b: int, power: float = 0.8, alpha: float = 0.05) -> float:
    """Smallest Cohen's d that two independent groups show with this power (two-sided t-test).

    >>> round(detectable_d(100, 100, alpha=0.05 / 6), 2)
    0.5
    """
    return float(pingouin.power_ttest2n(n_a, n_b, d=None, power=power, alpha=alpha))


def cohen(a: np.ndarray, b: np.ndarray, kind: str) -> float:
    """Effect size of ``b - a``: ``kind`` is ``"pooled"`` (independent), ``"av"`` or ``"z"`` (paired)."""
    kinds = {"pooled": (False, "cohen"), "av": (True, "cohen"), "z": (True, "cohen_dz")}
    paired, effsize = kinds[kind]
    return float(pingouin.compute_effsize(b, a, paired=paired, eftype=effsize))


def tost(a: np.ndarray, b: np.ndarray, bound: float, paired: bool) -> float:
    """p of the two one-sided tests that the means differ by less than ``bound``, in the data's units."""
    return float(pingouin.tost(a, b, bound=bound, paired=paired)["pval"].iloc[0])


def ancova_p(data: pd.DataFrame, outcome: str, group: str, covariates: list[str]) -> float:
    """p of ``group`` in an analysis of covariance (type II F-test)."""
    table = pingouin.ancova(data=data, dv=outcome, between=group, covar=covariates)
    column = "p_unc" if "p_unc" in table else "p-unc"
    return float(table.loc[table["Source"] == group, column].iloc[0])
