"""By how much a run's counterfactuals differ from their scans: ``python tools/mean_change.py RUN...``.

RUN is a folder of ``<home>/runs`` of the study ``aud``. Mean log-change of every lobe, tissue and their sum (the head),
in log-%, by row and direction, from ``measurements.tsv``. Prints a Markdown table.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from pcgm_bench.anatomy import CHANNELS

NAMES = [name for name in CHANNELS if name != "background"]
PERSON = ["subject", "session"]


def main() -> None:
    """Compute and print."""
    print("| run | row | to | " + " | ".join([*NAMES, "head"]) + " |")
    print("|---" * (4 + len(NAMES)) + "|")
    for folder in map(Path, sys.argv[1:]):
        table = pd.read_csv(folder / "measurements.tsv", sep="\t", dtype=dict.fromkeys(PERSON, str))
        table["head"] = table[NAMES].sum(axis=1, skipna=False)
        names = [*NAMES, "head"]
        real = table[table["row"] == "real"].set_index(PERSON)[names]
        for (row, to), made in table[table["row"] != "real"].groupby(["row", "diagnosis"], sort=False):
            volumes = made.set_index(PERSON)[names]
            change = 100 * np.log(volumes / real.loc[volumes.index]).mean()
            cells = ["-" if np.isnan(value) else f"{value:+.1f}" for value in change]
            print(f"| {folder.name} | {row} | {to} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
