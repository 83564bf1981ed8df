"""One Python file as the code digest sees it: a hash of what it does, and the modules that it names.

The file is parsed, never imported. The hash is that of the normalised syntax tree: no comments, no formatting, no line
numbers, and no string that stands alone as a statement (docstrings of modules, classes, functions and constants).
`documented_digest` is the hash with those strings, for code that reads docstrings.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from dataclasses import field
from functools import cache
from pathlib import Path

from pcgm_bench.store.dynamic import is_dynamic
from pcgm_bench.store.dynamic import reads_docstrings
from pcgm_bench.store.identity import digest
from pcgm_bench.store.references import Names
from pcgm_bench.store.references import Reference
from pcgm_bench.store.references import is_type_checking


@dataclass(frozen=True)
class SourceFile:
    """What a file does and names.

    Attributes:
        digest: hash of the normalised syntax tree.
        references: what it imports or uses, in any function or branch but ``if TYPE_CHECKING``.
        bindings: name in the module -> where import statements take it from.
        defined: names that exist in the module without its ``__getattr__``.
        has_getattr: it has a ``__getattr__`` of its own, so names may be imported when they are asked for.
        nameable: what such a ``__getattr__`` can import: everything that the file imports under ``TYPE_CHECKING``, and
            every string constant that may be a module's name.
        texts: those of the string constants that are full names: ``deepkit.net``.
        is_open: it imports modules by names that are computed (outside ``__getattr__``), or lists its package with
            ``pkgutil``: any module of its package may be meant.
        is_dynamic: it can run code that its import statements do not name (`pcgm_bench.store.dynamic`).
        reads_docstrings: it reads docstrings, so they may affect results.
    """

    digest: str
    references: frozenset[Reference] = frozenset()
    bindings: dict[str, list[Reference]] = field(default_factory=dict)
    defined: frozenset[str] = frozenset()
    has_getattr: bool = False
    nameable: frozenset[Reference] = frozenset()
    texts: frozenset[str] = frozenset()
    is_open: bool = False
    is_dynamic: bool = False
    reads_docstrings: bool = False


def read_source(path: Path) -> SourceFile:
    """Parse a file; the result is kept in the process for as long as size and time of the file stay the same.

    What is not Python source (a compiled extension), or does not parse, is hashed byte by byte and names nothing.
    """
    status = path.stat()
    return _read(path, status.st_size, status.st_mtime_ns)


@cache
def _read(path: Path, _size: int, _mtime_ns: int) -> SourceFile:
    data = path.read_bytes()
    if path.suffix != ".py":
        return SourceFile(digest(data))
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError):
        return SourceFile(digest(data))
    normalise(tree)
    names, defined = Names(tree), _defined(tree)
    return SourceFile(
        digest=digest(ast.dump(tree, include_attributes=False).encode()),
        references=frozenset(names.references | names.uses()),
        bindings=names.bindings,
        defined=frozenset(defined),
        has_getattr="__getattr__" in defined,
        nameable=frozenset(names.on_demand | names.strings),
        texts=frozenset(name.name for name in names.strings if not name.level),
        is_open=names.is_open,
        is_dynamic=is_dynamic(tree),
        reads_docstrings=reads_docstrings(tree),
    )


def documented_digest(path: Path) -> str:
    """Hash of what a file does and of its docstrings; kept in the process as `read_source` is."""
    status = path.stat()
    return _documented_digest(path, status.st_size, status.st_mtime_ns)


@cache
def _documented_digest(path: Path, size: int, mtime_ns: int) -> str:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return _read(path, size, mtime_ns).digest
    return digest(ast.dump(tree, include_attributes=False).encode())


def normalise(tree: ast.Module) -> None:
    """Remove every statement that is only a constant, docstrings first of all; an empty body becomes ``pass``."""
    for node in ast.walk(tree):
        for name, value in ast.iter_fields(node):
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                kept = [item for item in value if not _is_constant(item)]
                value[:] = kept or ([ast.Pass()] if name == "body" and not isinstance(node, ast.Module) else [])


def _is_constant(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _defined(tree: ast.Module) -> set[str]:
    """Names that statements at the top level of a module, also inside ``if`` and ``try`` there, give a value."""
    names: set[str] = set()
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {alias.asname or alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        if isinstance(node, ast.If) and is_type_checking(node.test):
            waiting.extend(node.orelse)
        elif not isinstance(node, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            waiting.extend(ast.iter_child_nodes(node))
    return names
