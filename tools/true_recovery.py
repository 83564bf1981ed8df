"""What AUD groups show of the planted loss by their true volumes: ``python tools/true_recovery.py COHORT...``.

COHORT is a folder that `pcgm-bench cohort make phantom` wrote with the effect ``demo``, or one of ``<home>/cohorts``.
Least squares on group, age, sex and head size: the loss as a share of the controls' mean, over the planted one, with
its standard error. Prints a Markdown table.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import statsmodels.formula.api as smf

from pcgm_bench.cohort.phantom.population import CASE
from pcgm_bench.cohort.phantom.population import EFFECTS


def main() -> None:
    """Compute and print."""
    planted = {lobe: -loss for lobe, loss in EFFECTS["demo"].items() if loss and lobe != "ventricles"}
    print("| cohort | " + " | ".join(planted) + " |")
    print("|---" * (1 + len(planted)) + "|")
    for folder in map(Path, sys.argv[1:]):
        truth = pd.read_csv(folder / "truth.tsv", sep="\t")
        people = truth.merge(pd.read_csv(folder / "participants.tsv", sep="\t"), on="participant_id")
        people["case"] = (people["diagnosis"] == CASE).astype(float)
        cells = []
        for lobe, loss in planted.items():
            fit = smf.ols(f"soft_{lobe} ~ case + age + sex + icv", people).fit()
            whole = people.loc[people["case"] == 0, f"soft_{lobe}"].mean() * loss
            cells.append(f"{-fit.params['case'] / whole:.2f} ({fit.bse['case'] / whole:.2f})")
        print(f"| {folder.name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
