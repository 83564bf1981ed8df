"""Which code belongs to a plugin: the modules of its installed distribution, and the data files of its packages."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote
from urllib.parse import urlparse

from pcgm_bench.store.identity import digest
from pcgm_bench.store.modules import Module

OWN = "pcgm_bench"
"""Our top-level package: part of every closure that reaches it."""
BYTECODE = frozenset({".pyc", ".pyo"})
CODE = BYTECODE | {".py", ".pyi"}
DOCUMENTATION = frozenset({".md", ".rst"})
HASHED_ELSEWHERE = "weights"
"""In our own packages, folders of this name are left out: weights have a digest of their own."""
CONFIGURATION = frozenset({".yaml", ".yml", ".json", ".toml", ".cfg", ".ini"})
"""Data files whose text may name a class to be imported, as Hydra's and MONAI's ``_target_`` does."""
LONGEST = 2**20
"""Bytes; longer files are data, and are not searched for names."""
LIBRARIES = frozenset({"site-packages", "dist-packages"})


@dataclass(frozen=True)
class Territory:
    """What may be followed from a plugin's module.

    Attributes:
        tops: top-level packages and modules of its distributions, and ours.
        projects: folders of distributions that are installed as editable; what lies in them belongs to them too.
    """

    tops: frozenset[str]
    projects: tuple[Path, ...] = ()

    def holds(self, module: Module) -> bool:
        """Whether a top-level module belongs here."""
        return module.name in self.tops or any(_inside(module, project) for project in self.projects)

    def beside(self, module: Module) -> set[str]:
        """Names of the modules and packages next to a top-level module of an editable distribution."""
        places = [module.file] if module.file and not module.is_package else list(module.folders)
        return {
            path.stem if path.is_file() else path.name
            for place in places
            if any(_inside(module, project) for project in self.projects)
            for path in place.parent.iterdir()
            if path.suffix == ".py" or (path / "__init__.py").exists()
        }


def territory(modules: list[Module]) -> Territory:
    """The territory of a plugin whose classes lie in these modules.

    A distribution is found by the names of its top-level packages; an editable one that does not list them, by its
    folder. Where nothing is known of a distribution, the top-level package itself is the territory.
    """
    tops, projects = {OWN}, []
    for module in modules:
        top = module.name.split(".")[0]
        if top in tops:
            continue
        tops.add(top)
        by_top = distributions()
        owners = set(by_top.get(top, []))
        tops |= {name for name, names in by_top.items() if name.isidentifier() and owners & set(names)}
        projects += [project for project in _editable_projects(tuple(sys.path)) if _inside(module, project)]
    return Territory(frozenset(tops), tuple(projects))


def distributions() -> Mapping[str, list[str]]:
    """Top-level package or module -> the installed distributions that bring it."""
    return _distributions(tuple(sys.path))


@cache
def _distributions(_path: tuple[str, ...]) -> Mapping[str, list[str]]:
    return metadata.packages_distributions()


@cache
def _editable_projects(_path: tuple[str, ...]) -> list[Path]:
    """Folders of all distributions that are installed as editable."""
    projects = []
    for distribution in metadata.distributions():
        text = distribution.read_text("direct_url.json")
        if text and (note := json.loads(text)).get("dir_info", {}).get("editable"):
            projects.append(Path(unquote(urlparse(note["url"]).path)))
    return projects


def _inside(module: Module, project: Path) -> bool:
    """Whether a module lies in a project's folder, and not in an environment of installed packages there."""
    places = [module.file] if module.file else list(module.folders)
    return any(
        place.is_relative_to(project) and not LIBRARIES & set(place.relative_to(project).parts) for place in places
    )


def own_data_files(folder: Path) -> Iterator[Path]:
    """Data files of one of our packages, sorted: no code, documentation or weights, and nothing of the packages in it.

    Folders that are no package count.
    """
    for path in _walk(folder, lambda inner: inner.name != HASHED_ELSEWHERE and not (inner / "__init__.py").exists()):
        if _is_data(path):
            yield path


def data_files(folder: Path) -> Iterator[Path]:
    """Data files of a third party's package and of all folders in it, sorted: no code and no documentation."""
    return (path for path in _walk(folder, lambda inner: True) if _is_data(path))


def all_files(folder: Path) -> Iterator[Path]:
    """All files of a third party's package and of all folders in it but bytecode, sorted."""
    return (path for path in _walk(folder, lambda inner: True) if path.suffix not in BYTECODE)


def _is_data(path: Path) -> bool:
    return path.suffix not in CODE | DOCUMENTATION and path.name != "py.typed"


def _walk(folder: Path, enter: Callable[[Path], bool]) -> Iterator[Path]:
    """Files in a folder and in those folders of it that are entered, sorted; hidden ones and metadata are left out."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name.startswith((".", "__pycache__")) or path.suffix in {".egg-info", ".dist-info"}:
            continue
        if path.is_dir():
            if path.is_symlink() and folder.resolve().is_relative_to(path.resolve()):
                continue  # a link to a folder above: it would go round for ever
            if enter(path):
                yield from _walk(path, enter)
        elif path.is_file():
            yield path


def content_digest(path: Path) -> str:
    """Hash of a file's content, kept in the process for as long as its size and time stay the same."""
    status = path.stat()
    return _content_digest(path, status.st_size, status.st_mtime_ns)


@cache
def _content_digest(path: Path, _size: int, _mtime_ns: int) -> str:
    return digest(path.read_bytes())


def named_in(path: Path) -> frozenset[str]:
    """Dotted names in a configuration file: ``deepkit.net.Net``; none in other files."""
    status = path.stat()
    is_configuration = path.suffix in CONFIGURATION and status.st_size <= LONGEST
    return _named_in(path, status.st_size, status.st_mtime_ns) if is_configuration else frozenset()


@cache
def _named_in(path: Path, _size: int, _mtime_ns: int) -> frozenset[str]:
    return frozenset(re.findall(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+", path.read_text(errors="replace")))
