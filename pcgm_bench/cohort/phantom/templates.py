"""Which template a person is made from: the built-in one, or one of a lab's anatomies, dealt by the person's seed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.cohort.phantom.anatomy_store import KeptAnatomy
from pcgm_bench.cohort.phantom.anatomy_store import about_anatomy
from pcgm_bench.cohort.phantom.anatomy_store import load_anatomy
from pcgm_bench.cohort.phantom.population import CONTROL
from pcgm_bench.cohort.phantom.population import Person
from pcgm_bench.cohort.phantom.population import planned_volumes
from pcgm_bench.cohort.phantom.recipe import Recipe
from pcgm_bench.cohort.phantom.template import load_template
from pcgm_bench.cohort.phantom.template_fields import Template
from pcgm_bench.contracts import UserError

MARGIN = 0.95
"""A person gets an anatomy of which their cortex fills this share at most, where there is one: bending a brain changes
what it can hold by a few per cent."""


def template_for(recipe: Recipe, who: Person, home: Path | None) -> Template:
    """The template that a person of a cohort is made from.

    Args:
        recipe: of the cohort.
        who: as they are, without any ``do``: a counterfactual keeps the anatomy.
        home: keeps the templates.

    Raises:
        UserError: the anatomies are not in this home folder, or none can hold the person's cortex.
    """
    return load_anatomy(anatomy_key(recipe, who, home), home) if recipe.anatomies else load_template(home)


def anatomy_file(recipe: Recipe, who: Person, home: Path | None) -> str:
    """Name of the label map that a person is made from; raises as `template_for`."""
    return about_anatomy(anatomy_key(recipe, who, home), home).file


def anatomies_for(recipe: Recipe) -> tuple[str, ...]:
    """The anatomies of a cohort's people. Training people get every other one, test people the rest: where there is
    more than one, no anatomy is in both."""
    if len(recipe.anatomies) < 2:
        return recipe.anatomies
    return recipe.anatomies[0 if recipe.population == "training" else 1 :: 2]


def anatomy_key(recipe: Recipe, who: Person, home: Path | None) -> str:
    """Which anatomy a person has: drawn by their seed from those that can hold the cortex they would have in health,
    and that fit the grid at the size of their head.

    Raises:
        UserError: there is none; names the anatomy that comes closest, and what is short.
    """
    healthy = planned_volumes(who.under({"diagnosis": CONTROL}), 0, 0.0, "null")
    known = _that_fit({key: about_anatomy(key, home) for key in anatomies_for(recipe)}, who)
    need = {
        key: max((healthy[lobe] / (MARGIN * about.most[lobe] * who.icv), lobe) for lobe in LOBE_NAMES)
        for key, about in known.items()
    }
    order = np.random.default_rng([who.seed, 31]).permutation(len(known))
    for key in (list(known)[number] for number in order):
        if need[key][0] <= 1:
            return key
    key = min(need, key=lambda one: need[one])
    share, lobe = need[key]
    if share * MARGIN <= 1:  # without the margin there is room
        return key
    most = known[key].most[lobe] * who.icv
    msg = (
        f"sub-{who.subject}: none of {len(known)} anatomies can hold the cortex that is planned for a head of "
        f"{who.icv:.0f} mL: {known[key].file} comes closest, with {most:.1f} mL of the {healthy[lobe]:.1f} mL of the "
        f"{lobe} lobe: give more label maps, of younger people"
    )
    raise UserError(msg)


def _that_fit(known: Mapping[str, KeptAnatomy], who: Person) -> Mapping[str, KeptAnatomy]:
    """Those that fit the grid at the size of a person's head; UserError if there is none."""
    fit = {key: about for key, about in known.items() if who.icv <= about.largest_ml}
    if not fit:
        closest = max(known.values(), key=lambda about: about.largest_ml)
        raise UserError(
            f"sub-{who.subject}: none of {len(known)} anatomies fits the grid at a head of {who.icv:.0f} mL: "
            f"{closest.file} comes closest, up to {closest.largest_ml:.0f} mL: give more label maps, of rounder heads"
        )
    return fit
