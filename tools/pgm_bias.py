"""Is the PGM's group effect unbiased? ``python tools/pgm_bias.py [COHORTS] [--flow]``.

Phantom people without images or reading noise, `demo` effect, 80 + 80, seeds 100 and up; a PGM is fitted to each
cohort, its counterfactuals under the other diagnosis are compared with the planted effect. Prints one row of a
Markdown table.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.cohort.phantom.population import CASE
from pcgm_bench.cohort.phantom.population import CONTROL
from pcgm_bench.cohort.phantom.population import EFFECTS
from pcgm_bench.cohort.phantom.population import planned_volumes
from pcgm_bench.cohort.phantom.roster import aud_study
from pcgm_bench.methods.pcgm.pgm.model import PGM

FIRST = 100
PEOPLE = 80


def people(seed: int) -> pd.DataFrame:
    """The PGM's table of one cohort, lobes in mL as planned."""
    rows = []
    for visit in aud_study(seed, PEOPLE):
        who = visit.person
        volumes = planned_volumes(who, visit.number, visit.years, "demo")
        parents = {"age": visit.age, "sex": who.sex, "diagnosis": who.diagnosis, "head_size": who.icv}
        rows.append({"subject": who.subject, **parents, **{lobe: volumes[lobe] for lobe in LOBE_NAMES}})
    return pd.DataFrame(rows)


def shift(pgm: PGM, table: pd.DataFrame) -> np.ndarray:
    """Mean log change of six lobes from control to case: of controls, and of cases with the sign turned."""
    lobes = list(LOBE_NAMES)
    means = []
    for level, other in ((CONTROL, CASE), (CASE, CONTROL)):
        group = table[table["diagnosis"] == level]
        made = pgm.counterfactual(group, {"diagnosis": other})
        means.append(np.log(made[lobes].to_numpy() / group[lobes].to_numpy()).mean(axis=0))
    return (means[0] - means[1]) / 2


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cohorts", type=int, nargs="?", default=400)
    parser.add_argument("--flow", action="store_true", help="the flow as PCGM fits it, not its closed form")
    options = parser.parse_args()
    planted = np.log1p([EFFECTS["demo"][lobe] for lobe in LOBE_NAMES])
    errors = []
    for seed in range(FIRST, FIRST + options.cohorts):
        table = people(seed)
        errors.append(100 * (shift(PGM.fit(table, seed, kind="auto" if options.flow else "linear"), table) - planted))
    mean, spread = np.mean(errors, axis=0), np.std(errors, axis=0, ddof=1)
    cells = [f"{m:+.2f} ({s / np.sqrt(len(errors)):.2f})" for m, s in zip(mean, spread, strict=True)]
    print(f"| {'flow' if options.flow else 'closed form'} | {len(errors)} | {' | '.join(cells)} |")
    print(f"s.d. of one cohort: {spread.min():.2f} to {spread.max():.2f}")


if __name__ == "__main__":
    main()
