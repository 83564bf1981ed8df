"""How a segmenter reads known changes of real scans: ``python tools/deformation_truth.py --cohort DIR --people 8``.

Every lobe and the ventricles of the first people of a BIDS folder are brought to .90, .95, 1.05 and 1.10 of their
volume (`pcgm_bench.cohort.deformation`), and read by the segmenter that said where they are. Prints a Markdown table:
the slope of the read on the true log-change through all people and the change that is read where none was made, with
95 % of a bootstrap over people; the range of single people's slopes; and what other regions are read to change, in
per cent of their own volume for 10 % of this one's (and what they truly change). Scans that cannot be changed so far
are named below it.

The table is printed after every person. With ``--out`` the single readings are written after every person as well, and
the same command goes on where it stopped; with other weights it starts anew.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.cohort import bids
from pcgm_bench.cohort.deformation.deform import REGIONS
from pcgm_bench.cohort.deformation.deform import moved
from pcgm_bench.cohort.deformation.deform import mover
from pcgm_bench.cohort.deformation.source import source_of
from pcgm_bench.contracts import UserError
from pcgm_bench.segmenters.unet.segmenter import UNetSegmenter
from pcgm_bench.segmenters.unet.weight_files import WEIGHTS
from pcgm_bench.store import atomic
from pcgm_bench.store.home import default_home

DOSES = (0.90, 0.95, 1.05, 1.10)
WATCHED = (*LOBE_NAMES, "white_matter", "ventricles")
RESAMPLES = 500


def main() -> None:
    """Measure and print."""
    given = _arguments()
    torch.set_num_threads(given.threads)
    segmenter = UNetSegmenter(given.weights, threads=given.threads)
    cohort = bids.read(given.cohort, given.map, given.home)
    people = list(cohort.table["subject"].drop_duplicates())[: given.people]
    requests = [(region, dose) for region in given.regions for dose in given.doses]
    table = _stored(given.out, segmenter.identity, people, requests)
    for number, subject in enumerate(people):
        if not table.empty and subject in set(table["subject"]):
            continue
        started = time.monotonic()
        readings = _read_person(cohort.subset([subject]), segmenter, given.regions, given.doses)
        table = pd.concat([table, pd.DataFrame(readings).assign(segmenter=segmenter.identity)], ignore_index=True)
        if given.out:
            atomic.write_text(given.out, table.to_csv(sep="\t", index=False))
        print(f"\n{number + 1}/{len(people)} sub-{subject}, {time.monotonic() - started:.0f} s")
        print(_summary(table, given.regions), flush=True)
    print(f"\n{segmenter.identity}, {len(people)} people of {cohort.name}, doses {given.doses}\n")
    print(_summary(table, given.regions))


def _stored(path: Path | None, segmenter: str, people: list[str], requests: list[tuple[str, float]]) -> pd.DataFrame:
    """What an earlier call has written of these people, read by the same segmenter and asked the same."""
    if path is None or not path.exists():
        return pd.DataFrame()
    table = pd.read_csv(path, sep="\t", dtype={"subject": str, "reason": str}, keep_default_na=False, na_values=[""])
    table = table[(table["segmenter"] == segmenter) & table["subject"].isin(people)]
    asked = {who: list(zip(rows["region"], rows["dose"], strict=True)) for who, rows in table.groupby("subject")}
    return table[table["subject"].isin([who for who, mine in asked.items() if mine == requests])]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cohort", type=Path, required=True, help="BIDS folder of skull-stripped scans")
    parser.add_argument("--map", action="append", default=[], help="as in `pcgm-bench cohort check`")
    parser.add_argument("--people", type=int, default=8, help="how many of them, from the first on")
    parser.add_argument("--regions", nargs="+", default=list(REGIONS), choices=REGIONS)
    parser.add_argument("--doses", nargs="+", type=float, default=list(DOSES), help="factors of a region's volume")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="the segmenter's folder of weights")
    parser.add_argument("--home", type=Path, default=None, help="keeps aligned scans; default: pcgm-bench's home")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=None, help="single readings as TSV, written after every person")
    given = parser.parse_args()
    given.home = default_home(given.home)
    return given


def _read_person(
    cohort: bids.BidsCohort, segmenter: UNetSegmenter, regions: list[str], doses: list[float]
) -> list[dict[str, object]]:
    """One row a region and dose: true and read log-changes (%) of every volume."""
    scan = cohort[0]
    scan = dataclasses.replace(scan, segmentation=segmenter.segment(scan))
    assert scan.segmentation is not None
    before = scan.segmentation.volumes
    source = source_of(cohort.path(0), cohort.aligned(0))
    rows: list[dict[str, object]] = []
    for region in regions:
        one = mover(scan, source, region)
        for dose in doses:
            row: dict[str, object] = {"subject": scan.subject, "region": region, "dose": dose, "reason": ""}
            rows.append(row)
            try:
                made = moved(scan, source, [(one, dose)])
            except UserError as error:
                row["reason"] = str(error)
                continue
            true = made.segmentation.volumes
            read = segmenter.segment(dataclasses.replace(scan, image=made.image)).volumes
            for name in WATCHED:
                row[f"true {name}"] = 100 * np.log(true[name] / before[name])
                row[f"read {name}"] = 100 * np.log(read[name] / before[name])
    return rows


def _summary(table: pd.DataFrame, regions: list[str]) -> str:
    """The Markdown table, and a line for every scan that could not be changed so far."""
    refused = [f"\nnot made: {reason}" for reason in table["reason"].dropna() if reason]
    table = table.dropna(subset=[f"true {name}" for name in WATCHED])
    lines = [
        "| region | slope [95 %] | people's slopes | bias at 0, % [95 %] | largest spill, read (true), % per 10 % "
        "| white matter, read (true) | n |",
        "|---|---|---|---|---|---|---|",
    ]
    for region in regions:
        mine = table[table["region"] == region]
        people = [str(who) for who, rows in mine.groupby("subject") if len(rows) > 1]
        if not people:
            lines.append(f"| {region} | not possible | | | | | 0 |")
            continue
        slope, bias = _line(mine, region, region)
        (low, low_bias), (high, high_bias) = _intervals(mine, region, people)
        slopes = [_line(mine[mine["subject"] == who], region, region)[0] for who in people]
        spills = {
            name: tuple(10 * _line(mine, region, name, kind)[0] for kind in ("read", "true"))
            for name in WATCHED
            if name != region
        }
        white = spills.pop("white_matter")
        worst = max(spills, key=lambda name: abs(spills[name][0] - spills[name][1]))
        lines.append(
            f"| {region} | {slope:.2f} [{low:.2f}, {high:.2f}] | {min(slopes):.2f} to {max(slopes):.2f} "
            f"| {bias:+.2f} [{low_bias:+.2f}, {high_bias:+.2f}] | {worst} {spills[worst][0]:+.2f} "
            f"({spills[worst][1]:+.2f}) | {white[0]:+.2f} ({white[1]:+.2f}) | {len(mine)} |"
        )
    return "\n".join(lines + refused)


def _line(rows: pd.DataFrame, region: str, name: str, kind: str = "read") -> tuple[float, float]:
    """Slope of a volume's change on the true change of the region, and the change (%) where nothing is asked."""
    slope, bias = np.polyfit(rows[f"true {region}"].to_numpy(float), rows[f"{kind} {name}"].to_numpy(float), 1)
    return float(slope), float(bias)


def _intervals(rows: pd.DataFrame, region: str, people: list[str]) -> np.ndarray:
    """95 % of slope and bias of people drawn with replacement, ``(2, 2)``."""
    rng = np.random.default_rng(0)
    own = {who: rows[rows["subject"] == who] for who in people}
    drawn = [
        _line(pd.concat([own[who] for who in rng.choice(people, len(people))]), region, region)
        for _ in range(RESAMPLES)
    ]
    return np.quantile(np.array(drawn), [0.025, 0.975], axis=0)


if __name__ == "__main__":
    main()
