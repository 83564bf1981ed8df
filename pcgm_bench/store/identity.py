"""What makes two runs the same run: the key of a run folder."""

from __future__ import annotations

import hashlib
import inspect
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic import ConfigDict

KEY_LENGTH = 12


class Identity(BaseModel):
    """Everything that may change a number of a run, and nothing else; the key is its hash.

    Attributes:
        method: name of the generator under test.
        generators: row name (method and controls) -> version, source hash and weights hash of that generator.
        study: name of the study.
        study_version: its protocol's version.
        metrics: empty. Versions of metrics stand with the scores: a metric's new version scores a run anew, and makes
            no image again. The field stays, since the keys of all runs are hashes with it.
        cohort: the cohort's name.
        cohort_hash: its content hash.
        segmenter: `Segmenter.identity`: name and weights hash.
        seed: seed of the run.
        quick: the small version of the study.
        device: kind of device (``cpu``, ``cuda``): the same seed gives other bits on another kind.
        threads: threads a tensor operation uses: part of the plan, because summation order depends on it.
        package: version of pcgm-bench.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str
    generators: dict[str, str]
    study: str
    study_version: str
    metrics: dict[str, str] = {}
    cohort: str
    cohort_hash: str
    segmenter: str
    seed: int
    quick: bool
    device: str
    threads: int
    package: str

    @property
    def key(self) -> str:
        """12 hexadecimal digits."""
        return digest(self.model_dump(mode="json"))[:KEY_LENGTH]

    @property
    def folder_name(self) -> str:
        """``pcgm--aud--phantom--seed0--0123456789ab``."""
        names = (self.method, self.study, self.cohort)
        return "--".join([*(safe_filename(name) for name in names), f"seed{self.seed}", self.key])


def digest(content: Any) -> str:
    """BLAKE2b (32 hexadecimal digits) of bytes, or of anything JSON can hold, whatever the order of its keys.

    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    True
    """
    data = content if isinstance(content, bytes) else json.dumps(content, sort_keys=True).encode()
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def source_digest(plugin: type, *, alone: bool = False) -> str:
    """Hash of a plugin's Python files: of the package its module is in, or of a module that is in none.

    A version number is easily forgotten; the source is not, so an edited method never meets an old run's images.

    Args:
        plugin: the class.
        alone: the module only.
    """
    module = inspect.getmodule(plugin)
    path = Path(module.__file__ or "") if module else Path()
    if module is None or not path.is_file():
        return "no-source"
    return digest(path.read_bytes()) if alone or not module.__package__ else folder_digest(path.parent)


def folder_digest(folder: Path) -> str:
    """Hash of the Python files in a folder and below."""
    files = sorted(folder.rglob("*.py"))
    return digest([[str(file.relative_to(folder)), file.read_text()] for file in files])


def safe_filename(name: str) -> str:
    """A name as part of a path.

    >>> safe_filename("pcgm (volumes)")
    'pcgm--volumes-'
    """
    return "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name) or "unnamed"
