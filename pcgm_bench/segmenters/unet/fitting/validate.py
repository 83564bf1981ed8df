"""Prove the ruler on people it has never seen: ``python -m pcgm_bench.segmenters.unet.fitting.validate --seed 11``.

Every person is drawn in three states: as planned, and twice with every lobe changed by up to 10 % either way. With
``--anatomies`` the people are label maps of real brains that were left out of the training, each bent, resized and
thinned ten times, in two states; ``--errors`` keeps bias and s.d. for the segmenter to give with its volumes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
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
from pcgm_bench.contracts import UserError
from pcgm_bench.segmenters.unet.fitting.anatomy_templates import keep_anatomies
from pcgm_bench.segmenters.unet.fitting.make import scan_of
from pcgm_bench.segmenters.unet.fitting.make import show
from pcgm_bench.segmenters.unet.fitting.training_pairs import states_of_anatomy
from pcgm_bench.segmenters.unet.reading_errors import ReadingErrors
from pcgm_bench.segmenters.unet.segmenter import UNetSegmenter
from pcgm_bench.segmenters.unet.weight_files import WEIGHTS

DOSE = 0.10
NAMES = (*LOBE_NAMES, "cortex", "ventricles", "white_matter", "head_size")
HELD_OUT, DRAWN = 9000, 10
"""First index and number of the draws of an anatomy; training has smaller indices."""


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


def states_of_anatomies(maps: Sequence[Path], home: Path) -> list[tuple[int, list[Anatomy]]]:
    """Every map in `DRAWN` pairs of states, but those that do not fit, as `states` gives people."""
    out = []
    for number, folder in enumerate(keep_anatomies(list(maps), home / "anatomies", home, show)):
        for index in range(HELD_OUT, HELD_OUT + DRAWN):
            try:
                made, _ = states_of_anatomy(folder, index)
            except UserError as error:
                print(f"{folder.name}, {index}: left out, {error}")
                continue
            out.append((100 * number + index, made))
    return out


def readings(
    people: list[tuple[int, list[Anatomy]]], read: Callable[..., tuple[dict[str, float], float]]
) -> tuple[np.ndarray, np.ndarray]:
    """Log volumes, measured and true: ``(people, states, len(NAMES))`` each."""
    measured, true = [], []
    for seed, anatomies in people:
        scans = [scan_of(anatomy, seed, seed + 100 + k) for k, anatomy in enumerate(anatomies)]
        measured.append([_named(*read(scan)) for scan in scans])
        true.append([_named(anatomy.volumes, sum(anatomy.volumes.values())) for anatomy in anatomies])
    return np.log(measured), np.log(true)


def _named(volumes: Mapping[str, float], head: float) -> list[float]:
    """mL of `NAMES`."""
    known = {**volumes, "head_size": head, "cortex": sum(volumes[lobe] for lobe in LOBE_NAMES)}
    return [known[name] for name in NAMES]


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
    parser.add_argument("--seed", type=int, default=11, help="of the unseen people (40-44 are for reporting)")
    parser.add_argument("--people", type=int, default=40)
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="folder of the segmenter's files")
    parser.add_argument("--home", type=Path, default=None, help="keeps the phantom's template")
    parser.add_argument("--anatomies", type=Path, nargs="*", default=[], help="label maps; needs --home")
    parser.add_argument("--errors", type=Path, default=None, help="keep what was measured in this file (errors.json)")
    parser.add_argument("--device", default="cpu", help="where the network runs: cpu or cuda")
    parser.add_argument("--threads", type=int, default=2, help="threads of a tensor operation")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.anatomies:
        people = states_of_anatomies(options.anatomies, options.home)
        anatomies = len({seed // 100 for seed, _ in people})  # an anatomy of which no draw fits the grid does not count
        whom = f"{len(people)} draws of {anatomies} anatomies left out of the training"
    else:
        people = states(options.home, options.seed, options.people)
        whom = f"seed {options.seed}, {options.people} people x 3 states"
    for raw in (True, False):
        segmenter = UNetSegmenter(options.weights, raw=raw, device=options.device)

        def read(scan: object, segmenter: UNetSegmenter = segmenter) -> tuple[dict[str, float], float]:
            reading = segmenter.segment(scan)  # type: ignore[arg-type]
            return dict(reading.volumes), reading.head_size

        table = report(*readings(people, read))
        print(f"{'raw' if raw else 'calibrated'}, {whom}", table.round(3).to_string(), "", sep="\n")
    if options.errors is not None:
        sd, bias = (dict(zip(NAMES, table[column].round(2).tolist(), strict=True)) for column in ("s.d. %", "bias %"))
        options.errors.write_text(json.dumps(asdict(ReadingErrors(whom, sd, bias)), indent=1) + "\n")


if __name__ == "__main__":
    main()
