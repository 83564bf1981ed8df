"""What may stand in one table: results are grouped by everything that must be equal, and told why they are apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import fields

from pcgm_bench.board.collect import Result

_SEED = re.compile(r"-seed\d+")
_HASH = re.compile(r"-[0-9a-f]{8}$")


@dataclass(frozen=True, order=True)
class Key:
    """Equal for all rows of a table.

    Attributes:
        study: its name.
        study_version: of the protocol.
        kind: ``phantom`` or ``real``.
        cohort: its name.
        content: content hash of the cohort.
        segmenter: name and hash of the ruler.
        size: ``full`` or ``quick``.
        seed: of the run: methods are compared under shared seeds.
    """

    study: str
    study_version: str
    kind: str
    cohort: str
    content: str
    segmenter: str
    size: str
    seed: int

    @property
    def recipe(self) -> tuple[str, ...]:
        """Equal for tables that repeat each other under another seed.

        A phantom's seed makes other people by the same recipe, so its name counts without the seed and the hash, and
        its content does not count. A real cohort is the same people, so its content does.
        """
        phantom = self.kind == "phantom"
        cohort = _HASH.sub("", _SEED.sub("", self.cohort)) if phantom else self.cohort
        content = "" if phantom else self.content
        return (self.study, self.study_version, self.kind, cohort, content, self.segmenter, self.size)

    @property
    def cohort_recipe(self) -> str:
        """Name of the cohort, without seed and hash for a phantom."""
        return self.recipe[3]


def key_of(result: Result) -> Key:
    """Where a result belongs."""
    one = result.identity
    return Key(
        study=one.study,
        study_version=one.study_version,
        kind="phantom" if result.is_phantom else "real",
        cohort=one.cohort,
        content=one.cohort_hash,
        segmenter=one.segmenter,
        size="quick" if one.quick else "full",
        seed=one.seed,
    )


def grouped(results: Sequence[Result]) -> dict[Key, list[Result]]:
    """Key -> results, ordered: full before quick, phantom before real, then by name and seed."""
    found: dict[Key, list[Result]] = {}
    for result in sorted(results, key=lambda one: (key_of(one), one.identity.method, one.key)):
        found.setdefault(key_of(result), []).append(result)
    order = sorted(found, key=lambda key: (key.study, key.size, key.kind, key.recipe, key.seed, key))
    return {key: found[key] for key in order}


def differing(first: Key, second: Key) -> list[str]:
    """Names of the fields in which two tables differ: why they are two."""
    names = {"study_version": "study version", "kind": "phantom or real", "content": "cohort content"}
    found = [f.name for f in fields(Key) if getattr(first, f.name) != getattr(second, f.name)]
    if "cohort" in found and "content" in found:
        found.remove("content")
    return [{"size": "quick or full", **names}.get(name, name) for name in found]
