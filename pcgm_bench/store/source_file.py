"""One Python file as the code digest sees it: a hash of what it does, and the modules that it names.

The file is parsed, never imported. The hash is that of the normalised syntax tree: no comments, no formatting, no line
numbers, and no string that stands alone as a statement (docstrings of modules, classes, functions and constants).
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from dataclasses import field
from functools import cache
from pathlib import Path

from pcgm_bench.store.identity import digest

DYNAMIC_IMPORTS = frozenset({"import_module", "__import__", "spec_from_file_location", "run_path", "run_module"})
"""Functions that import a module whose name, or file, is an argument."""


@dataclass(frozen=True)
class Reference:
    """A dotted name in a file: a module, or something in a module.

    Attributes:
        level: number of leading dots; 0 for an absolute name.
        name: ``deepkit.net.Net``; the last part may be ``*``.
        used: the thing itself is used as a value, so any of its attributes may be read; False where an import statement
            only makes it available.
    """

    level: int
    name: str
    used: bool = False

    def absolute(self, module: str, is_package: bool) -> str:
        """The name without leading dots, as seen from ``module``; empty where it leaves the top-level package.

        >>> Reference(2, "net.Net").absolute("deepkit.methods.gen", is_package=False)
        'deepkit.net.Net'
        """
        if not self.level:
            return self.name
        parents = module.split(".")
        keep = len(parents) - self.level + is_package
        return ".".join([*parents[:keep], *([self.name] if self.name else [])]) if keep > 0 else ""


@dataclass(frozen=True)
class SourceFile:
    """What a file does and names.

    Attributes:
        digest: hash of the normalised syntax tree.
        references: what it imports or uses, in any function or branch but ``if TYPE_CHECKING``.
        bindings: name in the module -> where an import statement takes it from.
        defined: names that exist in the module without its ``__getattr__``.
        has_getattr: it has a ``__getattr__`` of its own, so names may be imported when they are asked for.
        nameable: what such a ``__getattr__`` can import: everything that the file imports under ``TYPE_CHECKING``, and
            every string constant that may be a module's name.
        is_open: it imports modules by names that are computed (outside ``__getattr__``), or lists its package with
            ``pkgutil``: any module of its package may be meant.
    """

    digest: str
    references: frozenset[Reference] = frozenset()
    bindings: dict[str, Reference] = field(default_factory=dict)
    defined: frozenset[str] = frozenset()
    has_getattr: bool = False
    nameable: frozenset[Reference] = frozenset()
    is_open: bool = False


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
    names, defined = _Names(tree), _defined(tree)
    names.visit(tree)
    return SourceFile(
        digest=digest(ast.dump(tree, include_attributes=False).encode()),
        references=frozenset(names.references | names.uses()),
        bindings=names.bindings,
        defined=frozenset(defined),
        has_getattr="__getattr__" in defined,
        nameable=frozenset(names.type_only | names.strings),
        is_open=names.is_open,
    )


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


def is_type_checking(test: ast.expr) -> bool:
    """Whether a condition is ``TYPE_CHECKING`` or ``typing.TYPE_CHECKING``."""
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


class _Names(ast.NodeVisitor):
    """Collects the names of a module; see the attributes of `SourceFile`."""

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self.references: set[Reference] = set()
        self.bindings: dict[str, Reference] = {}
        self.type_only: set[Reference] = set()
        self.strings: set[Reference] = set()
        self.is_open = False
        self._chains: set[tuple[str, ...]] = set()
        self._in_getattr = False

    def uses(self) -> set[Reference]:
        """Attributes of imported things: ``deepkit.net.Net`` after ``import deepkit``."""
        references = set()
        for root, *rest in self._chains:
            if root in self.bindings:
                origin = self.bindings[root]
                references.add(Reference(origin.level, ".".join([origin.name, *rest]), used=True))
        return references

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.references.add(Reference(0, alias.name))
            bound = alias.name if alias.asname else alias.name.split(".")[0]
            self.bindings[alias.asname or bound] = Reference(0, bound)
            self.is_open |= bound == "pkgutil"

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            reference = Reference(node.level, f"{node.module}.{alias.name}" if node.module else alias.name)
            self.references.add(reference)
            self.bindings[alias.asname or alias.name] = reference
            self.is_open |= node.module == "pkgutil"

    def visit_If(self, node: ast.If) -> None:
        if not is_type_checking(node.test):
            self.generic_visit(node)
            return
        inside = _Names(self._tree)
        for statement in node.body:
            inside.visit(statement)
        self.type_only |= inside.references
        for statement in node.orelse:
            self.visit(statement)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        of_module = node.name == "__getattr__" and node in self._tree.body
        before, self._in_getattr = self._in_getattr, self._in_getattr or of_module
        self.generic_visit(node)
        self._in_getattr = before

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func.id if isinstance(node.func, ast.Name) else ""
        called = node.func.attr if isinstance(node.func, ast.Attribute) else called
        if called in DYNAMIC_IMPORTS:
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                self.references |= {Reference(named.level, named.name, used=True) for named in _named(first)}
            elif not self._in_getattr:
                self.is_open = True
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        parts: list[str] = []
        inner: ast.expr = node
        while isinstance(inner, ast.Attribute):
            parts.append(inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name):
            self._chains.add((inner.id, *reversed(parts)))
        else:
            self.visit(inner)

    def visit_Name(self, node: ast.Name) -> None:
        self._chains.add((node.id,))

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            named = _named(node)
            self.strings |= named
            self.strings |= {Reference(1, reference.name) for reference in named if not reference.level}


def _named(node: ast.Constant) -> set[Reference]:
    """A string as the name of a module, if it can be one: ``deepkit.net`` or ``.net``."""
    text = str(node.value)
    name = text.lstrip(".").rstrip(".")
    if not name or not all(part.isidentifier() for part in name.split(".")):
        return set()
    return {Reference(len(text) - len(text.lstrip(".")), name)}
