"""Prove the ruler on people it has never seen: ``python -m pcgm_bench.segmenters.unet.fitting.validate --seed 11``.

Every person is drawn in three states: as planned, and twice with every lobe changed by up to 10 % either way.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.cohort.grid import grid as grid_called
from pcgm_bench.cohort.phantom.anatomy import Anatomy
from pcgm_bench.cohort.phantom.anatomy import placed
from pcgm_bench.cohort.phantom.anatomy import shape
from pcgm_bench.cohort.phantom.population import planned_volumes
from pcgm_bench.cohort.phantom.population import wanted_shape
from pcgm_bench.cohort.phantom.roster import aud_study
from pcgm_bench.cohort.phantom.template import load_template
from pcgm_bench.cohort.phantom.warp import Shape
from pcgm_bench.segmenters.unet.fitting.make import scan_of
from pcgm_bench.segmenters.unet.segmenter import UNetSegmenter

DOSE = 0.10
NAMES = (*LOBE_NAMES, "ventricles", "white_matter", "head_size")


def states(home: Path | None, seed: int, people: int) -> list[tuple[int, list[Anatomy]]]:
    """``people`` unseen persons in three states each, with the seed of their contrast."""
    grid = grid_called("3mm")
    out = []
    for number, visit in enumerate(aud_study(seed, -(-people // 2))[:people]):
        planned = planned_volumes(visit.person, 0, 0.0, "null")
        who = visit.person
        surfaces = placed(load_template(home), grid, Shape(who.seed, wanted_shape(who)), who.icv, planned["ventricles"])
        rng = np.random.default_rng([seed, 31, number])
        plans = [planned]
        for _ in range(2):
            plans.append({k: v * (1 + rng.uniform(-DOSE, DOSE) * (k in LOBE_NAMES)) for k, v in planned.items()})
        out.append((who.seed, [shape(surfaces, grid, plan) for plan in plans]))
    return out


def readings(
    people: list[tuple[int, list[Anatomy]]], read: Callable[..., tuple[dict[str, float], float]]
) -> tuple[np.ndarray, np.ndarray]:
    """Log volumes, measured and true: ``(people, 3, len(NAMES))`` each."""
    measured, true = [], []
    for seed, anatomies in people:
        rows, truths = [], []
        for k, anatomy in enumerate(anatomies):
            volumes, head = read(scan_of(anatomy, seed, seed + 100 + k))
            rows.append([head if n == "head_size" else volumes[n] for n in NAMES])
            whole = sum(anatomy.volumes.values())
            truths.append([whole if n == "head_size" else anatomy.volumes[n] for n in NAMES])
        measured.append(rows)
        true.append(truths)
    return np.log(measured), np.log(true)


def report(measured: np.ndarray, true: np.ndarray) -> pd.DataFrame:
    """Bias and s.d. (%) of a single scan, slope and r of measured against true change, by volume."""
    error = 100 * (measured - true)[:, 0]
    rows = []
    for k, name in enumerate(NAMES):
        x, y = (100 * (v[:, 1:, k] - v[:, :1, k]).ravel() for v in (true, measured))
        moved = float(x @ x) > 1
        slope = float(x @ y / (x @ x)) if moved else float("nan")
        r = float(np.corrcoef(x, y)[0, 1]) if moved else float("nan")
        rows.append(
            {"volume": name, "bias %": error[:, k].mean(), "s.d. %": error[:, k].std(ddof=1), "slope": slope, "r": r,
             "spill or residual s.d. %": float(np.std(y - (slope * x if moved else 0)))}
        )  # fmt: skip
    return pd.DataFrame(rows).set_index("volume")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=11, help="of the unseen people (0-2 are for reporting)")
    parser.add_argument("--people", type=int, default=40)
    parser.add_argument("--home", type=Path, default=None, help="keeps the phantom's template")
    parser.add_argument("--device", default="cpu", help="where the network runs: cpu or cuda")
    parser.add_argument("--threads", type=int, default=2, help="threads of a tensor operation")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    people = states(options.home, options.seed, options.people)
    for raw in (True, False):
        segmenter = UNetSegmenter(raw=raw, device=options.device)

        def read(scan: object, segmenter: UNetSegmenter = segmenter) -> tuple[dict[str, float], float]:
            reading = segmenter.segment(scan)  # type: ignore[arg-type]
            return dict(reading.volumes), reading.head_size

        title = "raw" if raw else "calibrated"
        print(f"{title}, seed {options.seed}, {options.people} people x 3 states")
        print(report(*readings(people, read)).round(3).to_string(), end="\n\n")


if __name__ == "__main__":
    main()
