"""Mechanisms by which a Python file can run code, or read text, that its import statements do not name.

Static analysis cannot say which file such a mechanism reaches. `pcgm_bench.store.closure` therefore counts the whole
distribution of a plugin that uses one. The test is by name and errs on the safe side: any method that is called
``exec`` counts as a mechanism.
"""

from __future__ import annotations

import ast

IMPORTERS = frozenset({"__import__", "find_spec", "import_module", "resolve_name"})
"""Functions that take a module's name. A direct call with one literal, full name is an ordinary import."""
LOADERS = frozenset(
    {
        "ConfigParser",
        "ExtensionFileLoader",
        "FileFinder",
        "LazyLoader",
        "ModuleSpec",
        "PathFinder",
        "SourceFileLoader",
        "SourcelessFileLoader",
        "__builtins__",
        "__path__",
        "addsitedir",
        "attach_stub",
        "exec_module",
        "import_string",
        "instantiate",
        "load_module",
        "load_source",
        "locate",
        "meta_path",
        "module_from_spec",
        "path_hooks",
        "spec_from_file_location",
        "spec_from_loader",
        "zipimporter",
    }
)
"""Classes, functions and attributes that load a module from a file or by a computed name."""
RUNNERS = frozenset(
    {
        "Popen",
        "create_subprocess_exec",
        "create_subprocess_shell",
        "exec",
        "execl",
        "execle",
        "execlp",
        "execv",
        "execve",
        "execvp",
        "execvpe",
        "popen",
        "posix_spawn",
        "posix_spawnp",
        "run_module",
        "run_path",
        "runpy",
        "spawnl",
        "spawnle",
        "spawnlp",
        "spawnv",
        "spawnve",
        "spawnvp",
        "subprocess",
    }
)
"""Modules and functions that run a file, a text or another process."""
LISTERS = frozenset({"entry_points", "iter_entry_points", "load_entry_point", "pkgutil"})
"""Modules and functions that list packages or plugins."""
MECHANISMS = IMPORTERS | LOADERS | RUNNERS | LISTERS
WRAPPED = frozenset({"builtins", "importlib", "os", "sys"})
"""Modules that hold mechanisms: under another name, or passed on as a value, any of these may be taken from them."""
PAIRS = frozenset({("os", "system"), ("sys", "path"), ("torch", "hub")})
"""Mechanisms whose names are too common to count on their own: module, attribute."""
DOCUMENTATION = frozenset({"__doc__", "getdoc", "getsource", "getsourcelines"})
"""Names by which code reads docstrings."""


def is_dynamic(tree: ast.Module) -> bool:
    """Whether a file names a mechanism anywhere, also in a function that is never called.

    An exact string constant counts as a name: ``"import_module"`` may be an argument of ``getattr``.
    """
    harmless: set[ast.AST] = set()
    for node in ast.walk(tree):  # a node comes before the nodes in it
        if isinstance(node, ast.Call) and _is_literal_import(node):
            harmless.add(node.func)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in WRAPPED:
            harmless.add(node.value)
        if node not in harmless and _names_mechanism(node):
            return True
    return False


def reads_docstrings(tree: ast.Module) -> bool:
    """Whether a file reads docstrings, its own or another's, so that they may affect what it does."""
    return any(name in DOCUMENTATION for node in ast.walk(tree) for name in _names(node))


def _is_literal_import(call: ast.Call) -> bool:
    """``import_module("deepkit.net")``: one argument, which is a string without a leading dot."""
    name = _names(call.func)
    if not set(name) & IMPORTERS or len(call.args) != 1 or call.keywords:
        return False
    [first] = call.args
    return isinstance(first, ast.Constant) and isinstance(first.value, str) and not first.value.startswith(".")


def _names_mechanism(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(
            alias.name.split(".")[0] in MECHANISMS or (alias.asname and alias.name.split(".")[0] in WRAPPED)
            for alias in node.names
        )
    if isinstance(node, ast.ImportFrom):
        return _imports_mechanism(node)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and (node.value.id, node.attr) in PAIRS:
        return True
    if isinstance(node, ast.Name) and (node.id in WRAPPED or node.id == "eval"):
        return True  # ``eval`` counts as a plain name only: ``model.eval()`` is in every PyTorch program
    return any(name in MECHANISMS for name in _names(node))


def _imports_mechanism(node: ast.ImportFrom) -> bool:
    """``from importlib import import_module`` is harmless: its uses are looked at. Another name would hide them."""
    module = node.module or ""
    if not node.level and module.split(".")[0] in MECHANISMS:
        return True
    return any(
        (alias.name in IMPORTERS and alias.asname)
        or alias.name in MECHANISMS - IMPORTERS
        or (alias.name == "*" and module.split(".")[0] in WRAPPED)
        or (module, alias.name) in PAIRS
        for alias in node.names
    )


def _names(node: ast.AST) -> tuple[str, ...]:
    """The name that a node mentions, if any."""
    if isinstance(node, ast.Name):
        return (node.id,)
    if isinstance(node, ast.Attribute):
        return (node.attr,)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return (node.value,)
    return ()
