"""Does the file system of a home folder do what the store stands on? Some network file systems do not.

A second process holds a lock and reads a file that this one replaces. Both are on one machine: whether locks hold
between two machines can only be seen by two machines. Imports the standard library only, as it is also the script of
the second process.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPLACEMENTS = 200
SIZE = 8192
WAIT_SECONDS = 10.0


def probe(folder: Path) -> str:
    """What is wrong with locks, renaming and shared files in a folder; empty if nothing is.

    Args:
        folder: is created if it is not there. A subfolder is made for the probe, and removed again.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(prefix=".probe-", dir=folder))
    except OSError as error:
        return f"{folder}: cannot be written to ({error.strerror})"
    try:
        return _probe(place)
    except OSError as error:
        return f"{folder}: locking or renaming fails ({error.strerror})"
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _probe(place: Path) -> str:
    _replace(place, 0)
    # -I: the script's own folder holds modules with names that others may have.
    command = [sys.executable, "-I", __file__, str(place)]
    other = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        if not _appears(place / "held", other):
            return f"a second process does not get a lock, or its files are not seen: {_last_line(other)}"
        with (place / "lock").open("w") as file:
            if _takes(file.fileno()):
                return "flock does not keep a second process out: two commands could write one run at the same time"
        for number in range(REPLACEMENTS):
            _replace(place, number)
        (place / "stop").touch()
        if not _appears(place / "verdict", other):
            return f"a second process does not see new files: {_last_line(other)}"
        if problem := (place / "verdict").read_text():
            return problem
        other.kill()
        with (place / "lock").open("w") as file:
            deadline = time.monotonic() + WAIT_SECONDS
            while not _takes(file.fileno()):
                if time.monotonic() > deadline:
                    return "the lock of a killed process stays: a run that was killed could not be resumed"
                time.sleep(0.02)
        return ""
    finally:
        other.kill()
        other.communicate()


def _replace(place: Path, number: int) -> None:
    """Put a new file of one letter in the place of the old one."""
    part = place / "part"
    part.write_text("ab"[number % 2] * SIZE)
    part.replace(place / "replaced")


def _takes(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _appears(path: Path, other: subprocess.Popen[str]) -> bool:
    deadline = time.monotonic() + WAIT_SECONDS
    while not path.exists():
        if time.monotonic() > deadline or other.poll() is not None:
            return path.exists()
        time.sleep(0.01)
    return True


def _last_line(other: subprocess.Popen[str]) -> str:
    other.kill()
    lines = other.communicate()[1].strip().splitlines()
    return lines[-1] if lines else "no answer"


def hold_and_read(place: Path) -> None:
    """The second process: hold the lock, read the file again and again, and say whether it was always whole."""
    descriptor = os.open(place / "lock", os.O_CREAT | os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    (place / "held").touch()
    problem = ""
    while not (place / "stop").exists() and not problem:
        try:
            text = (place / "replaced").read_text()
        except FileNotFoundError:
            problem = "a file is missing for a moment while another one is renamed into its place"
        else:
            if len(text) != SIZE or len(set(text)) != 1:
                problem = "a file that is renamed into place is seen half written"
    (place / "part-verdict").write_text(problem)
    (place / "part-verdict").replace(place / "verdict")
    time.sleep(WAIT_SECONDS)  # holds the lock until it is killed


if __name__ == "__main__":
    hold_and_read(Path(sys.argv[1]))
