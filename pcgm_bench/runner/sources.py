"""``sources.tsv``: which images the scores of a run were made from, to tell later whether they are still the same.

One line an image: row, folder (from the home folder on), name, and the hashes of what it was made from (the people
learnt from included), of its file, and of the table of its volumes.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pcgm_bench.runner.rows import RowPlace
from pcgm_bench.runner.segmented_cohort import SegmentedCohort
from pcgm_bench.runner.segmented_cohort import keys_of
from pcgm_bench.store import DerivativeFolder
from pcgm_bench.store import ImageKey
from pcgm_bench.store import RunFolder
from pcgm_bench.store import atomic
from pcgm_bench.store import digest
from pcgm_bench.store.derivative_folder import StoredHashes
from pcgm_bench.store.folder_check import key_of

HEADER = ("row", "folder", "image", "made_from", "content", "table")
REAL = "real"


@dataclass(frozen=True)
class Source:
    """One image that scores were made from.

    Attributes:
        row: whose image.
        folder: where it lies.
        key: of the image.
        hashes: what was stored of it then.
    """

    row: str
    folder: DerivativeFolder
    key: ImageKey
    hashes: StoredHashes


def write_sources(run: RunFolder, cohort: SegmentedCohort, places: Mapping[str, RowPlace]) -> dict[str, str]:
    """List every factual scan and every image of a run.

    Returns:
        As `file_hashes`, this list among them.

    Raises:
        UserError: the folder cannot be written to.
    """
    folders: list[tuple[str, DerivativeFolder, list[ImageKey]]] = [(REAL, cohort.folder, keys_of(cohort.table))]
    folders += [
        (row, place.folder, [request.key for fold in place.plans for request in fold.requests])
        for row, place in places.items()
    ]
    out = io.StringIO()
    writer = csv.writer(out, delimiter="\t", lineterminator="\n")
    writer.writerow(HEADER)
    for row, folder, keys in folders:
        where = Path(os.path.relpath(folder.root, _home(run))).as_posix()
        for key in keys:
            hashes = folder.stored_hashes(key)
            writer.writerow([row, where, key.stem, hashes.made_from, hashes.content, hashes.table])
    atomic.write_text(run.sources_file, out.getvalue())
    return file_hashes(run)


def read_sources(run: RunFolder) -> Iterator[Source]:
    """The images again; raises ValueError where the file is not such a list."""
    header, *lines = csv.reader(io.StringIO(run.sources_file.read_text()), delimiter="\t")
    if tuple(header) != HEADER:
        raise ValueError("unknown columns")
    for row, where, image, made_from, content, table in lines:
        folder = DerivativeFolder(_home(run) / where)
        yield Source(row, folder, key_of(Path(image), ""), StoredHashes(made_from, content, table))


def file_hashes(run: RunFolder) -> dict[str, str]:
    """File of a run -> hash, of those that hold what scores are made from."""
    files = (run.measurements_file, run.chains_file, run.sources_file)
    return {path.name: digest(path.read_bytes()) for path in files if path.exists()}


def _home(run: RunFolder) -> Path:
    return run.root.parent.parent
