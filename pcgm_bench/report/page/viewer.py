"""What the page needs for NiiVue: the library, its licence, and the images of the people whom it shows."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import numpy as np
from markupsafe import Markup

from pcgm_bench.report.page.images import FACTUAL
from pcgm_bench.report.page.images import MADE
from pcgm_bench.report.page.images import TRUTH
from pcgm_bench.report.page.images import PersonImages
from pcgm_bench.report.page.images import packed
from pcgm_bench.report.page.stills import still

VERSION = "0.69.0"
"""Of the npm package `@niivue/niivue`."""
SHA256 = "47b896b77ec4a5be3ef1949c33ad393b6f45629921f326c279000bcf51bdb4af"
"""Of its ``dist/niivue.umd.js``."""
VIEWS = {FACTUAL: "Factual scan", MADE: "Made image, coloured where it differs", TRUTH: "True image, likewise"}


@dataclass(frozen=True)
class ShownPerson:
    """A person as the viewer has them.

    Attributes:
        rank: of the person.
        title: in words.
        volumes: JSON: name of an image or of a difference -> NIfTI, base64.
        still: PNG, base64.
    """

    rank: int
    title: str
    volumes: Markup
    still: str


def shown_people(images: Sequence[PersonImages], number: int) -> list[ShownPerson]:
    """The people whose images the page holds.

    Args:
        images: of these people, the best first.
        number: of people in all.
    """
    return [ShownPerson(mine.person.rank, _title(mine, number), _volumes(mine), _text(still(mine))) for mine in images]


def views(images: Sequence[PersonImages]) -> list[tuple[str, str]]:
    """``(image, title)`` of the views side by side."""
    has_truth = any(mine.truth is not None for mine in images)
    return [(name, title) for name, title in VIEWS.items() if has_truth or name != TRUTH]


def library() -> Markup:
    """NiiVue as it stands in a script element.

    Raises:
        ValueError: the file is not the pinned one.
    """
    script = gzip.decompress(_file(f"niivue-{VERSION}.umd.js.gz"))
    if hashlib.sha256(script).hexdigest() != SHA256:
        raise ValueError(f"niivue-{VERSION}.umd.js.gz is not the file that was pinned; install pcgm-bench again")
    return Markup(script.decode())


def licence() -> str:
    """Of NiiVue and of what its file contains."""
    return _file("LICENSES.txt").decode()


def _title(images: PersonImages, number: int) -> str:
    person = images.person
    place = {1: "best", (number + 1) // 2: "median", number: "worst"}.get(person.rank, "")
    about = ", ".join(filter(None, [person.age and f"{person.age} years", person.sex, person.diagnosis]))
    return f"{place} (rank {person.rank}{', ' + about if about else ''})".strip()


def _volumes(images: PersonImages) -> Markup:
    made = images.made - images.factual
    parts = {
        FACTUAL: packed(images.factual, images.affine),
        MADE: packed(images.made, images.affine),
        f"{MADE}_change": packed(made, images.affine, signed=True),
    }
    if images.truth is not None:
        true = np.asarray(images.truth - images.factual)
        parts[TRUTH] = packed(images.truth, images.affine)
        parts[f"{TRUTH}_change"] = packed(true, images.affine, signed=True)
    return Markup(json.dumps({name: _text(data) for name, data in parts.items()}))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _file(name: str) -> bytes:
    return resources.files(__package__).joinpath("niivue", name).read_bytes()
