"""Is the chance that the AUD study prints for a cell the share of cohorts in which the cell comes out right?

``python tools/verdict_power.py --per-group 20``: phantom people without images. For every cell of the table `power`,
the chance that the study prints (mean over some cohorts) beside the share of cohorts whose own bootstrap shows it, for
the truth and for a causal model that is fitted to the cohort. ``taken`` is how often a verdict takes the cell.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import pandas as pd
from aud_simulation import LEVELS
from aud_simulation import VOLUMES
from aud_simulation import simulate

from pcgm_bench.studies.aud.comparisons import COLUMNS
from pcgm_bench.studies.aud.comparisons import COUNTED
from pcgm_bench.studies.aud.facts import MODEL
from pcgm_bench.studies.aud.facts import TRUTH
from pcgm_bench.studies.aud.pattern import aud_pattern
from pcgm_bench.studies.aud.rows import ORACLE
from pcgm_bench.studies.aud.rows import REAL
from pcgm_bench.studies.aud.sample import LOBES
from pcgm_bench.studies.aud.sample import sample_of
from pcgm_bench.studies.aud.sample import visits_of
from pcgm_bench.studies.aud.sound_rule import RIGHT
from pcgm_bench.studies.aud.sound_rule import judge
from pcgm_bench.studies.aud.sound_rule import sound_rule
from pcgm_bench.studies.aud.truth_power import truth_power

ROWS = {TRUTH: ORACLE, MODEL: VOLUMES}
"""Whose counterfactuals a chance is about -> the row that has them."""


def printed(seed: int, per_group: int, effect: str) -> Iterator[dict[str, object]]:
    """One line a cell: its chance, as the study says it of a cohort, and whether the verdict takes it."""
    cohort = simulate(seed, per_group, effect)
    sample = sample_of(visits_of(cohort.measurements), REAL, LEVELS)
    pattern = aud_pattern(cohort.planted)
    for group in ROWS:
        power = truth_power(sample, pattern, seed, is_fitted=group == MODEL)
        for (column, lobe), chance in power.chance.items():
            is_taken = (column, lobe) in power.decidable
            yield {"of": group, "column": column, "lobe": lobe, "printed": chance, "taken": float(is_taken)}


def shown(seed: int, per_group: int, effect: str, replicates: int) -> Iterator[dict[str, object]]:
    """One line a cell: whether it comes out right in a cohort."""
    cohort = simulate(seed, per_group, effect)
    frames, pattern = visits_of(cohort.measurements), aud_pattern(cohort.planted)
    for group, row in ROWS.items():
        refitter = cohort.refitter if group == MODEL else None
        scores = sound_rule(sample_of(frames, row, LEVELS), replicates, seed, refitter)
        for name in COUNTED:
            for lobe in LOBES:
                is_right = judge(COLUMNS[name], lobe, scores.effects[name][lobe], pattern) == RIGHT
                yield {"of": group, "column": name, "lobe": lobe, "shown": float(is_right)}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cohorts", type=int, default=100)
    parser.add_argument("--printed", type=int, default=20, help="cohorts whose printed chance is looked at")
    parser.add_argument("--first", type=int, default=1001, help="seed of the first cohort")
    parser.add_argument("--per-group", type=int, default=20)
    parser.add_argument("--effect", default="demo")
    parser.add_argument("--replicates", type=int, default=200, help="of each cohort's own bootstrap")
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.cohorts)
    size = options.per_group, options.effect
    said = pd.DataFrame([cell for seed in seeds[: options.printed] for cell in printed(seed, *size)])
    found = pd.DataFrame([cell for seed in seeds for cell in shown(seed, *size, options.replicates)])
    cell = ["of", "column", "lobe"]
    table = said.groupby(cell, sort=False).mean().join(found.groupby(cell, sort=False).mean())
    table["off"] = table["printed"] - table["shown"]
    print(f"{options.effect}, {options.per_group} a group, {options.cohorts} cohorts from seed {options.first}")
    print(table.round(2).to_string())
    print(table.groupby("of")["off"].agg(["mean", "min", "max"]).round(3).to_string())


if __name__ == "__main__":
    main()
