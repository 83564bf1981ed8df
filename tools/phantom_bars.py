"""Make many phantom people and hold each to two bars: volumes as planned, ventricles of a possible brain.

``python tools/phantom_bars.py --home HOME`` (1,000 people in about ten minutes on one core); with ``--anatomies DIR``
of people made from a folder of label maps, and how many of them are made from each map.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
from rich.progress import track

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.cohort.phantom.anatomy import enclosed_by_ventricles
from pcgm_bench.cohort.phantom.anatomy_import import import_anatomies
from pcgm_bench.cohort.phantom.draw import anatomy_of
from pcgm_bench.cohort.phantom.population import planned_volumes
from pcgm_bench.cohort.phantom.recipe import Recipe
from pcgm_bench.cohort.phantom.roster import Visit
from pcgm_bench.cohort.phantom.template import load_template
from pcgm_bench.cohort.phantom.templates import anatomy_file
from pcgm_bench.contracts import silent

REGIONS = (*LOBE_NAMES, "ventricles")


def held(recipe: Recipe, home: Path, visit: Visit) -> tuple[str, list[float], int]:
    """Subject, errors (%) of `REGIONS` against the plan, and voxels that the ventricles enclose."""
    anatomy = anatomy_of(recipe, visit, {}, home)
    planned = planned_volumes(visit.person, visit.number, visit.years, recipe.effect)
    errors = [100 * (anatomy.volumes[name] / planned[name] - 1) for name in REGIONS]
    return visit.person.subject, errors, enclosed_by_ventricles(anatomy.fractions)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="keeps the phantom's template")
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--anatomies", type=Path, help="folder of label maps, as of `pcgm-bench cohort make phantom`")
    options = parser.parse_args()
    load_template(options.home)
    maps = import_anatomies(options.anatomies, options.home, silent) if options.anatomies else ()
    recipe = Recipe(seed=options.seed, per_group=-(-options.people // 2), anatomies=maps)
    visits = recipe.visits()[: options.people]
    found = [held(recipe, options.home, visit) for visit in track(visits)]
    errors = np.abs([errors for _, errors, _ in found])
    for k, name in enumerate(REGIONS):
        print(f"{name}: largest error {errors[:, k].max():.3f} % ({found[int(errors[:, k].argmax())][0]})")
    bad = [f"{subject} ({voxels})" for subject, _, voxels in found if voxels]
    print(f"people whose ventricles enclose tissue: {len(bad)} of {len(found)}{': ' if bad else ''}{', '.join(bad)}")
    if maps:
        files = Counter(anatomy_file(recipe, visit.person, options.home) for visit in visits)
        print(f"people a map: {', '.join(f'{file} {count}' for file, count in sorted(files.items()))}")


if __name__ == "__main__":
    main()
