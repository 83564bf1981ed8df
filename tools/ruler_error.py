"""Where the segmenter's error comes from: ``python tools/ruler_error.py HOME``.

Prints, in per cent, for 30 unseen (seed 11) and 30 training phantom people drawn with three contrasts and noises each,
the s.d. of the error within a person and between people (means of three); for 20 unseen people the bias and s.d. of
the 34 regions; then, for 24 unseen people whose six lobes are made 5 % smaller together, the measured share of that
change; then, for the 40 people of the segmenter's `validate`, what a lobe (row) takes of every lobe's change
(column) in one regression.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from pcgm_bench.anatomy import DK_REGIONS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.anatomy import dk_label
from pcgm_bench.cohort.grid import grid as grid_called
from pcgm_bench.cohort.phantom.anatomy import Anatomy
from pcgm_bench.cohort.phantom.anatomy import build
from pcgm_bench.cohort.phantom.population import planned_volumes
from pcgm_bench.cohort.phantom.population import wanted_shape
from pcgm_bench.cohort.phantom.roster import Visit
from pcgm_bench.cohort.phantom.roster import aud_study
from pcgm_bench.cohort.phantom.roster import training_controls
from pcgm_bench.cohort.phantom.template import load_template
from pcgm_bench.cohort.phantom.warp import Shape
from pcgm_bench.segmenters.unet.fitting.make import scan_of
from pcgm_bench.segmenters.unet.fitting.validate import readings
from pcgm_bench.segmenters.unet.fitting.validate import states
from pcgm_bench.segmenters.unet.segmenter import UNetSegmenter

SEED, LOSS, DRAWS = 11, 0.05, 3
LOBES = list(LOBE_NAMES)


def anatomy(home: Path, visit: Visit, factor: float = 1.0) -> Anatomy:
    """A person without an effect, all lobes at ``factor`` of their volume."""
    planned = planned_volumes(visit.person, visit.number, visit.years, "null")
    asked = {name: volume * (factor if name in LOBES else 1) for name, volume in planned.items()}
    who = visit.person
    return build(load_template(home), grid_called("3mm"), Shape(who.seed, wanted_shape(who)), who.icv, asked)


def scatter(home: Path, segmenter: UNetSegmenter, visits: list[Visit]) -> tuple[np.ndarray, np.ndarray]:
    """s.d. (%) within a person and between people, of the six lobes and of all cortex."""
    errors = []
    for number, visit in enumerate(visits):
        brain = anatomy(home, visit)
        true = [brain.volumes[name] for name in LOBES]
        rows = []
        for draw in range(DRAWS):
            volumes = segmenter.segment(scan_of(brain, 1000 * number + draw, 7 * number + draw)).volumes
            read = [volumes[name] for name in LOBES]
            rows.append(100 * np.log([*np.divide(read, true), sum(read) / sum(true)]))
        errors.append(rows)
    found = np.array(errors)
    return np.sqrt(found.var(axis=1, ddof=1).mean(axis=0)), found.mean(axis=1).std(axis=0, ddof=1)


def regions(home: Path, segmenter: UNetSegmenter, visits: list[Visit]) -> np.ndarray:
    """Error (%) of the 34 regions, left and right together, one row a person."""
    errors = []
    for visit in visits:
        brain = anatomy(home, visit)
        volumes = segmenter.segment(scan_of(brain, visit.person.seed, visit.person.seed + 100)).volumes
        read = [volumes[f"lh-{region}"] + volumes[f"rh-{region}"] for region in DK_REGIONS]
        true = [brain.parcels[dk_label(region, "lh")] + brain.parcels[dk_label(region, "rh")] for region in DK_REGIONS]
        errors.append(100 * np.log(np.divide(read, true)))
    return np.array(errors)


def together(home: Path, segmenter: UNetSegmenter, visits: list[Visit]) -> np.ndarray:
    """Measured share of a change that all lobes have, one row a person."""
    shares = []
    for visit in visits:
        seed = visit.person.seed
        before, after = (
            segmenter.segment(scan_of(anatomy(home, visit, factor), seed, seed + k)).volumes
            for k, factor in enumerate((1.0, 1 - LOSS))
        )
        shares.append([np.log(after[name] / before[name]) / np.log(1 - LOSS) for name in LOBES])
    return np.array(shares)


def main() -> None:
    """Measure and print."""
    home = Path(sys.argv[1])
    torch.set_num_threads(2)
    segmenter = UNetSegmenter()
    unseen = [visit for visit in aud_study(SEED, 15) if visit.number == 0]
    trained = training_controls()[::13][:30]
    for name, visits in (("unseen", unseen[:30]), ("training", trained)):
        within, between = scatter(home, segmenter, visits)
        table = pd.DataFrame([within, between], ["within", "between"], [*LOBES, "all cortex"])
        print(f"{len(visits)} {name} people\n{table.round(2).to_string()}\n", flush=True)
    off = regions(home, segmenter, unseen[:20])
    table = pd.DataFrame({"bias": off.mean(axis=0), "s.d.": off.std(axis=0, ddof=1)}, list(DK_REGIONS))
    print(f"34 regions, 20 unseen people\n{table.describe().loc[['min', '50%', 'max']].round(1).to_string()}")
    print(f"median of |bias| {table['bias'].abs().median():.1f}\n{table.round(1).to_string()}\n", flush=True)
    for raw in (True, False):
        shares = together(home, UNetSegmenter(raw=raw), unseen[:24])
        error = shares.std(axis=0, ddof=1) / np.sqrt(len(shares))
        table = pd.DataFrame([shares.mean(axis=0), error], ["share", "s.e."], LOBES)
        print(f"all lobes at once, {'raw' if raw else 'calibrated'}\n{table.round(3).to_string()}\n", flush=True)

    def read(scan: object) -> tuple[dict[str, float], float]:
        reading = segmenter.segment(scan)  # type: ignore[arg-type]
        return dict(reading.volumes), reading.head_size

    logs = readings(states(home, SEED, 40), read)
    measured, true = ((one[:, 1:, :6] - one[:, :1, :6]).reshape(-1, 6) for one in logs)
    taken = np.linalg.lstsq(true, measured, rcond=None)[0].T
    print(pd.DataFrame(taken, LOBES, LOBES).assign(others=taken.sum(axis=1) - np.diag(taken)).round(3).to_string())


if __name__ == "__main__":
    main()
