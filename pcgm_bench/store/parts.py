"""Half-written files and folders, ``.NAME.<host>-<pid>t<began>.part``: whose they are can be told from the name.

A process number says nothing on another machine, nor in another container: ``host`` has the number of the PID namespace
behind the name wherever the process is not in the machine's own. A part of another host cannot be checked, and counts
as left behind once nothing has been written to it for a day. A number is used again after a while (in a container it is
often 1 every time): where the system tells when a process began, that is in the name too, in clock ticks since boot.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import time
from functools import cache
from pathlib import Path

PART = ".part"
FOREIGN_SECONDS = 24 * 3600.0
"""A part of another host is left behind when it is this old."""
CLOCK_SECONDS = 600.0
"""The clocks of a file server and of this machine may differ by this much."""
_OWNER = re.compile(r"\.(?P<host>[^/]+)-(?P<pid>\d+)(t(?P<ticks>\d+))?\.[a-z]+$")
_INITIAL_NAMESPACE = "pid:[4026531836]"
"""Linux gives this number to the PID namespace of the machine itself."""


@cache
def host() -> str:
    """Name of this machine, without dots; in a container with the number of its PID namespace: ``node7+4026532201``."""
    name = re.sub(r"[^A-Za-z0-9_-]", "_", socket.gethostname()) or "unnamed"
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        return name
    return name if namespace == _INITIAL_NAMESPACE else f"{name}+{re.sub(r'[^0-9]', '', namespace)}"


def part_of(path: Path, suffix: str = PART) -> Path:
    """Where this process writes what will be ``path``: beside it, hidden.

    >>> part_of(Path("a.json")).name.startswith(f".a.json.{host()}-{os.getpid()}")
    True
    """
    ticks = _ticks(os.getpid())
    began = "" if ticks is None else f"t{ticks}"
    return path.parent / f".{path.name}.{host()}-{os.getpid()}{began}{suffix}"


def is_abandoned(part: Path) -> bool:
    """Whether the process that wrote a part is gone; never True for a live process's, nor for what is no part."""
    try:
        changed = part.stat().st_mtime
    except OSError:
        return False
    owner = _OWNER.search(part.name)
    if owner is None or owner["host"].rpartition(".")[2] != host():
        return time.time() - changed > FOREIGN_SECONDS
    pid = int(owner["pid"])
    if not _is_alive(pid):
        return True
    ticks = _ticks(pid)
    if ticks is not None and owner["ticks"] is not None and int(owner["ticks"]) != ticks:
        return True  # the number was given to another process
    begun = _begun(pid)
    return begun is not None and changed + CLOCK_SECONDS < begun


def sweep(root: Path) -> int:
    """Remove the parts below a folder that dead processes left there; returns how many. Those of live ones stay."""
    parts = [part for part in root.rglob(f".*{PART}") if is_abandoned(part)]
    for part in parts:
        remove(part)
    return len(parts)


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _ticks(pid: int) -> int | None:
    """When a process began, in clock ticks since boot; None where the system does not say (it is not Linux)."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None


def _begun(pid: int) -> float | None:
    """When a process began, in seconds since 1970; None where the system does not say (it is not Linux)."""
    ticks = _ticks(pid)
    try:
        boot = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime "))
        return None if ticks is None else float(boot.split()[1]) + ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, StopIteration):
        return None
