"""``checksums.json`` of a dataset that we wrote: the hash of every other file in it.

A phantom knows the truth of its own people alone. A scan of another person in its place, or an age that was edited,
would be scored against the wrong truth. So a phantom in the home folder is compared before it is used; a folder
elsewhere is its owner's to edit.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path

from pcgm_bench.contracts import UserError
from pcgm_bench.file_hash import file_hash
from pcgm_bench.store.schema import read_versioned
from pcgm_bench.store.schema import versioned

CHECKSUMS = "checksums.json"
SCHEMA = 1
AGAIN = "remove the folder and give the same command again: it is drawn again"


def checksums_text(hashes: Mapping[str, str]) -> bytes:
    """The file's content: name below the dataset -> hash."""
    return (json.dumps(versioned(SCHEMA, {"files": hashes}), indent=1, sort_keys=True) + "\n").encode()


def changed_files(folder: Path, wanted: Callable[[str], bool] = lambda _name: True) -> Iterator[tuple[Path, str]]:
    """Files of a dataset, and what is wrong with each in one line, empty where it is as it was written.

    Nothing comes of a dataset without checksums: another version wrote it.

    Args:
        folder: of the dataset.
        wanted: by its name below the folder, whether a file is looked at.
    """
    path = folder / CHECKSUMS
    if not path.exists():
        return
    try:
        hashes = read_versioned(path, SCHEMA, "the checksums of a dataset", AGAIN)["files"]
    except UserError as error:
        yield path, str(error)
        return
    for name in filter(wanted, hashes):
        try:
            problem = "" if file_hash(folder / name) == hashes[name] else "changed since it was written"
        except UserError:
            problem = "lost"
        yield folder / name, f"{folder / name}: {problem}; in {folder}, {AGAIN}" if problem else ""


def must_be_as_written(folder: Path) -> None:
    """Refuse a kept phantom whose scans or tables are not those that were drawn; label maps are not looked at.

    Raises:
        UserError: a file is damaged, edited or lost; the first is named.
    """
    for _path, problem in changed_files(folder, lambda name: name.endswith(("_T1w.nii.gz", ".tsv", ".json"))):
        if problem:
            raise UserError(problem)
