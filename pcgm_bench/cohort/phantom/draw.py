"""Draw one phantom person's anatomy and image, as planned or under an intervention."""

from __future__ import annotations

import json
from hashlib import blake2b
from pathlib import Path

import numpy as np

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.cohort.grid import grid as grid_called
from pcgm_bench.cohort.phantom.anatomy import Anatomy
from pcgm_bench.cohort.phantom.anatomy import placed
from pcgm_bench.cohort.phantom.anatomy import shape
from pcgm_bench.cohort.phantom.population import CASE
from pcgm_bench.cohort.phantom.population import CONTROL
from pcgm_bench.cohort.phantom.population import Person
from pcgm_bench.cohort.phantom.population import planned_volumes
from pcgm_bench.cohort.phantom.population import wanted_shape
from pcgm_bench.cohort.phantom.recipe import Recipe
from pcgm_bench.cohort.phantom.render import render
from pcgm_bench.cohort.phantom.roster import Visit
from pcgm_bench.cohort.phantom.surfaces import Surfaces
from pcgm_bench.cohort.phantom.templates import anatomy_file
from pcgm_bench.cohort.phantom.templates import template_for
from pcgm_bench.cohort.phantom.warp import Shape
from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import UserError

SETTABLE = (*LOBE_NAMES, "ventricles")
"""Regions whose volume a ``do`` can set, as a factor of the factual one."""
KEPT_POINTS = 3_000_000
"""A placed brain of more points is not kept in memory: on the 1 mm grid it would take 1.5 GB."""


def anatomy_of(recipe: Recipe, visit: Visit, do: Intervention, home: Path | None) -> Anatomy:
    """The anatomy of a person at a visit, under ``do``: same exogenous terms, other parents.

    A region named in ``do`` (a lobe, or ``ventricles``) is set to that factor of its factual volume, whatever the
    parents say; nothing else answers to it. In ``mixed`` cohorts the white surface moves for its share of such a change
    too.

    Raises:
        UserError: a factor that is not a positive number, an unknown name or level, or a volume out of reach.
    """
    asked = {name: _factor(name, do[name]) for name in SETTABLE if name in do}
    do = {name: value for name, value in do.items() if name not in asked}
    who = visit.person.under(do)
    years = who.years(do, visit.years)
    planned = planned_volumes(who, visit.number, years, recipe.effect)
    if asked:
        factual = planned_volumes(visit.person, visit.number, visit.years, recipe.effect)
        planned |= {name: factor * factual[name] for name, factor in asked.items()}
    healthy = None
    if recipe.mechanism == "mixed" and (who.diagnosis == CASE or asked):
        healthy = planned_volumes(who.under({"diagnosis": CONTROL}), visit.number, years, recipe.effect)
    # The form is the factual person's, whatever ``do`` sets.
    try:
        surfaces = _placed(recipe, home, visit.person, planned["ventricles"])
        return shape(surfaces, grid_called(recipe.grid), planned, healthy)
    except UserError as error:
        where = f" of {anatomy_file(recipe, visit.person, home)}" if recipe.anatomies else ""
        raise UserError(f"sub-{who.subject}{where}: {error}") from error


_last: dict[tuple[Recipe, Path | None, Person, float], Surfaces] = {}
"""The brain that was placed last."""


def _placed(recipe: Recipe, home: Path | None, who: Person, ventricles: float) -> Surfaces:
    """`placed`, which takes two thirds of a person's time, once for interventions in a row that change cortex alone."""
    key = (recipe, home, who, ventricles)
    surfaces = _last.get(key)
    if surfaces is None:
        _last.clear()
        form = Shape(who.seed, wanted_shape(who))
        surfaces = placed(template_for(recipe, who, home), grid_called(recipe.grid), form, who.icv, ventricles)
        if surfaces.points.voxel.size <= KEPT_POINTS:
            _last[key] = surfaces
    return surfaces


def _factor(name: str, value: object) -> float:
    try:
        factor = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        factor = float("nan")
    if not 0 < factor < float("inf"):
        msg = f"do {name} = {value!r}: a region is set to a factor of its volume, such as 0.95"
        raise UserError(msg)
    return factor


def noise_seed(visit: Visit, do: Intervention, seed: int | None) -> int:
    """Seed of a scan's noise: the visit's own, or fresh for (visit, do, seed) when ``seed`` is given."""
    parts = [visit.person.seed, visit.number]
    if seed is not None:
        text = json.dumps(dict(do), sort_keys=True, default=float)
        parts += [seed, int.from_bytes(blake2b(text.encode(), digest_size=6).digest(), "little")]
    return int(np.random.SeedSequence(parts).generate_state(1)[0])


def draw(recipe: Recipe, visit: Visit, home: Path | None) -> tuple[np.ndarray, Anatomy]:
    """The factual image ``(X, Y, Z)`` of a visit, and the anatomy that is on it."""
    anatomy = anatomy_of(recipe, visit, {}, home)
    return show(recipe, visit, anatomy, noise_seed(visit, {}, None)), anatomy


def show(recipe: Recipe, visit: Visit, anatomy: Anatomy, noise: int) -> np.ndarray:
    """The image ``(X, Y, Z)`` of an anatomy as the visit's person and scanner show it, with a noise of that seed."""
    return render(anatomy, visit.person.seed, noise, recipe.scanner_of(visit.person.subject))
