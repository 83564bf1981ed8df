"""The manifest: what is needed to believe a number. Never part of the key, never averaged, only read."""

from __future__ import annotations

import platform
import resource
import shutil
import subprocess
import sys
from datetime import UTC
from datetime import datetime
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version
from pathlib import Path

from pydantic import BaseModel
from pydantic import ConfigDict

PACKAGES = (
    "pcgm-bench", "torch", "monai", "numpy", "scipy", "pandas", "nibabel", "nilearn", "statsmodels", "pingouin",
    "zuko", "SimpleITK", "safetensors", "pydantic",
)  # fmt: skip


class Session(BaseModel):
    """One process that worked on the run.

    Attributes:
        started: ISO time, UTC.
        wall_seconds: how long it took.
        peak_rss_mib: most memory it held, MiB.
        made: units it completed itself; the others were there already.
        device: what it computed on, in words.
        command: what was typed.
        versions: of the libraries that a number may depend on.
        git_commit: of the code, with ``-dirty`` if edited; None for an installed package.
        python: version and platform.
        complete: whether it reached the scores.
    """

    started: str
    wall_seconds: float = 0.0
    peak_rss_mib: float = 0.0
    made: int = 0
    device: str = "cpu"
    command: list[str] = []
    versions: dict[str, str] = {}
    git_commit: str | None = None
    python: str = ""
    complete: bool = False


class Manifest(BaseModel):
    """All sessions that built a run, oldest first, and the hashes of what it stands on.

    Attributes:
        key: of the run.
        hashes: file or thing -> hash.
        generators: row -> version, code and weights of the generator that made it.
        folders: row -> folder of its images; controls are shared between runs.
        packages: row -> package and version of that generator: ``pcgm-bench 0.2.0``.
        instructions: the processor's instruction set, as PyTorch uses it: ``AVX512``.
        sessions: one a process; only those that did any work.
        wall_seconds: sum over sessions.
    """

    model_config = ConfigDict(extra="forbid")

    key: str
    hashes: dict[str, str] = {}
    generators: dict[str, str] = {}
    folders: dict[str, str] = {}
    packages: dict[str, str] = {}
    instructions: str = ""
    sessions: list[Session] = []

    @property
    def wall_seconds(self) -> float:
        """Seconds over all sessions."""
        return sum(session.wall_seconds for session in self.sessions)


def start_session(device: str) -> Session:
    """A session that begins now on this machine with these libraries."""
    return Session(
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        device=f"{device} ({platform.processor() or platform.machine()})",
        command=list(sys.argv),
        versions=versions(),
        git_commit=git_commit(),
        python=f"{platform.python_version()} {platform.platform()}",
    )


def versions() -> dict[str, str]:
    """Installed versions of `PACKAGES`; what is missing is left out."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def peak_rss_mib(workers: int = 1) -> float:
    """Most memory this process has held, and ``workers - 1`` like the largest of its children, MiB: an upper bound."""
    unit = 1024 if sys.platform == "darwin" else 1
    own, child = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return (own + (workers - 1) * child) / unit / 1024


def git_commit() -> str | None:
    """Commit of a checkout that this code runs from; None if it is installed, or git is not there."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists() or not shutil.which("git"):
        return None

    def git(*arguments: str) -> str | None:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else None

    commit = git("rev-parse", "HEAD")
    return f"{commit}-dirty" if commit and git("status", "--porcelain", "--untracked-files=no") else commit
