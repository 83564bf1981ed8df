"""The sealed key: what every case of every reader is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel
from pydantic import ValidationError

from pcgm_bench.contracts import UserError

FORMAT = "pcgm-bench reader key 1"
DIGITS = 16


class KeyImage(BaseModel):
    """What an image is.

    Attributes:
        kind: ``case``, ``repeat`` or ``catch``.
        truth: ``real`` or ``synthetic``.
        source: where its voxels come from.
        fake: kind of catch trial, else empty.
        repeats: name of the image that it repeats, else empty.
    """

    kind: str
    truth: str
    source: str
    fake: str
    repeats: str


class KeyContent(BaseModel):
    """What is read of a key; `pcgm_bench.studies.reader.export` writes more.

    Attributes:
        format: `FORMAT`.
        origin: where the images are from.
        images: image -> what it is.
        readers: reader's number -> case -> image.
    """

    format: Literal["pcgm-bench reader key 1"]
    origin: dict[str, str]
    images: dict[str, KeyImage]
    readers: dict[str, dict[str, str]]


@dataclass(frozen=True)
class Key:
    """A key that was read.

    Attributes:
        path: its file.
        sha256: of the file.
        content: what it holds.
    """

    path: Path
    sha256: str
    content: KeyContent

    @property
    def study(self) -> str:
        """Name of the study."""
        return study_name(self.sha256)

    @property
    def origin(self) -> Mapping[str, str]:
        """Where the images are from."""
        return self.content.origin

    @property
    def readers(self) -> Mapping[str, Mapping[str, str]]:
        """Reader's number -> case -> image."""
        return self.content.readers

    @property
    def images(self) -> Mapping[str, KeyImage]:
        """Image -> what it is."""
        return self.content.images


def study_name(sha256: str) -> str:
    """A study is called by the beginning of its key's SHA-256."""
    return sha256[:DIGITS]


def read_key(path: Path) -> Key:
    """Read a key.

    Raises:
        UserError: not there, or not a key of this version.
    """
    path = path / "key.json" if path.is_dir() else path
    try:
        data = path.read_bytes()
        content = KeyContent.model_validate_json(data)
    except OSError as error:
        raise UserError(
            f"{path}: cannot read the key ({error.strerror}); it is sealed/key.json of the study"
        ) from error
    except ValidationError as error:
        raise UserError(f"{path}: not a key of this version ({FORMAT}); give sealed/key.json of the study") from error
    return Key(path, hashlib.sha256(data).hexdigest(), content)
