"""How a cohort's volumes lie beside published norms: ``python tools/norms.py --cohort DIR --map sex=gender ...``.

Reads every skull-stripped scan of a BIDS folder and prints a Markdown table: mean volumes of women and of men in native
mL beside the norm of their ages, the difference in per cent, and once more at the norm's head size. The norms are the
medians of the BrainChart models (Bethlehem et al. 2022, doi 10.1038/s41586-022-04554-y; FreeSurfer's definitions),
straight lines between the ages below and the nearest age's beyond them; head sizes are those of Matsumae et al. 1996.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from volume_columns import COLUMNS
from volume_columns import title_of
from volume_columns import with_totals

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.cohort import bids
from pcgm_bench.cohort.phantom.population import ICV_ML
from pcgm_bench.cohort.phantom.population import MALE_RATIO
from pcgm_bench.cohort.phantom.population import VENTRICLE_AGES
from pcgm_bench.cohort.phantom.population import VENTRICLE_MALE_RATIO
from pcgm_bench.cohort.phantom.population import VENTRICLE_ML
from pcgm_bench.contracts import UserError
from pcgm_bench.segmenters.unet.segmenter import UNetSegmenter
from pcgm_bench.segmenters.unet.weight_files import WEIGHTS
from pcgm_bench.store.home import default_home

ADULT = (18.0, 80.0)
LOBE_AGES = (25, 48, 75)
LOBE_ML = {
    "frontal": (181, 160, 146), "parietal": (117, 104, 95), "temporal": (111, 100, 92),
    "occipital": (50, 46, 43), "cingulate": (20.7, 18.7, 17.4), "insula": (14.7, 13.8, 13.4),
}  # fmt: skip
"""Medians (mL) of women at `LOBE_AGES`, both hemispheres."""
WHITE_AGES, WHITE_ML, WHITE_MALE_RATIO = (20, 34, 48, 75), (444, 443, 437, 406), 491 / 437


def main() -> None:
    """Read and print."""
    given = _arguments()
    torch.set_num_threads(1)
    segmenter = UNetSegmenter(given.weights, threads=1)
    cohort = bids.read(given.cohort, given.map, given.home)
    rows = []
    for index, visit in cohort.table.iterrows():
        if visit["subject"] in given.leave_out:
            continue
        if not ADULT[0] <= visit["age"] <= ADULT[1]:
            raise UserError(f"sub-{visit['subject']} is {visit['age']:g}: norms are for {ADULT[0]:g} to {ADULT[1]:g}")
        read, scale = segmenter.segment(cohort[index]), cohort.scale(index)
        known = with_totals(read.volumes, read.head_size)
        norm = {f"norm {name}": value for name, value in norm_of(visit["age"], visit["sex"]).items()}
        rows.append({"sex": visit["sex"], "age": visit["age"], **norm} | {c: known[c] / scale for c in COLUMNS})
        print(f"sub-{visit['subject']}: cortex {known['cortex'] / scale:.0f} mL, quality {read.qc:.2f}", flush=True)
    print(f"\n{segmenter.identity}, {cohort.name}\n\n{table(pd.DataFrame(rows))}")


def norm_of(age: float, sex: str) -> dict[str, float]:
    """Norms (mL) of a person by the names of `COLUMNS`.

    >>> norm = norm_of(48.0, "F")
    >>> norm["frontal"], norm["white_matter"], norm["ventricles"], norm["head_size"]
    (160.0, 437.0, 18.9, 1289.0)
    """
    male = sex == "M"
    lobes = {
        name: float(np.interp(age, LOBE_AGES, LOBE_ML[name])) * (MALE_RATIO[name] if male else 1.0)
        for name in LOBE_NAMES
    }
    white = float(np.interp(age, WHITE_AGES, WHITE_ML)) * (WHITE_MALE_RATIO if male else 1.0)
    fluid = float(np.interp(age, VENTRICLE_AGES, VENTRICLE_ML)) * (VENTRICLE_MALE_RATIO if male else 1.0)
    return with_totals(lobes | {"white_matter": white, "ventricles": fluid}, ICV_ML[sex][0])


def table(rows: pd.DataFrame) -> str:
    """Markdown: per sex the mean, the mean norm, the difference in per cent, and that of the shares of the head.

    Args:
        rows: one a scan: ``sex`` (F or M), ``age``, the volumes of `COLUMNS` in mL and ``norm ...`` of each.
    """
    groups = [(word, rows[rows["sex"] == sex]) for sex, word in (("F", "women"), ("M", "men"))]
    groups = [(f"{len(mine)} {word}, {mine['age'].mean():.0f} years", mine) for word, mine in groups if len(mine)]
    lines = ["| volume | " + " | ".join(f"{title} | norm | % | at head size" for title, _ in groups) + " |"]
    lines.append("|---" * (1 + 4 * len(groups)) + "|")
    for column in COLUMNS:
        cells = [title_of(column)]
        for _, mine in groups:
            mean, norm = mine[column].mean(), mine[f"norm {column}"].mean()
            head = mine["head_size"].mean() / mine["norm head_size"].mean()
            at_size = "" if column == "head_size" else f"{100 * (mean / norm / head - 1):+.0f}"
            cells += [f"{mean:.4g}", f"{norm:.4g}", f"{100 * (mean / norm - 1):+.0f}", at_size]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cohort", type=Path, required=True, help="BIDS folder of skull-stripped scans")
    parser.add_argument("--map", action="append", default=[], help="as in `pcgm-bench cohort check`")
    parser.add_argument("--leave-out", nargs="*", default=[], help="people (01) that are not read")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="the segmenter's folder of weights")
    parser.add_argument("--home", type=Path, default=None, help="keeps aligned scans; default: pcgm-bench's home")
    given = parser.parse_args()
    given.home = default_home(given.home)
    return given


if __name__ == "__main__":
    main()
