"""Which columns of the AUD study's tables rank a useless control above every method."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from pcgm_bench.studies.aud_rules import COLUMNS
from pcgm_bench.studies.aud_sample import LOBES
from pcgm_bench.studies.aud_sample import REGIONS
from pcgm_bench.studies.controls import controls_above
from pcgm_bench.studies.controls import verdict_rank

Values = Mapping[str, Callable[[Mapping[str, Any]], float | None]]
"""Heading -> the value of a row's scores."""
OWN_NEAREST = "own scan nearest, % [95 %]"
SAME_PERSON = "same person"
VERDICT = "verdict"
WRONG_SIGNS = "wrong signs"
COUNTED = tuple(name for name in COLUMNS if name != "real")
WAYS = ("to control", "to patient")


@dataclass(frozen=True)
class Controls:
    """Who is never ranked, for the marks of columns in which one of them stands above every method.

    Attributes:
        names: rows that are controls.
        floor: the control that may stand above.
        parts: rows that are a part of a method, its causal model: neither methods nor useless.
    """

    names: Collection[str] = ()
    floor: str = ""
    parts: Collection[str] = ()

    def above(
        self,
        scores: Mapping[str, Any],
        columns: Values,
        direction: str,
    ) -> dict[str, list[str]]:
        """Heading -> controls that stand above every method there; of a heading's value of a row."""
        rows = {row: entry for row, entry in scores["rows"].items() if row != "real" and row not in self.parts}
        found = {}
        for heading, value in columns.items():
            values = {row: value(entry) for row, entry in rows.items()}
            if better := controls_above(values, self.names, self.floor, direction):
                found[heading] = better
        return found


def column(name: str) -> str:
    """One of the study's five columns in a note: ``column 1``."""
    return f"column {name}"


def wrong_signs(entry: Mapping[str, Any]) -> int:
    """Significant cells of the paper's rule where AUD is not smaller."""
    return sum(len(one["wrong_sign"]) for one in entry["paper"].values())


def _correct(name: str, entry: Mapping[str, Any]) -> float | None:
    return None if (found := entry["paper"].get(name)) is None else float(found["correct"])


def _right(name: str, entry: Mapping[str, Any]) -> float | None:
    """Lobes right less lobes wrong: who moves nothing is right about the occipital lobe alone, and wrong elsewhere."""
    return None if (count := entry["sound"]["counts"].get(name)) is None else float(count["right"] - count["wrong"])


def _same_person(entry: Mapping[str, Any]) -> float | None:
    return None if (person := entry.get("person")) is None else float(person["passed"])


def _own_nearest(entry: Mapping[str, Any]) -> float | None:
    return (entry.get("own_nearest") or {}).get("value")


def _verdict(entry: Mapping[str, Any]) -> float | None:
    return verdict_rank(entry.get("verdict"))


def _oracle_error(lobe: str, entry: Mapping[str, Any]) -> float | None:
    return ((entry.get("oracle_error") or {}).get(lobe) or {}).get("rms")


def _excess(way: str, region: str, entry: Mapping[str, Any]) -> float | None:
    return (entry.get("spill_over", {}).get(way, {}).get(region) or {}).get("excess")


PAPER: Values = {column(name): partial(_correct, name) for name in COUNTED}
SOUND: Values = {
    **{column(name): partial(_right, name) for name in COUNTED},
    SAME_PERSON: _same_person,
    VERDICT: _verdict,
}
PERSON: Values = {OWN_NEAREST: _own_nearest, SAME_PERSON: _same_person}
ERRORS: Values = {lobe: partial(_oracle_error, lobe) for lobe in LOBES}
SPILL: Values = {f"{region} ({way})": partial(_excess, way, region) for region in REGIONS for way in WAYS}
SIGNS: Values = {WRONG_SIGNS: wrong_signs}
