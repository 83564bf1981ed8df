"""What may stand in one table: results are grouped by everything that must be equal, and told why they are apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass

from pcgm_bench.board.result import Result

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
        old_version: version of pcgm-bench that made results of an older format; empty for this format.
    """

    study: str
    study_version: str
    kind: str
    cohort: str
    content: str
    segmenter: str
    size: str
    seed: int
    old_version: str = ""

    @property
    def recipe(self) -> tuple[str, ...]:
        """Equal for tables that repeat each other under another seed.

        A phantom's seed makes other people by the same recipe, so its name counts without the seed and the hash, and
        its content does not count. A real cohort is the same people, so its content does.
        """
        phantom = self.kind == "phantom"
        cohort = _HASH.sub("", _SEED.sub("", self.cohort)) if phantom else self.cohort
        content = "" if phantom else self.content
        return (self.study, self.study_version, self.kind, cohort, content, self.segmenter, self.size, self.old_version)

    @property
    def cohort_recipe(self) -> str:
        """Name of the cohort, without seed and hash for a phantom."""
        return self.recipe[3]


def key_of(result: Result) -> Key:
    """Where a result belongs."""
    label = result.label
    return Key(
        study=label.study,
        study_version=label.study_version,
        kind="phantom" if result.is_phantom else "real",
        cohort=label.cohort,
        content=label.cohort_hash,
        segmenter=label.segmenter,
        size="quick" if label.quick else "full",
        seed=label.seed,
        old_version=result.old_version,
    )


def grouped(results: Sequence[Result]) -> dict[Key, list[Result]]:
    """Key -> results, ordered: full before quick, phantom before real, then by name and seed."""
    groups: dict[Key, list[Result]] = {}
    for result in sorted(results, key=lambda result: (key_of(result), result.label.method, result.key)):
        groups.setdefault(key_of(result), []).append(result)
    order = sorted(groups, key=lambda key: (key.study, key.size, key.kind, key.recipe, key.seed, key))
    return {key: groups[key] for key in order}


def differing(first: Key, second: Key) -> list[str]:
    """Names of the fields in which two tables differ: why they are two."""
    names = {
        "study_version": "study version",
        "kind": "phantom or real",
        "content": "cohort content",
        "size": "quick or full",
        "old_version": "version of pcgm-bench",
    }
    other = asdict(second)
    fields = [name for name, value in asdict(first).items() if value != other[name]]
    if "cohort" in fields and "content" in fields:
        fields.remove("content")
    return [names.get(name, name) for name in fields]
