"""One process at a time: lock files that the kernel frees, however their process ends."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from datetime import UTC
from datetime import datetime
from pathlib import Path

from pcgm_bench.contracts.errors import UserError
from pcgm_bench.contracts.scan import Progress
from pcgm_bench.contracts.scan import silent
from pcgm_bench.store.atomic import cannot_write
from pcgm_bench.store.parts import host


@contextmanager
def locked(path: Path, *, wait: bool = False, work: str = "", progress: Progress = silent) -> Iterator[bool]:
    """Hold a lock file while inside.

    The file says who holds it: host, process and since when. It stays when it is freed; only the lock on it counts.

    Args:
        path: the lock file; its folder is made.
        wait: wait for another process, which makes the same; otherwise that is an error.
        work: what is made, where the file's name does not say it all: a process that makes the same is waited for.
        progress: told once that it waits, and when that is over.

    Yields:
        Whether another process was waited for.

    Raises:
        UserError: another process holds it, or the folder cannot be written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        waited = _take(descriptor, path, wait, work, progress)
        since = datetime.now(UTC).isoformat(timespec="seconds")
        _note(descriptor, json.dumps({"host": host(), "pid": os.getpid(), "since": since, "work": work}))
        try:
            yield waited
        finally:
            _note(descriptor, "")
    finally:
        os.close(descriptor)


def holder(path: Path) -> str:
    """Who holds a lock file, in words: ``process 123 on node7, since 2026-11-27T10:00:00+00:00``."""
    try:
        note = json.loads(path.read_text("utf-8"))
        return f"process {int(note['pid'])} on {note['host']}, since {note['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


def can_lock(folder: Path) -> bool:
    """Whether locks work on a folder's file system: a second holder must be refused."""
    path = folder / f".lock-probe.{host()}-{os.getpid()}"
    try:
        with locked(path):
            try:
                with locked(path):
                    return False
            except UserError:
                return True
    except UserError:
        return False
    finally:
        path.unlink(missing_ok=True)


def _take(descriptor: int, path: Path, wait: bool, work: str, progress: Progress) -> bool:
    """Take the lock, now or when it is free; returns whether it was waited for."""
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if not wait and not (work and _work(path) == work):
                msg = f"{path.parent}: {holder(path)} is at work on this; wait for it, or stop it"
                raise UserError(msg) from error
            what = f"waiting for {holder(path)}, which makes the same"
            progress(what, 0, 1)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            progress(what, 1, 1)
            return True
        return False
    except OSError as error:
        raise cannot_write(path, error) from error


def _work(path: Path) -> str:
    """What the holder of a lock makes; empty where it does not say."""
    try:
        return str(json.loads(path.read_text("utf-8"))["work"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _note(descriptor: int, text: str) -> None:
    """Write into the lock file; a full disk does not matter, since the note only informs."""
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(), 0)
