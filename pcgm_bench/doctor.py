"""What this machine has, what is missing, and how to get it."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from importlib.metadata import requires
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from pcgm_bench import registry
from pcgm_bench.store.lock_probe import probe

Level = Literal["ok", "note", "missing"]
NEEDED_GIB = 3.0
"""Disk for the default cohort, its segmentations and one run with its controls."""
ELSEWHERE = "set PCGM_BENCH_HOME, or use --home, to keep runs elsewhere"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: its name.
        level: ``ok``; ``note`` (works without); ``missing`` (something will not run).
        found: what is there.
        remedy: what to do; empty if nothing.
    """

    what: str
    level: Level
    found: str
    remedy: str = ""


def examine(home: Path) -> list[Finding]:
    """Look at Python, libraries, devices, disk, locking, FreeSurfer and plugins. Leaves nothing behind.

    Args:
        home: where runs are kept; it need not be there yet.
    """
    place = next(folder for folder in (home, *home.parents) if folder.exists())
    storage = [_disk(home, place), *_locking(place)]
    return [*_python(), *_libraries(), _device(), _cpu(), *storage, *_freesurfer(), *_plugins()]


def _python() -> list[Finding]:
    running = f"{platform.python_version()} on {platform.platform()}"
    enough = sys.version_info >= (3, 11)
    return [Finding("Python", "ok" if enough else "missing", running, "" if enough else "install Python 3.11 or newer")]


def _libraries() -> list[Finding]:
    """Everything our own metadata requires, extras left out."""
    try:
        lines = requires(registry.OWN) or []
    except PackageNotFoundError:
        return [Finding(registry.OWN, "missing", "not installed", "pip install -e . -c constraints.txt")]
    findings = [Finding(registry.OWN, "ok", version(registry.OWN))]
    for line in lines:
        if "extra ==" in line:
            continue
        name = re.match(r"[\w.-]+", line)[0]  # type: ignore[index]
        try:
            findings.append(Finding(name, "ok", version(name)))
        except PackageNotFoundError:
            findings.append(Finding(name, "missing", "not installed", f'pip install "{line}" -c constraints.txt'))
    return findings


def _device() -> Finding:
    if importlib.util.find_spec("torch") is None:
        return Finding("GPU", "missing", "torch is not installed", "pip install torch -c constraints.txt")
    import torch

    if torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory / 2**30
        return Finding("GPU", "ok", f"{torch.cuda.get_device_name(0)}, {memory:.0f} GiB: use --device cuda")
    built = f"torch {torch.__version__} is built for {'CUDA' if torch.version.cuda else 'CPU only'}"
    remedy = "the embedded cohort runs on a CPU; the paper's size wants a GPU: make install TORCH=cuda"
    return Finding("GPU", "note", f"none seen; {built}", remedy)


def _cpu() -> Finding:
    # Python itself is asked: not every platform's `os` has these.
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = ""
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = f", {os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB memory"
    return Finding("CPU", "ok", f"{usable} cores{memory}")


def _disk(home: Path, place: Path) -> Finding:
    free = shutil.disk_usage(place).free / 2**30
    text = f"{home}: {free:.0f} GiB free"
    if not os.access(place, os.W_OK):
        return Finding("disk", "missing", f"{home}: cannot be written to", ELSEWHERE)
    return Finding("disk", "ok", text) if free >= NEEDED_GIB else Finding("disk", "missing", text, ELSEWHERE)


def _locking(place: Path) -> list[Finding]:
    """Whether two processes can share the home folder; nothing where it cannot be written to at all."""
    if not os.access(place, os.W_OK):
        return []
    if problem := probe(place):
        return [Finding("locking", "missing", problem, ELSEWHERE)]
    return [Finding("locking", "ok", f"{place}: locks hold, and files are renamed whole, between processes")]


def _freesurfer() -> list[Finding]:
    root = os.environ.get("FREESURFER_HOME", "")
    remedy = (
        "only wanted for volumes from FreeSurfer: install it from https://surfer.nmr.mgh.harvard.edu, source its "
        "SetUpFreeSurfer.sh, and give its label maps, or its volumes in mL, with --segmentations"
    )
    findings = [Finding("FreeSurfer", "ok" if root else "note", root or "not set up", "" if root else remedy)]
    for tool in ("recon-all", "mri_synthseg"):
        path = shutil.which(tool)
        findings.append(Finding(tool, "ok" if path else "note", path or "not on the PATH", "" if path else remedy))
    return findings


def _plugins() -> list[Finding]:
    """Every plugin is imported here, and only here for its own sake."""
    findings = []
    for kind in registry.KINDS:
        for plugin in registry.plugins(kind):
            if problem := plugin.problem():
                findings.append(
                    Finding(
                        f"{kind}: {plugin.name}",
                        "missing",
                        f"{plugin.origin}: {problem}",
                        "mend or uninstall the package",
                    )
                )
            elif not plugin.is_own:
                findings.append(Finding(f"{kind}: {plugin.name}", "ok", f"from {plugin.origin}"))
    return findings
