"""The code of a plugin: its part of a key, and a watch on files that are edited while a process runs.

A key is made of files; the numbers come from modules that a process has loaded. A notebook that goes on after an edit,
or a run of hours, would store the numbers of the older code under the key of the newer one. So the first digest that a
process sees of a file is the only one that it accepts.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from pcgm_bench.contracts import UserError
from pcgm_bench.registry import Plugin
from pcgm_bench.store.closure import closure_files
from pcgm_bench.store.closure import code_digest
from pcgm_bench.store.closure import dependencies
from pcgm_bench.store.source_file import read_source

_FIRST: dict[Path, str] = {}
"""File -> digest when this process first asked for it."""


def plugin_code(plugin: Plugin, cls: type) -> str:
    """Hash of all code that a plugin imports: its class, and the module that its entry point names.

    Raises:
        UserError: a file of it was edited since this process read it.
    """
    things = _things(plugin, cls)
    watch(closure_files(*things))
    return code_digest(*things)


def plugin_dependencies(plugin: Plugin, cls: type) -> dict[str, str]:
    """Distribution -> version, of what a third party's code imports from others; ours are in every environment."""
    return {} if plugin.is_own else dependencies(*_things(plugin, cls))


def watch(paths: Iterable[Path]) -> None:
    """Accept these files as they are now, for as long as the process lives.

    Raises:
        UserError: one of them was edited since this process read it.
    """
    for path in paths:
        now = read_source(path).digest if path.exists() else ""
        if _FIRST.setdefault(path, now) != now:
            msg = f"{path}: edited since this process read it, which goes on with the older code"
            raise UserError(f"{msg}; give the command again (in a notebook: restart the kernel)")


def check_unchanged() -> None:
    """Raises UserError where any watched file was edited: nothing of this process may be stored any more."""
    watch(tuple(_FIRST))


def _things(plugin: Plugin, cls: type) -> tuple[type | ModuleType, ...]:
    # The module that an entry point names may not be the one in which its class was made.
    return cls, importlib.import_module(plugin.module)
