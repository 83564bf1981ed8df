"""What makes two runs the same run: the key of a run folder."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import BaseModel
from pydantic import ConfigDict

from pcgm_bench.contracts.settings import with_settings

KEY_LENGTH = 12
SCHEMA = 2
"""Raised when ``run.json`` is laid out differently."""


class Identity(BaseModel):
    """What may change an image of the method's row, or a segmentation; the key is its hash.

    Controls have folders of their own, shared between runs (`pcgm_bench.runner.rows`). What the scores depend on
    besides is hashed with the scores (`pcgm_bench.runner.scoring`): a new version of a metric scores a run anew, and
    makes no image again.

    Attributes:
        method: name of the generator under test.
        generator: version, hash of the code that it imports, and hash of its weights.
        study: name of the study.
        study_version: its protocol's version.
        cohort: the cohort's name.
        cohort_hash: its content hash.
        segmenter: identity and hash of the code of the segmenter.
        harness: hash of the code that calls them.
        seed: seed of the run.
        quick: the small version of the study.
        device: kind of device (``cpu``, ``cuda``): the same seed gives other bits on another kind.
        keep_poor_scans: whether real scans below the quality bars stay in.
        threads: threads a tensor operation uses: summation order depends on it.
        settings: name -> text of the generator's settings that are not at their defaults.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str
    generator: str
    study: str
    study_version: str
    cohort: str
    cohort_hash: str
    segmenter: str
    harness: str
    seed: int
    quick: bool
    device: str
    threads: int
    keep_poor_scans: bool = False
    settings: dict[str, str] = {}

    @property
    def method_with_settings(self) -> str:
        """``pcgm (cmg=proportional)``."""
        return with_settings(self.method, self.settings)

    @property
    def key(self) -> str:
        """12 hexadecimal digits; a field that has a default counts where it differs from it."""
        return digest([SCHEMA, self.model_dump(mode="json", exclude_defaults=True)])[:KEY_LENGTH]

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


def safe_filename(name: str) -> str:
    """A name as part of a path.

    >>> safe_filename("pcgm (volumes)")
    'pcgm--volumes-'
    """
    return "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name) or "unnamed"
