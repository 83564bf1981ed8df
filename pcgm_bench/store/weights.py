"""Folders of weights: complete, or not there.

``complete.json`` is written last and lists every file with the hash of its content. A folder without it is a training
that was interrupted, and is never loaded. New weights are saved beside the old ones and renamed into their place:

.NAME.<host>-<pid>t<began>.part       being saved
NAME                                  complete
.NAME.<host>-<pid>t<began>.replaced   the old weights, for the moment between two renames

From a shell, for weights that were trained elsewhere: ``python -m pcgm_bench.store.weights DIR --method NAME``.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel
from pydantic import ConfigDict
from pydantic import ValidationError

from pcgm_bench.contracts.errors import UserError
from pcgm_bench.store.atomic import cannot_write
from pcgm_bench.store.distribution import content_digest
from pcgm_bench.store.environment import Environment
from pcgm_bench.store.identity import digest
from pcgm_bench.store.parts import PART
from pcgm_bench.store.parts import is_abandoned
from pcgm_bench.store.parts import part_of
from pcgm_bench.store.parts import remove
from pcgm_bench.store.schema import read_versioned
from pcgm_bench.store.schema import write_versioned

COMPLETE = "complete.json"
SCHEMA = 1
REPLACED = ".replaced"


class WeightsNote(BaseModel):
    """What is known about weights; stored with them as ``complete.json``.

    Attributes:
        method: registered name of the method that they belong to.
        files: path in the folder -> hash of the content.
        trained_on: cohort that they were trained on, as it was asked for; empty if nobody says.
        grid: of the training scans: ``3mm``; empty if nobody says.
        code: digest of the method's code when it was trained; empty if nobody says.
        environment: where it was trained; None if nobody says.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str
    files: dict[str, str] = {}
    trained_on: str = ""
    grid: str = ""
    code: str = ""
    environment: Environment | None = None

    @property
    def digest(self) -> str:
        """Hash of all contents: the weights' part of a key. Not of what is said about them."""
        return digest(self.files)


def seal(folder: Path, note: WeightsNote) -> WeightsNote:
    """Declare a folder of weights complete.

    Args:
        folder: with the weights, all written.
        note: what is known about them; its ``files`` are not looked at.

    Returns:
        The note with the files, as it is stored.

    Raises:
        UserError: there is no file, or a weight is not a number.
    """
    (folder / COMPLETE).unlink(missing_ok=True)
    paths = _files(folder)
    if not paths:
        raise UserError(f"{folder}: {note.method} saved no weights; its `save` must write at least one file there")
    for path in paths:
        _check_numbers(path)
        _sync(path)
    files = {path.relative_to(folder).as_posix(): content_digest(path) for path in paths}
    note = note.model_copy(update={"files": files})
    write_versioned(folder / COMPLETE, SCHEMA, note.model_dump(mode="json"))
    _sync(folder)
    return note


def write_weights(final: Path, save: Callable[[Path], object], note: WeightsNote) -> WeightsNote:
    """Save weights so that a kill at any moment leaves the old ones or the new ones, or what the next call mends.

    Two processes must not do this for one folder at a time: the caller holds a lock.

    Args:
        final: folder of the weights; what is in it is replaced.
        save: writes all files into the folder that it is given, which is empty.
        note: what is known about the weights.

    Returns:
        The note with the files, as it is stored.

    Raises:
        UserError: as `seal`; or the folder cannot be written to.
    """
    part, replaced = part_of(final), part_of(final, REPLACED)
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        mend(final)
        remove(part)
        part.mkdir()
        try:
            save(part)
            note = seal(part, note)
        except BaseException:
            remove(part)
            raise
        if final.exists():
            os.utime(final)  # or the folder would look older than this process, and left behind
            final.rename(replaced)
        part.rename(final)
        _sync(final.parent)
        remove(replaced)
    except OSError as error:
        raise cannot_write(final, error) from error
    return note


def saved_at(folder: Path) -> int:
    """When weights were saved, in nanoseconds since 1970; 0 where there are no complete ones."""
    try:
        return (folder / COMPLETE).stat().st_mtime_ns
    except OSError:
        return 0


def mend(final: Path) -> None:
    """Bring back the old weights if a process was killed between the two renames, and remove its leftovers."""
    for replaced in sorted(final.parent.glob(f".{final.name}.*{REPLACED}")):
        if not is_abandoned(replaced):
            continue
        if final.exists():
            remove(replaced)
        else:
            replaced.rename(final)
    for part in final.parent.glob(f".{final.name}.*{PART}"):
        if is_abandoned(part):
            remove(part)


def read_note(folder: Path) -> WeightsNote:
    """The note of complete weights, whose files have been compared with it.

    Raises:
        UserError: the folder is not complete: it has no note, or a file is missing, changed, or not in the note.
    """
    path = folder / COMPLETE
    if not folder.is_dir():
        with suppress(OSError):
            mend(folder)
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder of weights; train them with `pcgm-bench fit`")
    if not path.is_file():
        msg = (
            f"{folder}: no {COMPLETE}: the training was interrupted, or another version saved these weights; train "
            f"them again, or if you trust them, declare them complete with {_command(folder)}"
        )
        raise UserError(msg)
    again = f"copy the folder again, train again, or if this is meant, give {_command(folder)}"
    fields = read_versioned(path, SCHEMA, "the note of weights", again)
    try:
        note = WeightsNote.model_validate(fields)
    except ValidationError as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: not the note of weights ({reason}); {again}") from error
    for name, stored in note.files.items():
        if not (folder / name).is_file():
            raise UserError(f"{folder / name}: this file of the weights is missing; {again}")
        if content_digest(folder / name) != stored:
            raise UserError(f"{folder / name}: not the file that was saved, its content differs; {again}")
    for other in folder.rglob("*.safetensors"):
        if other.relative_to(folder).as_posix() not in note.files:
            raise UserError(f"{other}: not one of the files that were saved with these weights; {again}")
    return note


def weights_digest(folder: Path) -> str:
    """Hash of the contents of complete weights, 32 hexadecimal digits; raises as `read_note`."""
    return read_note(folder).digest


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / COMPLETE)


def _check_numbers(path: Path) -> None:
    """Refuse safetensors that cannot be read, or that hold NaN or infinity."""
    if path.suffix != ".safetensors":
        return
    import torch
    from safetensors import SafetensorError
    from safetensors import safe_open

    try:
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 (it is no dictionary)
                tensor = file.get_tensor(name)
                if tensor.is_floating_point() and not torch.isfinite(tensor).all():
                    msg = f"{path}: {name} has values that are not numbers: the training diverged; train again"
                    raise UserError(msg)
    except SafetensorError as error:
        raise UserError(f"{path}: not a readable safetensors file ({error}); save it again") from error


def _sync(path: Path) -> None:
    """Have the disk keep a file, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _command(folder: Path) -> str:
    return f"`python -m pcgm_bench.store.weights {folder} --method NAME`"


def main() -> None:
    """Declare a folder of weights complete, from a shell."""
    parser = argparse.ArgumentParser(prog="python -m pcgm_bench.store.weights", description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--method", required=True, help="registered name of the method")
    parser.add_argument("--trained-on", default="", help="cohort they were trained on: a registered one, or a folder")
    parser.add_argument("--grid", default="", help="grid of the training scans: 3mm, 2mm or 1mm")
    asked = parser.parse_args()
    try:
        note = seal(asked.folder, WeightsNote(method=asked.method, trained_on=asked.trained_on, grid=asked.grid))
    except UserError as error:
        parser.exit(2, f"{error}\n")
    print(f"{asked.folder}: {len(note.files)} files, {note.digest}")


if __name__ == "__main__":
    main()
