"""Images made elsewhere, scored as if a plugin had made them: a generator that answers with files.

A folder (BIDS derivative, or any folder with the same file names) holds for every intervention of a study
``sub-001[_ses-01]_desc-cfAUD_T1w.nii[.gz]``, and for a study of new brains any number of ``*_T1w.nii[.gz]``. A CSV or
TSV manifest says the same in columns: ``path`` and, for interventions, ``subject``, ``session`` (may be left out) and
``desc`` (``cfAUD``).
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from pcgm_bench.contracts import Card
from pcgm_bench.contracts import Do
from pcgm_bench.contracts import Generator
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import UserError
from pcgm_bench.runner.generate import Fold
from pcgm_bench.store import Unit
from pcgm_bench.store import atomic
from pcgm_bench.store.stage import describe

SUFFIXES = ("_T1w.nii.gz", "_T1w.nii")
LEAST_SAMPLES = 2
SHOWN = 5
"""Faults named before the rest is counted."""


@dataclass(frozen=True)
class Given:
    """What the user wants scored.

    Attributes:
        source: folder of images, or a manifest.
        name: what the row is called.
        allow_missing: score the images that are there, and say how many.
    """

    source: Path
    name: str
    allow_missing: bool = False


class GivenImages(Generator):
    """Answers with the file of the person and intervention that is asked for; see `generator_of`."""

    card: ClassVar[Card]
    files: ClassVar[Mapping[str, Path]] = {}

    def counterfactual(self, scan: Scan, do: Do, seed: int) -> np.ndarray:
        """The image in the file of this person and intervention.

        Raises:
            UserError: there is none, or it is damaged.
        """
        stem = Unit(scan.subject, scan.session, describe(do)).stem
        if stem not in self.files:
            msg = f"{self.card.name}: no image {stem}{SUFFIXES[0]}"
            raise UserError(msg)
        return voxels(self.files[stem])[0]

    def sample(self, n: int, seed: int, first: int = 0) -> Iterator[np.ndarray]:
        """The files in the order of their names."""
        paths = [self.files[stem] for stem in sorted(self.files)]
        return (voxels(path)[0] for path in paths[first : first + n])


def generator_of(given: Given) -> type[GivenImages]:
    """A generator class for a folder or manifest of images. Its version is the hash of every file.

    Raises:
        UserError: no such folder, a manifest that cannot be read, or no image in it.
    """
    files = find_files(given.source)
    content = hashlib.blake2b(digest_size=8)
    for stem in sorted(files):
        content.update(stem.encode() + hashlib.blake2b(files[stem].read_bytes()).digest())
    card = Card(
        name=given.name,
        title=f"Images in {given.source.name}",
        version=f"images-{content.hexdigest()}",
        reference="given as files",
        licence="unknown",
        jobs=frozenset({"counterfactual", "sample", "regions", "ventricles"}),
    )
    return type("GivenImages", (GivenImages,), {"card": card, "files": files, "__module__": __name__})


def find_files(source: Path) -> dict[str, Path]:
    """File stem (``sub-001_desc-cfAUD``) -> path.

    Raises:
        UserError: as `generator_of`, or two files of one name.
    """
    if source.is_file():
        return _manifest(source)
    if not source.is_dir():
        raise UserError(f"{source}: no such folder or manifest of images")
    found: dict[str, Path] = {}
    for path in sorted(source.rglob("*_T1w.nii*")):
        stem = next((path.name.removesuffix(suffix) for suffix in SUFFIXES if path.name.endswith(suffix)), "")
        if stem:
            _add(found, stem, path)
    if not found:
        raise UserError(f"{source}: no image there is called *_T1w.nii.gz or *_T1w.nii; give a manifest (CSV) instead")
    return found


def _manifest(source: Path) -> dict[str, Path]:
    try:
        table = pd.read_csv(source, sep="\t" if source.suffix == ".tsv" else ",", dtype=str).fillna("")
    except (OSError, ValueError) as error:
        raise UserError(f"{source}: not a CSV or TSV manifest ({error})") from error
    if "path" not in table:
        raise UserError(f"{source}: no column 'path'; the manifest has {', '.join(table.columns)}")
    found: dict[str, Path] = {}
    for number, row in enumerate(table.to_dict("records"), 2):
        path = source.parent / row["path"]
        if not path.is_file():
            raise UserError(f"{source}, line {number}: no such file: {path}")
        subject = row.get("subject", "").removeprefix("sub-")
        session = row.get("session", "").removeprefix("ses-")
        if not subject and row.get("desc"):
            raise UserError(f"{source}, line {number}: desc {row['desc']!r} of no subject; add the column 'subject'")
        stem = Unit(subject, session, row.get("desc", "")).stem if subject else f"line-{number:06d}"
        _add(found, stem, path)
    if not found:
        raise UserError(f"{source}: the manifest names no image")
    return found


def _add(found: dict[str, Path], stem: str, path: Path) -> None:
    if stem in found:
        raise UserError(f"{path}: a second image of {stem}, beside {found[stem]}; remove one")
    found[stem] = path


def voxels(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Image ``(X, Y, Z)`` float32 and affine of a file.

    Raises:
        UserError: it is damaged or truncated.
    """
    return atomic.read_nifti(path, np.float32, "write it again")


def present(
    folds: Sequence[Fold], generator: type[Generator], given: Given, pattern: Scan | None, job: str
) -> tuple[list[Fold], list[str]]:
    """The asks whose image is given, and lines that say how many of how many if some are missing, or what is left out.

    Of new brains the first are taken, in the order of their names; of counterfactuals those whose name was asked for.

    Args:
        folds: what the study asks.
        generator: from `generator_of`.
        given: the user's wish.
        pattern: a scan of the cohort: every image that will be used is read, and must have its grid and affine. None:
            they have been.
        job: ``counterfactual`` or ``sample``.

    Raises:
        UserError: an image is missing (without ``allow_missing``), damaged, not finite, or on another grid.
    """
    asks = [ask for fold in folds for ask in fold.asks]
    files: Mapping[str, Path] = getattr(generator, "files", {})
    if job == "sample":
        used = sorted(files)[: len(asks)]
        kept = asks[: len(used)]
        missing = [f"{len(used)} images for {len(asks)} real ones"] if len(used) < len(asks) else []
        notes = _too_many(sorted(files), len(asks))
    else:
        kept = [ask for ask in asks if ask.unit.stem in files]
        used = [ask.unit.stem for ask in kept]
        missing = [f"no image {ask.unit.stem}{SUFFIXES[0]}" for ask in asks if ask.unit.stem not in files]
        notes = _strays(files, [ask.unit for ask in asks])
    if len(kept) < LEAST_SAMPLES:
        there = ", ".join(sorted(files)[:3])
        hint = "" if job == "sample" else "; `pcgm-bench ask` writes the scans and the list of names"
        hint = "".join(f"; {note}" for note in notes) + hint
        msg = f"{given.source}: {len(kept)} of {len(asks)} images are there ({missing[0]}; it has {there}){hint}"
        raise UserError(msg)
    faults = [] if given.allow_missing else list(missing)
    if pattern is not None:
        faults += _faults([files[stem] for stem in used], pattern)
    if faults:
        shown = "; ".join(faults[:SHOWN]) + (f"; and {len(faults) - SHOWN} more" if len(faults) > SHOWN else "")
        hint = "" if given.allow_missing or not missing else " (--allow-missing scores the rest)"
        raise UserError("; ".join([f"{given.source}: {shown}{hint}", *notes]))
    units = {ask.unit for ask in kept}
    # No chains: an image cannot be given back to what made it.
    folds = [replace(fold, asks=tuple(ask for ask in fold.asks if ask.unit in units), chains=()) for fold in folds]
    if len(kept) < len(asks):
        notes.insert(0, f"{len(kept)}/{len(asks)} images scored; everything else is cut to the same people")
    return folds, [f"{given.name}: {note}" for note in notes]


def _too_many(stems: Sequence[str], wanted: int) -> list[str]:
    """What is said of more new brains than there are real ones to compare them with."""
    left = stems[wanted:]
    if not left:
        return []
    counted = f"{len(stems)} images for {wanted} real ones: the first {wanted} by name are scored"
    return [f"{counted}, {len(left)} are left out ({left[0]} to {left[-1]}); remove those you do not want"]


def _strays(files: Iterable[str], asked: Sequence[Unit]) -> list[str]:
    """What is said of images that nobody asked for; the scans that they were made from are no answers."""
    known = {unit.stem for unit in asked}
    strays = sorted(set(files) - known - {replace(unit, description="").stem for unit in asked})
    if not strays:
        return []
    lost = sorted(known - set(files))
    shown = []
    for stem in strays[:SHOWN]:
        meant = difflib.get_close_matches(stem, lost, n=1, cutoff=0.8)
        shown.append(f"{stem} (did you mean {meant[0]}?)" if meant else stem)
    more = f" and {len(strays) - SHOWN} more" if len(strays) > SHOWN else ""
    return [
        f"{len(strays)} {'image' if len(strays) == 1 else 'images'} not asked for, left out: {', '.join(shown)}{more}"
    ]


def _faults(paths: Iterable[Path], pattern: Scan) -> Iterator[str]:
    for path in paths:
        try:
            image, affine = voxels(path)
        except UserError as error:
            yield str(error)
            continue
        if image.shape != pattern.image.shape:
            yield f"{path.name}: grid {image.shape}, the real scans have {pattern.image.shape}"
        elif not np.allclose(affine, pattern.affine, atol=1e-3):
            yield f"{path.name}: its affine is not the real scans'; resample it to their grid"
        elif not np.isfinite(image).all():
            yield f"{path.name}: NaN or infinite voxels"
