"""Where modules lie, asked of Python's own finders, without importing anything.

``importlib.util.find_spec("a.b")`` would import ``a``; here the finders are asked one part of the name after the other.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from importlib.machinery import PathFinder
from pathlib import Path


@dataclass(frozen=True)
class Module:
    """A module that can be imported.

    Attributes:
        name: ``deepkit.methods.gen``.
        file: its source or extension; None for a namespace package or what is built into Python.
        folders: where submodules lie; empty if it is no package.
    """

    name: str
    file: Path | None
    folders: tuple[Path, ...] = ()

    @property
    def is_package(self) -> bool:
        """Whether it can have submodules."""
        return bool(self.folders)


class ModuleFinder:
    """Finds modules by name, and remembers the answers."""

    def __init__(self, path: Sequence[str] | None = None) -> None:
        """Choose where to look.

        Args:
            path: folders in which top-level modules lie; by default wherever this interpreter finds them.
        """
        self._path = path
        self._known: dict[str, Module | None] = {}

    def find(self, name: str) -> Module | None:
        """The module of this full name; None if there is none."""
        if name not in self._known:
            self._known[name] = self._look(name)
        return self._known[name]

    def below(self, package: Module) -> list[Module]:
        """All modules in a package, at any depth, without the package itself."""
        names = set()
        for path in (path for folder in package.folders for path in folder.iterdir()):
            names.add(path.name if path.is_dir() else inspect.getmodulename(path.name) or "")
        inner = [
            self.find(f"{package.name}.{name}")
            for name in sorted(names)
            if name.isidentifier() and name not in ("__init__", "__pycache__")
        ]
        return [deeper for module in inner if module for deeper in (module, *self.below(module))]

    def _look(self, name: str) -> Module | None:
        parent, _, last = name.rpartition(".")
        if not parent:
            path = self._path
        else:
            package = self.find(parent)
            if package is None or not package.is_package:
                return None
            path = [str(folder) for folder in package.folders]
        try:
            spec = self._spec(name, path)
        except KeyError:
            # A namespace package in a package that is not imported: Python's finder asks the imported parent for it.
            return Module(name, None, tuple(folder for entry in path or () if (folder := Path(entry) / last).is_dir()))
        if spec is None:
            return None
        file = Path(spec.origin) if spec.has_location and spec.origin else None
        while file and not file.exists() and file != file.parent:
            file = file.parent  # in an archive: the archive stands for all that is in it
        return Module(name, file, tuple(Path(folder) for folder in spec.submodule_search_locations or ()))

    def _spec(self, name: str, path: Sequence[str] | None) -> ModuleSpec | None:
        if self._path is not None:
            return PathFinder.find_spec(name, path)
        for finder in sys.meta_path:
            spec = finder.find_spec(name, path)
            if spec is not None:
                return spec
        return None
