"""The bytes of a NIfTI file, read to the end of the stream, in memory that the header bounds.

A gzip stream carries a checksum behind its last byte; a reader that stops at the last voxel never sees it.
"""

from __future__ import annotations

import gzip
import os
import stat
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from pcgm_bench.contracts import UserError

GZIP = b"\x1f\x8b"
HEADER_BYTES = 540
"""The longer of the two headers, NIfTI-2's."""
FIRST_BLOCK = 1 << 16
"""Compressed bytes that hold a header in any case."""
SPARE = 1 << 20
"""A compressed file may be longer than its content by its frames, and no more."""


class DamagedVolumeError(UserError):
    """A file that is not there, not readable, damaged, or no NIfTI file: its voxels are not known."""


def read_stream(path: Path, size_of: Callable[[bytes], int]) -> bytes:
    """The whole content of a ``.nii`` or ``.nii.gz`` file, unpacked.

    Args:
        path: a regular file, or a link to one.
        size_of: says from the first `HEADER_BYTES` how many bytes header and voxels take; raises UserError where that
            cannot be.

    Raises:
        UserError: `size_of` does.
        DamagedVolumeError: no such file, none that holds bytes, truncated, damaged, or longer than the header says.
    """
    path = Path(path)
    try:
        with open_regular(path) as file:
            length = os.fstat(file.fileno()).st_size
            first = file.read(FIRST_BLOCK)
            if not first:
                raise DamagedVolumeError(f"{path}: the file is empty: copy or download it again")
            _check_name(path, first)
            if first.startswith(GZIP):
                return _unpacked(path, file, first, length, size_of)
            size = size_of(first[:HEADER_BYTES])
            _compare(path, length, size)
            return first + file.read(size)
    except OSError as error:
        raise DamagedVolumeError(f"{path}: cannot be read ({error.strerror or error}): check the file") from error


def check_gzip(path: Path, most: int) -> None:
    """Read a gzip file of another format (``.mgz``) to its end, and compare its checksum; nothing is kept of it.

    Args:
        path: the file; one that is not compressed passes.
        most: bytes that it may hold.

    Raises:
        DamagedVolumeError: not a regular file, truncated, damaged, or larger.
        OSError: it cannot be opened.
    """
    with open_regular(path) as file:
        packed = file.read(2) == GZIP
        file.seek(0)
        if not packed:
            return
        try:
            with gzip.GzipFile(fileobj=file) as stream:
                while block := stream.read(FIRST_BLOCK):
                    most -= len(block)
                    if most < 0:
                        raise DamagedVolumeError(f"{path}: holds more than any volume: check the file")
        except (zlib.error, EOFError, gzip.BadGzipFile) as error:
            raise DamagedVolumeError(f"{path}: truncated or damaged ({error}): copy or download it again") from error


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading; never waits for a pipe, never reads a device.

    Raises:
        DamagedVolumeError: it is not there, or not a regular file.
        OSError: it cannot be opened.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise DamagedVolumeError(
            f"{path}: no such file: check the path, or fetch the file (a dangling link counts as missing)"
        ) from error
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a pipe, socket or device"
        raise DamagedVolumeError(f"{path}: {kind}, not a file: give a regular file")
    return path.open("rb")


def _check_name(path: Path, first: bytes) -> None:
    """Other programs go by the suffix: a file that lies about its compression is one that they cannot read."""
    packed = first.startswith(GZIP)
    if packed and path.name.lower().endswith(".nii"):
        raise DamagedVolumeError(f"{path}: not a readable NIfTI image (it is compressed): call it .nii.gz")
    if not packed and path.name.lower().endswith(".gz"):
        raise DamagedVolumeError(f"{path}: not a readable NIfTI image (it is not compressed): call it .nii")


def _unpacked(path: Path, file: BinaryIO, first: bytes, length: int, size_of: Callable[[bytes], int]) -> bytes:
    try:
        start = zlib.decompressobj(wbits=31).decompress(first, HEADER_BYTES)
        size = size_of(start)
        if length > size + SPARE:
            _compare(path, length, size)
        content = _members(path, first + file.read(), size)
    except zlib.error as error:
        raise DamagedVolumeError(f"{path}: truncated or damaged ({error}): copy or download it again") from error
    _compare(path, len(content), size)
    return content


def _members(path: Path, packed: bytes, size: int) -> bytes:
    """All members of a gzip stream, each with its checksum compared by zlib; one byte more than ``size`` at most."""
    parts: list[bytes] = []
    room = size + 1
    while True:
        engine = zlib.decompressobj(wbits=31)
        parts.append(engine.decompress(packed, max(1, room)))
        room -= len(parts[-1])
        if not engine.eof and room > 0:
            raise DamagedVolumeError(f"{path}: truncated or damaged (the stream has no end): copy or download it again")
        packed = engine.unused_data.lstrip(b"\0")  # zeros behind a stream fill blocks of a tape
        if not packed or room <= 0:
            return parts[0] if len(parts) == 1 else b"".join(parts)
        if not packed.startswith(GZIP):
            extra = len(packed)
            raise DamagedVolumeError(f"{path}: truncated or damaged ({extra} bytes behind the stream): copy it again")


def _compare(path: Path, found: int, size: int) -> None:
    if found != size:
        much = "truncated or damaged" if found < size else "longer than its header says"
        raise DamagedVolumeError(
            f"{path}: {much} (it has {'more' if found > size else 'fewer'} than the {size} bytes that its header "
            "asks for): copy or download it again"
        )
