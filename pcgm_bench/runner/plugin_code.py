"""The code of a plugin: its part of a key, and a watch on files that are edited while a process runs.

A key is made of files; the numbers come from modules that a process has loaded. A notebook that goes on after an edit,
or a run of hours, would store the numbers of the older code under the key of the newer one. So the first digest that a
process sees of a file is the only one that it accepts.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from pcgm_bench.contracts import UserError
from pcgm_bench.registry import Plugin
from pcgm_bench.store.closure import Closure
from pcgm_bench.store.closure import dependencies
from pcgm_bench.store.modules import ModuleFinder
from pcgm_bench.store.source_file import read_source


@dataclass(frozen=True)
class _Read:
    """A file as this process has read it: its digest, and what Python loaded of it (None: nothing yet)."""

    digest: str
    loaded: ModuleSpec | None


_READ: dict[Path, _Read] = {}


def plugin_code(plugin: Plugin, cls: type) -> str:
    """Hash of all code that a plugin imports: its class, and the module that its entry point names.

    Raises:
        UserError: a file of it was edited since this process read it.
    """
    closure = Closure(_things(plugin, cls), ModuleFinder())
    watch(closure.paths)
    return closure.digest()


def plugin_dependencies(plugin: Plugin, cls: type) -> dict[str, str]:
    """Distribution -> version, of what a third party's code imports from others; ours are in every environment."""
    return {} if plugin.is_own else dependencies(*_things(plugin, cls))


def watch(paths: Iterable[Path]) -> None:
    """Accept these files as they are now, until they are loaded anew.

    Raises:
        UserError: one of them was edited since this process loaded it.
    """
    specs = _loaded_specs()
    for path in paths:
        now = _Read(_digest(path), _spec_of(path, specs))
        before = _READ.get(path, now)
        if before.digest != now.digest and before.loaded is not None and before.loaded is now.loaded:
            raise _edited(path)
        _READ[path] = now


def check_unchanged() -> None:
    """Raises UserError where any watched file was edited: nothing of this process may be stored any more."""
    for path, read in _READ.items():
        if _digest(path) != read.digest:
            raise _edited(path)


def _digest(path: Path) -> str:
    return read_source(path).digest if path.exists() else ""


def _edited(path: Path) -> UserError:
    msg = f"{path}: edited since this process read it, which goes on with the older code"
    return UserError(f"{msg}; give the command again (in a notebook: restart the kernel)")


def _loaded_specs() -> dict[str, ModuleSpec]:
    # Python itself is asked: it knows what it has loaded, and from where. A module that is loaded anew has a new spec.
    modules = [module for module in tuple(sys.modules.values()) if isinstance(module, ModuleType)]
    specs = [module.__spec__ for module in modules if module.__spec__ is not None]
    return {_real(spec.origin): spec for spec in specs if spec.has_location and spec.origin}


@cache
def _real(origin: str) -> str:
    # Thousands of modules are loaded, and a run asks for each of its plugins: half a second every time.
    return os.path.realpath(origin)


def _spec_of(path: Path, specs: Mapping[str, ModuleSpec]) -> ModuleSpec | None:
    """What Python loaded of a file; of a data file, the nearest package around it, which may have read it."""
    if path.suffix == ".py":
        return specs.get(os.path.realpath(path))
    around = (specs.get(os.path.realpath(folder / "__init__.py")) for folder in path.parents)
    return next((spec for spec in around if spec is not None), None)


def _things(plugin: Plugin, cls: type) -> tuple[type | ModuleType, ...]:
    # The module that an entry point names may not be the one in which its class was made.
    return cls, importlib.import_module(plugin.module)
