"""What a dataset that was being written when its process was killed still has, for the process that goes on.

A dataset is written into a part (`pcgm_bench.store.parts`): its files in ``dataset/``, and beside them a record of each
scan that is whole, with the hash of every file of it. A record comes after its files, so a scan without one is written
again. The part of another stamp (other people, other code), or without one, is of no use.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from pcgm_bench.store.parts import PART
from pcgm_bench.store.parts import is_abandoned
from pcgm_bench.store.parts import remove
from pcgm_bench.store.sealed import read_sealed
from pcgm_bench.store.sealed import write_sealed

DATASET, RECORDS = "dataset", "whole"


@dataclass(frozen=True)
class ScanRecord:
    """A scan that is whole on disk.

    Attributes:
        subject: BIDS label.
        person: the person's row of participants.tsv, as this scan says it.
        visit: the visit's row of the sessions table; None without a session.
        files: name below the dataset -> hash.
        note: what the caller wants to know of the scan when it goes on.
    """

    subject: str
    person: Mapping[str, Any]
    visit: Mapping[str, Any] | None
    files: Mapping[str, str]
    note: Mapping[str, Any]


def take_over(folder: Path, part: Path, stamp: str) -> dict[str, ScanRecord]:
    """Make the part of a killed process this one's own, and remove all others that dead processes left.

    Call it with a lock on the folder: then a part of this process's own name is a dead one's too, whose number came up
    again (in a container it often does). Parts of living processes stay.

    Args:
        folder: the dataset when it is whole.
        part: this process's part of it; there afterwards if anything was to be had.
        stamp: what the dataset follows from; empty: nothing is taken over.

    Returns:
        Key of a scan -> its record, of those whose files are as they were written.
    """
    dead = [left for left in folder.parent.glob(f".{folder.name}.*{PART}") if left == part or is_abandoned(left)]
    dead.sort(key=lambda left: (-len(_records(left, stamp)), left != part))
    keep = dead[0] if dead and _records(dead[0], stamp) else None
    for left in dead:
        if left != keep:
            remove(left)
    if keep is not None:
        os.utime(keep)  # a part older than its process counts as another's
        keep.rename(part)
    return {key: record for key, record in _records(part, stamp).items() if _is_whole(part, record)}


def keep_record(part: Path, key: str, record: ScanRecord, stamp: str) -> None:
    """Say that a scan is whole; its files are on the disk.

    Raises:
        UserError: no space left, or the folder went away.
    """
    write_sealed(part / RECORDS / f"{key}.json", json.dumps(asdict(record)).encode(), stamp)
    os.utime(part)  # another host judges by its time whether a part is left behind


def file_hash(data: bytes) -> str:
    """Of a file's content."""
    return blake2b(data, digest_size=16).hexdigest()


def _records(part: Path, stamp: str) -> dict[str, ScanRecord]:
    """The records of a part that were made for the stamp, undamaged."""
    found = {}
    for path in sorted((part / RECORDS).glob("*.json")) if stamp else ():
        content = read_sealed(path, stamp)
        if content is not None:
            found[path.name.removesuffix(".json")] = ScanRecord(**json.loads(content))
    return found


def _is_whole(part: Path, record: ScanRecord) -> bool:
    """Whether every file of a scan is as it was written."""
    try:
        return all(file_hash((part / DATASET / name).read_bytes()) == value for name, value in record.files.items())
    except OSError:
        return False
