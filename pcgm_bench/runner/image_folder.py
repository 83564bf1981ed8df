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
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from pcgm_bench.cohort.intensity import Intensity
from pcgm_bench.cohort.intensity import intensity_of
from pcgm_bench.cohort.intensity import rescaling_of
from pcgm_bench.cohort.intensity import scale_faults
from pcgm_bench.cohort.intensity import scale_notes
from pcgm_bench.cohort.intensity import typical
from pcgm_bench.contracts import Card
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Generator
from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import Job
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import UserError
from pcgm_bench.file_hash import file_hash
from pcgm_bench.nifti.reading import read_real
from pcgm_bench.runner.fold_plan import FoldPlan
from pcgm_bench.runner.generators import GeneratorSpec
from pcgm_bench.runner.image_manifest import add_file
from pcgm_bench.runner.image_manifest import read_manifest
from pcgm_bench.runner.request import ImageFolder
from pcgm_bench.store import ImageKey
from pcgm_bench.store.image_key import description_of

SUFFIXES = ("_T1w.nii.gz", "_T1w.nii")
LEAST_SAMPLES = 2
SHOWN = 5
"""Faults named before the rest is counted."""


class ImageFolderGenerator(Generator):
    """Answers with the file of the person and intervention that is asked for.

    Images on another scale that is plain (0 to 255, -1 to 1) are brought to that of the real scans: `cut_to_files` has
    seen that all of them are, and has said so.

    Attributes:
        files: file stem (``sub-001_desc-cfAUD``) -> path.
    """

    def __init__(self, card: Card, files: Mapping[str, Path]) -> None:
        """Take the files; the card is this folder's own."""
        self.card = card  # type: ignore[misc]
        self.files = files
        self._real: Intensity | None = None

    def adapt(self, cohort: Cohort, context: Context) -> None:
        """Look at the scale of a real scan."""
        self._real = intensity_of(cohort[0].image)

    def counterfactual(self, scan: Scan, do: Intervention, seed: int) -> np.ndarray:
        """The image in the file of this person and intervention.

        Raises:
            UserError: there is none, or it is damaged.
        """
        stem = ImageKey(scan.subject, scan.session, description_of(do)).stem
        if stem not in self.files:
            raise UserError(f"{self.card.name}: no image {stem}{SUFFIXES[0]}")
        image = voxels(self.files[stem])[0]
        return rescaling_of(intensity_of(image), intensity_of(scan.image)).of(image)

    def sample(self, n: int, seed: int, first: int = 0) -> Iterator[np.ndarray]:
        """The files in the order of their names."""
        for stem in sorted(self.files)[first : first + n]:
            image = voxels(self.files[stem])[0]
            yield image if self._real is None else rescaling_of(intensity_of(image), self._real).of(image)


def image_folder_spec(folder: ImageFolder, name: str) -> GeneratorSpec:
    """A generator for a folder or manifest of images. Its version is the hash of every file.

    Args:
        folder: where the images are.
        name: of their row.

    Raises:
        UserError: no such folder, a manifest that cannot be read, or no image in it.
    """
    files = find_files(folder.source)
    content = hashlib.blake2b(digest_size=8)
    for stem in sorted(files):
        content.update(f"{stem} {file_hash(files[stem])}\n".encode())
    card = Card(
        name=name,
        title=f"Images in {folder.source.name}",
        version=f"images-{content.hexdigest()}",
        reference="given as files",
        licence="unknown",
        jobs=frozenset({Job.COUNTERFACTUAL, Job.SAMPLE, Job.REGIONS, Job.VENTRICLES}),
    )
    return GeneratorSpec(name, card, "images made elsewhere", card.version, partial(ImageFolderGenerator, card, files))


def find_files(source: Path) -> dict[str, Path]:
    """File stem (``sub-001_desc-cfAUD``) -> path.

    Raises:
        UserError: as `generator_of`, or two files of one name.
    """
    if source.is_file():
        return read_manifest(source)
    if not source.is_dir():
        raise UserError(f"{source}: no such folder or manifest of images")
    files: dict[str, Path] = {}
    for path in sorted(source.rglob("*_T1w.nii*")):
        stem = next((path.name.removesuffix(suffix) for suffix in SUFFIXES if path.name.endswith(suffix)), "")
        if stem:
            add_file(files, stem, path)
    if not files:
        raise UserError(f"{source}: no image there is called *_T1w.nii.gz or *_T1w.nii; give a manifest (CSV) instead")
    return files


def voxels(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Image ``(X, Y, Z)`` float32 and affine of a file, axes turned to RAS+.

    Raises:
        UserError: it is damaged or truncated, or its header contradicts itself.
    """
    return read_real(path)


def cut_to_files(
    folds: Sequence[FoldPlan],
    files: Mapping[str, Path],
    folder: ImageFolder,
    reals: Sequence[Scan],
    job: Job,
    *,
    check: bool,
) -> tuple[list[FoldPlan], list[str]]:
    """The tasks whose image is there, and lines that say how many of how many if some are missing, or are left out.

    Of new brains the first are taken, in the order of their names; of counterfactuals those whose name was asked for.

    Args:
        folds: what the study asks.
        files: from `find_files`.
        folder: the user's wish.
        reals: some scans of the cohort.
        job: of the study.
        check: read every image that will be used: it must have the scans' grid, affine and intensity scale. False: that
            has been done.

    Raises:
        UserError: an image is missing (without ``allow_missing``), damaged, not finite, on another grid, or on another
            scale that is not plain.
    """
    tasks = [task for fold in folds for task in fold.tasks]
    if job is Job.SAMPLE:
        used = sorted(files)[: len(tasks)]
        kept = tasks[: len(used)]
        missing = [f"{len(used)} images for {len(tasks)} real ones"] if len(used) < len(tasks) else []
        notes = _too_many(sorted(files), len(tasks))
    else:
        kept = [task for task in tasks if task.key.stem in files]
        used = [task.key.stem for task in kept]
        missing = [f"no image {task.key.stem}{SUFFIXES[0]}" for task in tasks if task.key.stem not in files]
        notes = _strays(files, [task.key for task in tasks])
    if len(kept) < LEAST_SAMPLES:
        there = ", ".join(sorted(files)[:3])
        hint = "" if job is Job.SAMPLE else "; `pcgm-bench ask` writes the scans and the list of names"
        hint = "".join(f"; {note}" for note in notes) + hint
        msg = f"{folder.source}: {len(kept)} of {len(tasks)} images are there ({missing[0]}; it has {there}){hint}"
        raise UserError(msg)
    faults = [] if folder.allow_missing else list(missing)
    if check:
        faults += _faults([files[stem] for stem in used], reals)
    if faults:
        shown = "; ".join(faults[:SHOWN]) + (f"; and {len(faults) - SHOWN} more" if len(faults) > SHOWN else "")
        hint = "" if folder.allow_missing or not missing else " (--allow-missing scores the rest)"
        raise UserError("; ".join([f"{folder.source}: {shown}{hint}", *notes]))
    # All are on the first one's scale.
    notes += scale_notes(intensity_of(voxels(files[used[0]])[0]), intensity_of(reals[0].image))
    keys = {task.key for task in kept}
    # No chains: an image cannot be given back to what made it.
    plans = [replace(fold, tasks=tuple(task for task in fold.tasks if task.key in keys), chains=()) for fold in folds]
    if len(kept) < len(tasks):
        notes.insert(0, f"{len(kept)}/{len(tasks)} images scored; everything else is cut to the same people")
    return plans, notes


def _too_many(stems: Sequence[str], wanted: int) -> list[str]:
    """What is said of more new brains than there are real ones to compare them with."""
    left = stems[wanted:]
    if not left:
        return []
    counted = f"{len(stems)} images for {wanted} real ones: the first {wanted} by name are scored"
    return [f"{counted}, {len(left)} are left out ({left[0]} to {left[-1]}); remove those you do not want"]


def _strays(files: Iterable[str], asked: Sequence[ImageKey]) -> list[str]:
    """What is said of images that nobody asked for; the scans that they were made from are no answers."""
    known = {key.stem for key in asked}
    strays = sorted(set(files) - known - {replace(key, description="").stem for key in asked})
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


def _faults(paths: Sequence[Path], reals: Sequence[Scan]) -> list[str]:
    faults: list[str] = []
    found: dict[str, Intensity] = {}
    for path in paths:
        try:
            image, affine = voxels(path)
        except UserError as error:
            faults.append(str(error))
            continue
        if fault := _grid_fault(image, affine, reals[0]):
            faults.append(f"{path.name}: {fault}")
        else:
            found[path.name] = intensity_of(image)
    return faults + scale_faults(found, typical([intensity_of(scan.image) for scan in reals]))


def _grid_fault(image: np.ndarray, affine: np.ndarray, pattern: Scan) -> str:
    if image.shape != pattern.image.shape:
        return f"grid {image.shape}, the real scans have {pattern.image.shape}"
    if not np.allclose(affine, pattern.affine, atol=1e-3):
        return "its affine is not the real scans'; resample it to their grid"
    return "" if image.any() else "zero everywhere"
