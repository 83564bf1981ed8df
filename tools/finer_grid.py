"""What the segmenter makes of scans on the 2 mm grid: ``python tools/finer_grid.py HOME [--people 12] [--seed 12]``.

Phantom people are drawn on the 3 mm and the 2 mm grid in three states each, every lobe changed by up to 10 % either
way, and read. Prints two Markdown tables: bias and s.d. of a single scan and slope and r of changes on both grids,
against the true volumes of each; and, of the first people, how far the fractions at 2 mm overlap with the true ones
(Dice of shares), beside simpler ways to bring a reading from 3 mm to 2 mm.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional
from volume_columns import with_totals

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.cohort.grid import grid as grid_called
from pcgm_bench.cohort.phantom.anatomy import Anatomy
from pcgm_bench.cohort.phantom.anatomy import placed
from pcgm_bench.cohort.phantom.anatomy import shape
from pcgm_bench.cohort.phantom.population import planned_volumes
from pcgm_bench.cohort.phantom.population import wanted_shape
from pcgm_bench.cohort.phantom.render import render
from pcgm_bench.cohort.phantom.roster import Visit
from pcgm_bench.cohort.phantom.roster import aud_study
from pcgm_bench.cohort.phantom.template import load_template
from pcgm_bench.cohort.phantom.warp import Shape
from pcgm_bench.contracts import Scan
from pcgm_bench.segmenters.unet.finer import averaged
from pcgm_bench.segmenters.unet.finer import finer_shares
from pcgm_bench.segmenters.unet.finer import pieces
from pcgm_bench.segmenters.unet.fitting.validate import DOSE
from pcgm_bench.segmenters.unet.fitting.validate import NAMES
from pcgm_bench.segmenters.unet.fitting.validate import report
from pcgm_bench.segmenters.unet.segmenter import UNetSegmenter
from pcgm_bench.segmenters.unet.weight_files import WEIGHTS

GRIDS = ("2mm", "3mm")
PER_GROUP = 10
"""People of each group that there are to take from; their diagnosis changes nothing here."""
CUTS = [pieces(side, 2) for side in grid_called("2mm").shape]
COLUMNS = ("csf", "ventricles", "white_matter", "deep_grey", "cortex", "mean of the lobes", "wrong place, %")


def main() -> None:
    """Draw, read and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path, help="keeps the phantom's template")
    parser.add_argument("--people", type=int, default=12, help="20 at most")
    parser.add_argument("--overlaps", type=int, default=4, help="people whose fractions are compared")
    parser.add_argument("--seed", type=int, default=12)
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="the segmenter's folder of weights")
    given = parser.parse_args()
    torch.set_num_threads(1)
    segmenter, raw = UNetSegmenter(given.weights), UNetSegmenter(given.weights, raw=True)
    logs: dict[str, list[np.ndarray]] = {name: [] for name in GRIDS}
    ways = []
    for number, visit in enumerate(aud_study(given.seed, PER_GROUP)[: given.people]):
        for name in GRIDS:
            made = states(given.home, name, visit, np.random.default_rng([given.seed, 31, number]))
            logs[name].append(np.log([volumes(segmenter, scan, anatomy) for scan, anatomy in made]))
            if name == "2mm" and number < given.overlaps:
                ways += overlaps(raw, *made[0])
        print(f"person {number + 1} of {given.people}", flush=True)
    tables = {name: report(*np.array(logs[name]).transpose(2, 0, 1, 3)) for name in GRIDS}
    columns = tables["2mm"].columns[:4]
    both = pd.concat({f"{column}, {name}": tables[name][column] for column in columns for name in GRIDS}, axis=1)
    error = {name: 100 * np.subtract(*np.array(logs[name])[:, 0].swapaxes(0, 1)) for name in GRIDS}
    apart = error["2mm"] - error["3mm"]
    both["2 mm less 3 mm, %"], both["s.d."] = apart.mean(0), apart.std(0, ddof=1)
    print(f"\n{segmenter.identity}, seed {given.seed}\n\n{markdown(both)}")
    print(f"\n{markdown(pd.DataFrame(ways).groupby('fractions', sort=False).mean())}")


def states(home: Path, name: str, visit: Visit, rng: np.random.Generator) -> list[tuple[Scan, Anatomy]]:
    """A person's scans and true anatomies on a grid: as planned, and twice with other lobes."""
    grid, who = grid_called(name), visit.person
    planned = planned_volumes(who, 0, 0.0, "null")
    plans = [planned]
    for _ in range(2):
        plans.append({key: v * (1 + rng.uniform(-DOSE, DOSE) * (key in LOBE_NAMES)) for key, v in planned.items()})
    surfaces = placed(load_template(home), grid, Shape(who.seed, wanted_shape(who)), who.icv, planned["ventricles"])
    out = []
    for number, plan in enumerate(plans):
        anatomy = shape(surfaces, grid, plan)
        image = render(anatomy, who.seed, who.seed + 100 + number)
        out.append((Scan("x", "", image, grid.affine, 48.0, "F", "control"), anatomy))
    return out


def volumes(segmenter: UNetSegmenter, scan: Scan, anatomy: Anatomy) -> list[list[float]]:
    """mL of `NAMES`: read, and true."""
    read = segmenter.segment(scan)
    out = []
    for known, head in ((read.volumes, read.head_size), (anatomy.volumes, sum(anatomy.volumes.values()))):
        totals = with_totals(known, head)
        out.append([totals[name] for name in NAMES])
    return out


def overlaps(segmenter: UNetSegmenter, scan: Scan, anatomy: Anatomy) -> list[dict[str, object]]:
    """One row a way to have fractions, beside the true ones."""
    image, true = torch.from_numpy(scan.image), torch.from_numpy(anatomy.fractions).float()
    small, coarse = averaged(image, CUTS), averaged(true, CUTS)
    at_3mm = Scan("x", "", small.numpy(), grid_called("3mm").affine, 48.0, "F", "control")
    read = torch.from_numpy(segmenter.segment(at_3mm).fractions)
    linear = functional.interpolate(read[None], tuple(image.shape), mode="trilinear")[0]
    flat = finer_shares(read, torch.ones_like(image), CUTS)
    return [
        overlap("read, on the 3 mm grid", read, coarse),
        overlap("read, on the 2 mm grid", finer_shares(read, image, CUTS), true),
        overlap("read, fitted without the image", flat, true),
        overlap("read, interpolated", linear, true),
        overlap("true at 3 mm, on the 2 mm grid", finer_shares(coarse, image, CUTS), true),
    ]


def overlap(fractions: str, found: Tensor, true: Tensor) -> dict[str, object]:
    """Dice of shares of `COLUMNS`, and the share (%) of the head that has another tissue."""
    shares = {name: (found[k], true[k]) for k, name in enumerate(CHANNELS)}
    shares["cortex"] = (found[-len(LOBE_NAMES) :].sum(0), true[-len(LOBE_NAMES) :].sum(0))
    dice = {name: float(2 * torch.minimum(a, b).sum() / (a + b).sum()) for name, (a, b) in shares.items()}
    dice["mean of the lobes"] = float(np.mean([dice[lobe] for lobe in LOBE_NAMES]))
    dice["wrong place, %"] = 50 * float((found - true).abs().sum() / true[1:].sum())
    return {"fractions": fractions, **{name: dice[name] for name in COLUMNS}}


def markdown(frame: pd.DataFrame) -> str:
    """A frame with its index as a table."""
    lines = [[str(frame.index.name), *map(str, frame.columns)], ["---"] * (1 + len(frame.columns))]
    lines += [
        [str(name), *(f"{value:.3f}" for value in row)] for name, row in zip(frame.index, frame.to_numpy(), strict=True)
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
