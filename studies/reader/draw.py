"""Which cases a study shows, and in which order every reader meets them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from pcgm_bench.contracts import Progress
from pcgm_bench.contracts import ReaderCase
from pcgm_bench.contracts import ReaderRequest
from pcgm_bench.contracts import UserError
from pcgm_bench.studies.reader.cases import FAKES
from pcgm_bench.studies.reader.cases import Space
from pcgm_bench.studies.reader.cases import coarse
from pcgm_bench.studies.reader.cases import window

RULES = ("nearest", "random")
REAL = "real"
SYNTHETIC = "synthetic"
CASE = "case"
REPEAT = "repeat"
CATCH = "catch"
MOST_REPEATS = 0.25
MOST_READERS = 99


@dataclass(frozen=True)
class Design(ReaderRequest):
    """What is asked of an export, checked.

    Raises:
        UserError: a number out of range, or an unknown rule.
    """

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise UserError(f"--rule {self.rule}: use {' or '.join(RULES)}")
        for name, value, low, high in (
            ("readers", self.readers, 1, MOST_READERS),
            ("cases", self.cases, 2, 10_000),
            ("repeats", self.repeats, 0, MOST_REPEATS),
            ("catch", self.catch, 0, self.cases),
        ):
            if not low <= value <= high:
                raise UserError(f"--{name} {value}: choose {low} to {high}")

    @property
    def repeated(self) -> int:
        """How many real cases come twice, and how many synthetic ones."""
        return round(self.repeats * self.cases)


@dataclass(frozen=True)
class Shown:
    """One image as it is shown; all readers see the same voxels.

    Attributes:
        name: in the key: ``p001``; numbers are drawn, and say nothing.
        kind: `CASE`, `REPEAT` or `CATCH`.
        truth: `REAL` or `SYNTHETIC`.
        case: where its voxels come from.
        fake: kind of catch trial, else empty.
        repeats: name of the image that it repeats, else empty.
        pair: number of the real case that a synthetic one was chosen for (``nearest``), 0 if there is none.
    """

    name: str
    kind: str
    truth: str
    case: ReaderCase
    fake: str = ""
    repeats: str = ""
    pair: int = 0


@dataclass(frozen=True)
class Drawn:
    """The images of a study in the order in which they are written, and remarks for the person who runs it."""

    shown: tuple[Shown, ...]
    notes: tuple[str, ...]


def secret(real: Sequence[ReaderCase], made: Sequence[ReaderCase]) -> int:
    """A number that only somebody with the images can have; part of every seed.

    Without it, anybody who has this program and guesses the seed knows the order.
    """
    mixed = hashlib.sha256()
    for pool in (real, made):
        mixed.update("\n".join(case.identity for case in pool).encode())
        mixed.update(np.ascontiguousarray(pool[0].load()[0]).tobytes())
    return int.from_bytes(mixed.digest()[:8], "big")


def draw(
    real: Sequence[ReaderCase],
    made: Sequence[ReaderCase],
    design: Design,
    space: Space,
    entropy: list[int],
    progress: Progress,
) -> Drawn:
    """Choose the cases, the repeats and the catch trials.

    Args:
        real: pool of real images.
        made: pool of synthetic images.
        design: how many, by which rule.
        space: the grid.
        entropy: seed.
        progress: told (what, done, total).

    Raises:
        UserError: a pool has fewer people than cases are asked for.
    """
    rng = np.random.default_rng([*entropy, 0])
    reals = _pick(one_each(real, rng), design.cases, "real scans", rng)
    if design.rule == "nearest":
        pool = one_each(made, rng)
        _enough(pool, design.cases, "synthetic images")
        partners, notes = _nearest(reals, pool, space, progress)
    else:
        partners, notes = _strangers(reals, one_each(made, rng), design.cases, rng)
    chosen = [(REAL, case, number) for number, case in enumerate(reals, 1)]
    chosen += [(SYNTHETIC, case, number) for number, case in enumerate(partners, 1)]
    names = [f"p{number:03d}" for number in rng.permutation(2 * (design.cases + design.repeated) + design.catch) + 1]
    paired = design.rule == "nearest"
    shown = [
        Shown(names[i], CASE, truth, case, pair=number if paired else 0)
        for i, (truth, case, number) in enumerate(chosen)
    ]
    for truth in (REAL, SYNTHETIC):
        first = [entry for entry in shown if entry.kind == CASE and entry.truth == truth]
        for index in rng.choice(len(first), design.repeated, replace=False):
            entry = first[index]
            shown.append(Shown(names[len(shown)], REPEAT, truth, entry.case, repeats=entry.name, pair=entry.pair))
    for number, index in enumerate(rng.choice(len(reals), design.catch, replace=False)):
        kind = FAKES[number % len(FAKES)]
        shown.append(Shown(names[len(shown)], CATCH, SYNTHETIC, reals[index], fake=kind))
    # By drawn name, so that nothing in the order of writing (inodes, times) follows what an image is.
    return Drawn(tuple(sorted(shown, key=lambda entry: entry.name)), notes)


def one_each(pool: Sequence[ReaderCase], rng: np.random.Generator) -> list[ReaderCase]:
    """One image a person, drawn at random where there are several visits; in the pool's order of people."""
    people: dict[str, list[ReaderCase]] = {}
    for case in pool:
        people.setdefault(case.person, []).append(case)
    return [cases[int(rng.integers(len(cases)))] for cases in people.values()]


def order(shown: Sequence[Shown], entropy: list[int], reader: int) -> list[Shown]:
    """One reader's order: at random, but the first look at a repeated image in the first third, the second in the last.

    Which of the two looks comes first is drawn too, so that a later place says nothing about being a repeat's file.
    """
    rng = np.random.default_rng([*entropy, 1, reader])
    third = len(shown) // 3
    again = {entry.repeats: entry for entry in shown if entry.kind == REPEAT}
    twice = [(entry, again[entry.name]) for entry in shown if entry.name in again]
    looks = [pair if rng.random() < 0.5 else pair[::-1] for pair in twice]
    places: dict[int, Shown] = {}
    for which, start in ((0, 0), (1, len(shown) - third)):
        slots = rng.choice(third, len(looks), replace=False) + start
        places |= {int(slot): look[which] for slot, look in zip(slots, looks, strict=True)}
    rest = [entry for entry in shown if entry.name not in again and entry.kind != REPEAT]
    free = [slot for slot in range(len(shown)) if slot not in places]
    places |= {slot: rest[index] for slot, index in zip(free, rng.permutation(len(rest)), strict=True)}
    return [places[slot] for slot in range(len(shown))]


def _enough(pool: Sequence[ReaderCase], count: int, what: str) -> None:
    if len(pool) < count:
        raise UserError(f"{what} of {len(pool)} people, --cases {count} needs {count}: use --cases {len(pool)} or less")


def _pick(pool: Sequence[ReaderCase], count: int, what: str, rng: np.random.Generator) -> list[ReaderCase]:
    _enough(pool, count, what)
    return [pool[index] for index in rng.choice(len(pool), count, replace=False)]


def _strangers(
    reals: Sequence[ReaderCase], pool: Sequence[ReaderCase], count: int, rng: np.random.Generator
) -> tuple[list[ReaderCase], tuple[str, ...]]:
    """Synthetic images at random, of people who are not among the real cases as far as there are any."""
    _enough(pool, count, "synthetic images")
    seen = {case.person for case in reals}
    mixed = [pool[index] for index in rng.permutation(len(pool))]
    partners = sorted(mixed, key=lambda case: case.person in seen)[:count]
    shared = sum(case.person in seen for case in partners)
    note = f"{shared} of {count} synthetic cases show a person who is among the real cases too"
    return partners, ((note,) if shared else ())


def _nearest(
    reals: Sequence[ReaderCase], pool: Sequence[ReaderCase], space: Space, progress: Progress
) -> tuple[list[ReaderCase], tuple[str, ...]]:
    """For every real case the most similar image of the pool, none twice: least total squared difference of levels."""
    want = np.stack([coarse(window(space.image(case), case.identity), space) for case in reals])
    norms = (want.astype(np.float64) ** 2).sum(axis=1)
    distance = np.empty((len(reals), len(pool)))
    for index, case in enumerate(pool):
        here = coarse(window(space.image(case), case.identity), space)
        distance[:, index] = norms - 2 * (want @ here) + float(here.astype(np.float64) @ here)
        progress("comparing images", index + 1, len(pool))
    rows, columns = linear_sum_assignment(distance)
    partners = [pool[column] for column in columns[np.argsort(rows)]]
    own = sum(real.person == partner.person for real, partner in zip(reals, partners, strict=True))
    notes = []
    if own:
        notes.append(
            f"{own} of {len(reals)} synthetic cases are made from the very person of their real case, so readers see "
            "two images of one brain; --rule random avoids that"
        )
    return partners, tuple(notes)
