"""Make the pieces of a run from their names: cohort, segmenter, generators with their weights."""

from __future__ import annotations

import inspect
import json
import sys
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path
from typing import Any

from pcgm_bench import registry
from pcgm_bench.cohort import bids
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Generator
from pcgm_bench.contracts import Segmenter
from pcgm_bench.contracts import UserError
from pcgm_bench.runner.readings import Progress
from pcgm_bench.store import atomic
from pcgm_bench.store import digest
from pcgm_bench.store import source_digest

TRAINED_ON = "trained_on.json"
"""Beside weights: the cohort that they were trained on, as it was asked for. It decides no image."""


@dataclass(frozen=True)
class CohortRequest:
    """What the user says about the people.

    Attributes:
        name: a registered cohort, or a BIDS folder.
        maps: ``diagnosis=group:depr/control``: where a BIDS folder keeps what we need.
        effect: planted effect of an embedded cohort.
        mechanism: which surface of cortex moves in an embedded cohort.
        grid: ``3mm``, ``2mm`` or ``1mm``.
        population: of an embedded cohort; a study names the one it is about.
    """

    name: str = "phantom"
    maps: tuple[str, ...] = ()
    effect: str = "demo"
    mechanism: str = "pial"
    grid: str = "3mm"
    population: str = "aud"


def open_people(study: Any, request: CohortRequest, home: Path, seed: int, quick: bool, progress: Progress) -> Cohort:
    """`open_cohort` of the population that a study is about, if it names one."""
    population = getattr(study, "population", request.population)
    return open_cohort(replace(request, population=population), home, seed, quick, progress)


def open_cohort(request: CohortRequest, home: Path, seed: int, quick: bool, progress: Progress) -> Cohort:
    """A registered cohort (made if it is not there yet) or a folder of scans.

    Raises:
        UserError: neither a registered cohort nor a folder, or the folder is not in order.
    """
    names = {plugin.name for plugin in registry.plugins("cohorts")}
    if request.name in names:
        plugin = registry.get("cohorts", request.name)
        maker = getattr(plugin, "ensure_default", None) or sys.modules[plugin.__module__].ensure_default
        return call_with(
            maker,
            home=home,
            seed=seed,
            quick=quick,
            effect=request.effect,
            mechanism=request.mechanism,
            grid=request.grid,
            population=request.population,
            progress=progress,
        )
    folder = Path(request.name).expanduser()
    if not folder.is_dir():
        raise UserError(f"no cohort and no folder is called {request.name!r}{registry.suggestion(request.name, names)}")
    return bids.read(folder, request.maps, home, grid=request.grid, progress=progress)


def open_training_cohort(request: CohortRequest, home: Path, progress: Progress) -> Cohort:
    """The people to train on: an embedded cohort's training population (its seed is fixed), or a folder of scans.

    Raises:
        UserError: as `open_cohort`, or the cohort has no training population.
    """
    if request.name not in {plugin.name for plugin in registry.plugins("cohorts")}:
        return open_cohort(request, home, 0, False, progress)
    plugin = registry.get("cohorts", request.name)
    maker = getattr(plugin, "ensure_training", None) or getattr(sys.modules[plugin.__module__], "ensure_training", None)
    if maker is None:
        raise UserError(f"cohort {request.name!r} has no training population; give a folder with --cohort")
    return call_with(maker, home=home, grid=request.grid, progress=progress)


def make_cohort(name: str, out: Path, **wanted: Any) -> Cohort:
    """Write an embedded cohort as a BIDS folder: effect, mechanism, seed, grid, progress as the cohort takes them.

    Raises:
        UserError: unknown cohort, a bad request, or a folder that is not empty or cannot be written to.
    """
    plugin = registry.get("cohorts", name)
    maker = getattr(plugin, "make", None) or getattr(sys.modules[plugin.__module__], "make", None)
    if maker is None:
        raise UserError(f"cohort {name!r} cannot be written as a folder")
    return call_with(maker, out=out, **wanted)


def open_segmenter(name: str, **available: Any) -> Segmenter:
    """A segmenter; it is given what its constructor asks for by name: cohort, folder, home, device, threads."""
    return call_with(registry.get("segmenters", name), **available)


GIVEN: dict[str, type[Generator]] = {}
"""Generators of this process only, by name: images made elsewhere (`pcgm_bench.runner.given`)."""


def method(name: str) -> type[Generator]:
    """The class of a generator by name, registered or given.

    Raises:
        UserError: unknown name.
    """
    return GIVEN[name] if name in GIVEN else registry.get("methods", name)


def open_generator(name: str, weights: Path | None = None) -> Generator:
    """A fresh generator with its weights loaded.

    Raises:
        UserError: unknown name, weights of another configuration, or none where some are needed.
    """
    generator = method(name)()
    if weights is not None:
        generator.load(weights)
    elif needs_weights(generator):
        raise UserError(f"{name} has no weights yet; train them with `pcgm-bench fit --method {name}`")
    return generator


def needs_weights(generator: Generator) -> bool:
    """Whether it has to be trained before it can do anything."""
    return generator.card.trained_on != "nothing"


def find_weights(name: str, home: Path, asked: Path | None = None) -> Path | None:
    """The folder of a method's weights: asked for, else made by ``fit``, else shipped beside its code.

    A generator may name another in its attribute ``weights_of``, whose weights it takes where it has none of its own.

    Raises:
        UserError: the folder asked for is not there.
    """
    if asked is not None:
        if not asked.is_dir():
            raise UserError(f"{asked}: no such folder of weights; leave --weights out to use those that are there")
        return asked
    module = sys.modules[method(name).__module__]
    shipped = Path(module.__file__ or "").parent / "weights" if module.__file__ else None
    if name in GIVEN:
        return None
    places = [home / "weights" / name, *([shipped] if shipped else [])]
    found = next((place for place in places if place.is_dir() and any(place.iterdir())), None)
    shared = getattr(method(name), "weights_of", None)
    return find_weights(shared, home) if found is None and shared else found


def note_training(weights: Path, cohort: str) -> None:
    """Write beside weights which cohort they were trained on: a registered cohort's training people, or a folder."""
    atomic.write_json(weights / TRAINED_ON, {"cohort": cohort})


def trained_on(weights: Path) -> str:
    """The cohort that weights were trained on; empty if nothing says so.

    Raises:
        UserError: the note beside them is damaged.
    """
    note = weights / TRAINED_ON
    if not note.is_file():
        return ""
    try:
        return str(json.loads(note.read_text())["cohort"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f'{note}: should say {{"cohort": "phantom"}} or another cohort; mend or remove it') from error


def generator_digest(name: str, weights: Path | None) -> str:
    """Version, source and weights of a generator: its part of the run's key."""
    plugin = method(name)
    files = sorted(path for path in weights.rglob("*") if path.is_file()) if weights else []
    files = [path for path in files if path.name != TRAINED_ON]
    content = [[str(path.relative_to(weights or path)), digest(path.read_bytes())] for path in files]
    return f"{plugin.card.version}-{source_digest(plugin)[:12]}-{digest(content)[:12]}"


def call_with(function: Any, **available: Any) -> Any:
    """Call with those of the offered arguments that the function asks for by name."""
    asked = inspect.signature(function).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in asked.values()):
        return function(**available)
    return function(**{name: value for name, value in available.items() if name in asked})
