"""Write a BIDS derivative dataset that any tool can read, whole or not at all.

Everything goes into a hidden folder beside the target, which takes the target's name at the end. Bytes depend on the
content alone (gzip carries no time), so the same cohort is the same files. Who gives a stamp goes on where a killed
process stopped (`pcgm_bench.cohort.unfinished`).
"""

from __future__ import annotations

import errno
import gzip
import json
import math
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd

from pcgm_bench import __version__
from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import PARCELS
from pcgm_bench.anatomy import TISSUE_LABELS
from pcgm_bench.cohort.checksums import CHECKSUMS
from pcgm_bench.cohort.checksums import checksums_text
from pcgm_bench.cohort.unfinished import DATASET
from pcgm_bench.cohort.unfinished import ScanRecord
from pcgm_bench.cohort.unfinished import file_hash
from pcgm_bench.cohort.unfinished import keep_record
from pcgm_bench.cohort.unfinished import take_over
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import UserError
from pcgm_bench.file_hash import file_hash as hash_of_file
from pcgm_bench.file_hash import hash_of_bytes
from pcgm_bench.nifti.writing import grid_image
from pcgm_bench.store.parts import part_of

BIDS_VERSION = "1.10.0"
DSEG = "desc-aparcaseg_dseg"
COMPRESSIBILITY = 0.7
"""Compressed size of a brain on the standard grid, as a share of its float32 bytes: never more in practice."""

COLUMN_NOTES: dict[str, dict[str, Any]] = {
    "age": {"Description": "Age at the (first) scan", "Units": "year"},
    "sex": {"Description": "Sex", "Levels": {"F": "female", "M": "male"}},
    "diagnosis": {
        "Description": "Diagnosis",
        "Levels": {"control": "no diagnosis", "AUD": "alcohol use disorder", "HIV": "infection with HIV"},
    },
    "head_size": {"Description": "Intracranial volume: all tissue and supratentorial CSF", "Units": "mL"},
}


class DatasetWriter:
    """A dataset under construction; a context manager that leaves a whole dataset, or nothing under its name.

    Example:
        ``with DatasetWriter(out, "AUD phantom", "pcgm-bench phantom", needed_bytes=...) as writer: writer.add(scan)``
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        generated_by: str,
        *,
        settings: Mapping[str, Any] | None = None,
        readme: str = "",
        columns: Mapping[str, Mapping[str, Any]] | None = None,
        needed_bytes: int = 0,
        stamp: str = "",
    ) -> None:
        """Check the target; nothing is written yet.

        Args:
            folder: must not exist, or be empty.
            name: title of the dataset.
            generated_by: name in ``GeneratedBy``.
            settings: what it was made with (effect, seed, ...); goes into ``GeneratedBy``.
            readme: text of the README.
            columns: BIDS descriptions of extra columns (`add`).
            needed_bytes: estimate of the disk space (`bytes_needed`).
            stamp: hash of everything that the dataset follows from. With one, scans that a killed process with the same
                stamp has written are kept (`take`), and so is what is there when the process ends in anything but a
                `UserError`. The caller holds a lock on the folder.

        Raises:
            UserError: the folder is not empty, cannot be written, or the disk is too small.
        """
        self.folder = Path(folder).absolute()
        self._part = part_of(self.folder)
        self._stamp = stamp
        self._whole: dict[str, ScanRecord] = {}
        self._name, self._tool, self._settings, self._readme = name, generated_by, dict(settings or {}), readme
        self._notes = {**COLUMN_NOTES, **(columns or {})}
        self._hashes: dict[str, str] = {}
        self._people: dict[str, dict[str, Any]] = {}
        self._visits: dict[str, list[dict[str, Any]]] = {}
        check_target(self.folder, needed_bytes)

    def __enter__(self) -> DatasetWriter:
        """Make the hidden folder, or take over a killed process's; sweeps what others of them left."""
        self._whole = take_over(self.folder, self._part, self._stamp)
        try:
            (self._part / DATASET).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _cannot_write(self.folder, error) from error
        return self

    def has(self, key: str) -> bool:
        """Whether the scan of this key (`Scan.key`) is there already, whole, from a process that was killed."""
        return key in self._whole

    def take(self, key: str) -> Mapping[str, Any]:
        """Keep a scan that is there already, in place of `add`; returns the note that was added with it."""
        record = self._whole[key]
        self._hashes |= {name: hash_of_file(self._part / DATASET / name) for name in record.files}
        self._enter(record.subject, dict(record.person), None if record.visit is None else dict(record.visit))
        return record.note

    def add(
        self,
        scan: Scan,
        *,
        labels: np.ndarray | None = None,
        fractions: np.ndarray | None = None,
        columns: Mapping[str, Any] | None = None,
        note: Mapping[str, Any] | None = None,
    ) -> None:
        """Write one scan.

        Args:
            scan: image and metadata; its session, where it has one, becomes a row of the subject's sessions.tsv.
            labels: ``(X, Y, Z)`` integers, FreeSurfer numbers: a dseg.
            fractions: ``(12, X, Y, Z)`` in [0, 1], order of `pcgm_bench.anatomy.CHANNELS`: a probseg, 8 bits a value.
            columns: more cells of the visit's row (of the person's, without a session).
            note: what `take` returns, should the process be killed; numbers and texts.

        Raises:
            UserError: no space left, or the folder went away.
        """
        parts = [f"sub-{scan.subject}"] + ([f"ses-{scan.session}"] if scan.session else [])
        stem = Path(*parts) / "anat" / scan.key
        files = {f"{stem}_T1w.nii.gz": nifti_bytes(scan.image.astype(np.float32), scan.affine)}
        if labels is not None:
            files[f"{stem}_{DSEG}.nii.gz"] = nifti_bytes(labels.astype(np.int16), scan.affine)
        if fractions is not None:
            channels_last = np.moveaxis(np.asarray(fractions, np.float32), 0, -1)
            files[f"{stem}_probseg.nii.gz"] = nifti_bytes(channels_last, scan.affine, eight_bits=True)
            files[f"{stem}_probseg.json"] = _json({"LabelMap": list(CHANNELS)})
        for name, data in files.items():
            self._put(name, data)
        person = {"age": scan.age, "sex": scan.sex, "diagnosis": scan.diagnosis, "head_size": scan.head_size}
        extra = dict(columns or {})
        visit = None
        if scan.session:
            visit = {"session_id": f"ses-{scan.session}", "age": scan.age, "head_size": scan.head_size, **extra}
        else:
            person |= extra
        self._enter(scan.subject, person, visit)
        if self._stamp:
            hashes = {name: file_hash(data) for name, data in files.items()}
            record = ScanRecord(scan.subject, person, visit, hashes, dict(note or {}))
            keep_record(self._part, scan.key, record, self._stamp)

    def _enter(self, subject: str, person: dict[str, Any], visit: dict[str, Any] | None) -> None:
        """A scan's rows in the tables."""
        first = self._people.setdefault(subject, person)
        first["age"] = min(first["age"], person["age"])
        if visit is not None:
            self._visits.setdefault(subject, []).append(visit)

    def table(self, name: str, frame: pd.DataFrame) -> None:
        """Write another table (``truth.tsv``) at the root, tab-separated, ``n/a`` for NaN."""
        self._put(
            name,
            _tsv(
                [str(name) for name in frame.columns],
                [dict(zip(map(str, frame.columns), row, strict=True)) for row in frame.itertuples(index=False)],
            ),
        )

    def text(self, name: str, content: str) -> None:
        """Write another text file at the root."""
        self._put(name, content.encode())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish and rename; after an error, remove what was written unless it can be taken over."""
        try:
            if kind is None:
                self._finish()
        finally:
            is_interrupted = kind is not None and not issubclass(kind, UserError)
            if not (self._stamp and is_interrupted):
                shutil.rmtree(self._part, ignore_errors=True)

    def _finish(self) -> None:
        tool = {"Name": self._tool, "Version": __version__}
        if self._settings:
            tool["Description"] = ", ".join(f"{key} {value}" for key, value in self._settings.items())
        description = {
            "Name": self._name,
            "BIDSVersion": BIDS_VERSION,
            "DatasetType": "derivative",
            "License": "CC0",
            "GeneratedBy": [tool],
        }
        self._put("dataset_description.json", _json(description))
        self._put("README", (self._readme or f"{self._name}\n\nWritten by {self._tool} {__version__}.").encode())
        people = [{"participant_id": f"sub-{subject}", **row} for subject, row in self._people.items()]
        header = list(dict.fromkeys(key for row in people for key in row)) or ["participant_id"]
        self._put("participants.tsv", _tsv(header, people))
        self._put("participants.json", _json({key: self._notes[key] for key in header if key in self._notes}))
        session_header: list[str] = []
        for subject, visits in self._visits.items():
            session_header = list(dict.fromkeys(key for row in visits for key in row))
            self._put(f"sub-{subject}/sub-{subject}_sessions.tsv", _tsv(session_header, visits))
        if session_header:
            self._put("sessions.json", _json({key: self._notes[key] for key in session_header if key in self._notes}))
        self._put("T1w.json", _json({"SkullStripped": True}))
        if any((self._part / DATASET).rglob(f"*_{DSEG}.nii.gz")):
            self._put(f"{DSEG}.tsv", _tsv(["index", "name"], _label_rows()))
        self._put(CHECKSUMS, checksums_text(self._hashes))
        try:
            (self._part / DATASET).replace(self.folder)
        except OSError as error:
            raise _cannot_write(self.folder, error) from error

    def _put(self, name: str, data: bytes) -> None:
        path = self._part / DATASET / name
        self._hashes[name] = hash_of_bytes(data)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise _cannot_write(self.folder, error) from error


def check_target(folder: Path, needed_bytes: int = 0) -> None:
    """Refuse a folder into which a dataset cannot be written; writes nothing.

    Raises:
        UserError: not empty, a file, not writable, or too little space.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: is a file: give another place for the cohort")
    try:
        if folder.is_dir() and any(folder.iterdir()):
            raise UserError(f"{folder}: is not empty: give a new folder, or empty this one first")
    except OSError as error:
        raise _cannot_write(folder, error) from error
    base = next(parent for parent in folder.absolute().parents if parent.exists())
    if not base.is_dir():
        raise UserError(f"{base}: is a file, so {folder} cannot be made: give another place for the cohort")
    if not os.access(base, os.W_OK | os.X_OK):
        raise _cannot_write(folder, OSError(errno.EACCES, "permission denied"))
    free = shutil.disk_usage(base).free
    if needed_bytes > free:
        raise UserError(
            f"{folder}: needs about {needed_bytes / 1e9:.1f} GB and the disk has {free / 1e9:.1f} GB free: "
            "make room, choose another place or a coarser grid"
        )


def bytes_needed(scans: int, voxels: int, *, labels: bool = True, fractions: bool = False) -> int:
    """Estimate of a dataset's size on disk.

    >>> bytes_needed(300, 56 * 64 * 56) // 1_000_000
    252
    """
    return int(scans * voxels * COMPRESSIBILITY * (4 + 2 * labels + len(CHANNELS) * fractions))


def nifti_bytes(volume: np.ndarray, affine: np.ndarray, *, eight_bits: bool = False) -> bytes:
    """A ``.nii.gz`` file: millimetres, sform and qform in MNI-like space, no time stamp.

    Args:
        volume: ``(X, Y, Z)`` or ``(X, Y, Z, C)``, stored with its type.
        affine: ``(4, 4)``, voxel indices -> millimetres, no shear.
        eight_bits: store values in [0, 1] as multiples of 1/255.
    """
    stored = np.round(np.clip(volume, 0, 1) * 255).astype(np.uint8) if eight_bits else np.ascontiguousarray(volume)
    image = grid_image(stored, affine)
    data = bytearray(image.to_bytes())
    if eight_bits:  # nibabel would rescale the numbers it is given: they are already what is to be stored
        header = nib.Nifti1Header(bytes(data[: nib.Nifti1Header.sizeof_hdr]))
        header["scl_slope"], header["scl_inter"] = 1 / 255, 0
        data[: nib.Nifti1Header.sizeof_hdr] = header.binaryblock
    return gzip.compress(bytes(data), compresslevel=6, mtime=0)


def _label_rows() -> list[dict[str, Any]]:
    rows = [{"index": number, "name": name} for name, number in TISSUE_LABELS.items()]
    rows += [{"index": number, "name": f"ctx-{name}"} for name, number in PARCELS.items()]
    return sorted(rows, key=lambda row: row["index"])


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float | np.floating) and not math.isfinite(value)):
        return "n/a"
    return f"{value:.10g}" if isinstance(value, float | np.floating) else str(value)


def _tsv(header: list[str], rows: list[dict[str, Any]]) -> bytes:
    lines = ["\t".join(header), *("\t".join(_cell(row.get(key)) for key in header) for row in rows)]
    return ("\n".join(lines) + "\n").encode()


def _json(content: Any) -> bytes:
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


def _cannot_write(folder: Path, error: OSError) -> UserError:
    if error.errno == errno.ENOSPC:
        return UserError(f"{folder}: no space left on the disk: make room or choose another place; nothing was kept")
    return UserError(f"{folder}: cannot be written ({error.strerror or error}): choose another place for the cohort")
