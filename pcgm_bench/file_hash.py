"""Hashes of files' contents; a file that has not changed is read once a process."""

from __future__ import annotations

import stat
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

from pcgm_bench.contracts import UserError

BLOCK = 1 << 20


def file_hash(path: Path) -> str:
    """16 hexadecimal digits of a file's bytes.

    A file whose size, times and inode are those of an earlier call is not read again. The time of the last change of
    the inode is among them: a program cannot set it, so an overwritten file whose ``mtime`` was put back is seen.

    Raises:
        UserError: the file cannot be read, or is none: a pipe would be waited for, a device read for ever.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise UserError(f"{path}: not a regular file: give a file that holds bytes")
        return _hashed(path.absolute(), status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}): check the path and its permissions") from error


def hash_of_bytes(data: bytes) -> str:
    """`file_hash` of a file that holds these bytes."""
    return blake2b(data, digest_size=8).hexdigest()


@lru_cache(maxsize=65536)
def _hashed(path: Path, _size: int, _changed: int, _inode_changed: int, _inode: int) -> str:
    digest = blake2b(digest_size=8)
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
