"""Files with a checksum after their content: one that is damaged, or of another place, counts as none.

NumPy does not read what follows an array or an archive, so such a file opens with `numpy.load` as it is.
"""

from __future__ import annotations

from pathlib import Path

from pcgm_bench.store.atomic import write_bytes
from pcgm_bench.store.identity import digest

CHECKSUM_LETTERS = 32


def write_sealed(path: Path, content: bytes, owner: str) -> None:
    """Write the content and its checksum, which covers the file's name too.

    Args:
        path: the file.
        content: what is kept.
        owner: what the file belongs to, such as the name of an extractor's folder; the checksum covers it.

    Raises:
        UserError: as `write_bytes`.
    """
    write_bytes(path, content + _checksum(path, content, owner))


def read_sealed(path: Path, owner: str) -> bytes | None:
    """The content; None where there is no file, or it is not what `write_sealed` wrote there for this owner."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    content, checksum = data[:-CHECKSUM_LETTERS], data[-CHECKSUM_LETTERS:]
    return content if checksum == _checksum(path, content, owner) else None


def _checksum(path: Path, content: bytes, owner: str) -> bytes:
    return digest([owner, path.name, digest(content)]).encode()
