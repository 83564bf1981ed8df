"""A reader study as a folder: blinded cases and an answer sheet for every reader, and the sealed key apart.

<out>/reader-1/cases/case-001.nii ...    images in reading order; all files have one size, header and time
              answers.csv               to be filled in
              INSTRUCTIONS.txt
              study.json                study, reader, how many cases, and the key's SHA-256
              contact/page-01.png ...   three planes of every case, for a quick look
     /sealed/key.json                   what every case is; stays with the person who runs the study

The study's name is the beginning of the key's SHA-256, and stands in every row of every answer sheet: a key that was
changed afterwards, or a sheet of another study, does not fit.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import nibabel as nib
import numpy as np

from pcgm_bench.contracts import Progress
from pcgm_bench.contracts import ReaderCase
from pcgm_bench.contracts import ReaderExport
from pcgm_bench.contracts import UserError
from pcgm_bench.contracts import silent
from pcgm_bench.studies.reader.cases import WHITE
from pcgm_bench.studies.reader.cases import Space
from pcgm_bench.studies.reader.cases import fake
from pcgm_bench.studies.reader.cases import round_to_levels
from pcgm_bench.studies.reader.cases import window
from pcgm_bench.studies.reader.contact import planes
from pcgm_bench.studies.reader.contact import write_pages
from pcgm_bench.studies.reader.draw import Design
from pcgm_bench.studies.reader.draw import Shown
from pcgm_bench.studies.reader.draw import draw
from pcgm_bench.studies.reader.draw import order
from pcgm_bench.studies.reader.draw import secret
from pcgm_bench.studies.reader.key import FORMAT
from pcgm_bench.studies.reader.key import study_name
from pcgm_bench.studies.reader.sheets import COLUMNS
from pcgm_bench.studies.reader.texts import instructions

WHEN = 946_684_800
"""Modification time of everything written: 2000-01-01, UTC."""
KEY = "sealed/key.json"


def export(
    real: Sequence[ReaderCase],
    made: Sequence[ReaderCase],
    out: Path,
    design: Design,
    origin: Mapping[str, str],
    progress: Progress = silent,
) -> ReaderExport:
    """Write a study. The same pools, design and origin give the same bytes.

    Args:
        real: pool of real images.
        made: pool of synthetic images, on the same grid.
        out: new or empty folder; filled at the very end, in one step.
        design: how many, by which rule.
        origin: where the images are from (run, row, cohort), for the key.
        progress: told (what, done, total).

    Raises:
        UserError: ``out`` is in use or cannot be written to, a pool is too small, or the images share no grid.
    """
    if not real or not made:
        raise UserError(f"no {'synthetic' if real else 'real'} image to draw from: give a folder that has some")
    _check_new(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".part", dir=out.parent))
    except OSError as error:
        raise _cannot_write(out, error) from error
    try:
        sha, notes, count = _fill(part, real, made, design, origin, progress)
        part.chmod(0o755)
        size = sum(path.stat().st_size for path in part.rglob("*")) / 2**20
        part.replace(out)
    except OSError as error:
        raise _cannot_write(out, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return ReaderExport(out, out / KEY, sha, study_name(sha), count, size, notes)


def _fill(
    root: Path,
    real: Sequence[ReaderCase],
    made: Sequence[ReaderCase],
    design: Design,
    origin: Mapping[str, str],
    progress: Progress,
) -> tuple[str, tuple[str, ...], int]:
    """Write everything below ``root``; returns the key's SHA-256, remarks and the number of images a reader."""
    space = Space.of(made[0])
    entropy = [design.seed, secret(real, made)]
    drawn = draw(real, made, design, space, entropy, progress)
    shown = drawn.shown
    orders = {reader: order(shown, entropy, reader) for reader in range(1, design.readers + 1)}
    width = max(3, len(str(len(shown))))
    named = {
        reader: {entry.name: f"case-{place:0{width}d}" for place, entry in enumerate(entries, 1)}
        for reader, entries in orders.items()
    }
    for reader in named:
        (_folder(root, reader) / "cases").mkdir(parents=True)
    looks: dict[str, np.ndarray] = {}
    hashes: dict[str, str] = {}
    for index, entry in enumerate(shown):
        voxels = _voxels(entry, space, np.random.default_rng([*entropy, 2, index]))
        data = nifti(voxels, space.affine)
        hashes[entry.name] = hashlib.sha256(data).hexdigest()
        looks[entry.name] = planes(voxels)
        for reader, names in named.items():
            (_folder(root, reader) / "cases" / f"{names[entry.name]}.nii").write_bytes(data)
        progress("writing cases", index + 1, len(shown))
    key = _key_text(drawn.shown, named, hashes, design, origin, space)
    sha = hashlib.sha256(key.encode()).hexdigest()
    (root / KEY).parent.mkdir()
    (root / KEY).write_text(key, encoding="utf-8")
    for reader, names in named.items():
        pages = [(names[entry.name], looks[entry.name]) for entry in orders[reader]]
        _write_papers(_folder(root, reader), reader, [name for name, _ in pages], sha)
        write_pages(_folder(root, reader) / "contact", pages)
        progress("contact sheets", reader, design.readers)
    for path in sorted(root.rglob("*"), reverse=True):
        os.utime(path, (WHEN, WHEN))
    return sha, drawn.notes, len(shown)


def nifti(voxels: np.ndarray, affine: np.ndarray) -> bytes:
    """A NIfTI-1 file, not compressed: int16, no scaling, display window 0 to `WHITE`, no text in the header.

    Its 352 bytes of header depend on the grid alone.

    Args:
        voxels: ``(X, Y, Z)`` whole levels.
        affine: ``(4, 4)``, voxel to millimetres.
    """
    image = nib.Nifti1Image(np.ascontiguousarray(voxels, dtype=np.int16), affine)
    image.set_sform(affine, code="scanner")
    image.set_qform(affine, code="scanner")
    image.header.set_xyzt_units("mm")
    image.header.set_slope_inter(1, 0)
    image.header["cal_min"] = 0
    image.header["cal_max"] = WHITE
    return image.to_bytes()


def _voxels(entry: Shown, space: Space, rng: np.random.Generator) -> np.ndarray:
    image = space.image(entry.case)
    if entry.fake:
        image = fake(image, entry.fake, space, rng)
    return round_to_levels(window(image, entry.case.identity), rng)


def _folder(root: Path, reader: int) -> Path:
    return root / f"reader-{reader}"


def _key_text(
    shown: Sequence[Shown],
    named: Mapping[int, Mapping[str, str]],
    hashes: Mapping[str, str],
    design: Design,
    origin: Mapping[str, str],
    space: Space,
) -> str:
    images = {
        entry.name: {
            "kind": entry.kind,
            "truth": entry.truth,
            "source": entry.case.identity,
            "fake": entry.fake,
            "repeats": entry.repeats,
            "pair": entry.pair,
            "sha256": hashes[entry.name],
        }
        for entry in shown
    }
    content = {
        "format": FORMAT,
        "design": asdict(design),
        "origin": dict(origin),
        "grid": {"shape": list(space.shape), "affine": space.affine.tolist()},
        "images": images,
        "readers": {
            str(reader): {case: image for image, case in sorted(names.items(), key=lambda pair: pair[1])}
            for reader, names in named.items()
        },
    }
    return json.dumps(content, indent=1, sort_keys=True) + "\n"


def _write_papers(folder: Path, reader: int, cases: Sequence[str], sha: str) -> None:
    """Answer sheet, instructions and the paper that names the study."""
    study = study_name(sha)
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow(COLUMNS)
    for case in cases:
        writer.writerow([study, reader, case, *[""] * (len(COLUMNS) - 3)])
    (folder / "answers.csv").write_text(sheet.getvalue(), encoding="utf-8")
    (folder / "INSTRUCTIONS.txt").write_text(instructions(study, reader, cases), encoding="utf-8")
    paper = {"study": study, "reader": reader, "cases": len(cases), "key_sha256": sha}
    (folder / "study.json").write_text(json.dumps(paper, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _check_new(out: Path) -> None:
    if out.is_dir():
        if any(out.iterdir()):
            raise UserError(f"{out}: not empty; a study is written into a new or empty folder")
    elif out.exists():
        raise UserError(f"{out}: is a file; a study is written into a new or empty folder")


def _cannot_write(out: Path, error: OSError) -> UserError:
    return UserError(f"{out}: cannot write ({error.strerror or type(error).__name__}); choose another place")
