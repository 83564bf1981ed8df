"""Every stored piece of a derivative folder compared with what was stored, and what to do about one that differs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pcgm_bench.contracts import UserError
from pcgm_bench.store.derivative_folder import DamagedFileError
from pcgm_bench.store.derivative_folder import DerivativeFolder
from pcgm_bench.store.image_key import ImageKey

NOTE, TABLE = "_T1w.json", "_volumes.tsv"


def checks(folder: DerivativeFolder) -> Iterator[tuple[Path, DamagedFileError | None]]:
    """Every piece of the folder, all of its files read: the file that says it is there, and what is wrong with it.

    An image without a note, and one without a table of volumes, is no damage: a run that was killed left it, and the
    next one makes it anew.
    """
    for suffix, check in ((NOTE, folder.check_image), (TABLE, folder.check_segmentation)):
        for path in sorted(folder.root.rglob(f"sub-*{suffix}")):
            try:
                check(key_of(path, suffix))
            except DamagedFileError as error:
                yield path, error
            else:
                yield path, None


def damages(folder: DerivativeFolder) -> Iterator[DamagedFileError]:
    """What is not as it was stored."""
    return (error for _path, error in checks(folder) if error is not None)


def make_again(error: DamagedFileError) -> None:
    """Forget a piece, so that the next run makes it.

    Raises:
        UserError: the file that says it is there cannot be removed; the damage is named, with what to do.
    """
    try:
        error.stands_for.unlink(missing_ok=True)
    except OSError as refused:
        raise UserError(str(error)) from refused


def key_of(path: Path, suffix: str) -> ImageKey:
    """Whose file it is, by its name.

    >>> key_of(Path("sub-003_ses-01_desc-cfAUD_T1w.json"), NOTE)
    ImageKey(subject='003', session='01', description='cfAUD')
    """
    parts = dict(part.partition("-")[::2] for part in path.name.removesuffix(suffix).split("_"))
    return ImageKey(parts["sub"], parts.get("ses", ""), parts.get("desc", ""))
