"""The names in a Python file that may be modules: imported, used, or only written as text."""

from __future__ import annotations

import ast
from dataclasses import dataclass

DYNAMIC_IMPORTS = frozenset(
    {
        "__import__",
        "find_spec",
        "import_module",
        "resolve_name",
        "run_module",
        "run_path",
        "spec_from_file_location",
    }
)
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


def is_type_checking(test: ast.expr) -> bool:
    """Whether a condition is ``TYPE_CHECKING`` or ``typing.TYPE_CHECKING``."""
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


class Names(ast.NodeVisitor):
    """Collects the names of a module, whose statements that are only constants have been removed.

    Attributes:
        references: what import statements name, in any function or branch but ``if TYPE_CHECKING`` and the
            module's ``__getattr__``.
        bindings: name in the module -> where import statements take it from; several, if it is imported twice.
        on_demand: what is imported under ``if TYPE_CHECKING``, and what the module's ``__getattr__`` names.
        strings: string constants that may name a module: as they are, and relative to the module's package.
        is_open: it imports modules by names that are computed (outside ``__getattr__``), or lists packages.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.references: set[Reference] = set()
        self.bindings: dict[str, list[Reference]] = {}
        self.on_demand: set[Reference] = set()
        self.strings: set[Reference] = set()
        self.is_open = False
        self._tree = tree
        self._chains: set[tuple[str, ...]] = set()
        self._in_getattr = False
        self.visit(tree)

    def uses(self) -> set[Reference]:
        """Attributes of imported things: ``deepkit.net.Net`` after ``import deepkit``."""
        return {
            Reference(origin.level, ".".join([origin.name, *rest]), used=True)
            for root, *rest in self._chains
            for origin in self.bindings.get(root, [])
        }

    @property
    def _named(self) -> set[Reference]:
        """Where an import belongs; one in a module's ``__getattr__`` happens when somebody takes a name from it."""
        return self.on_demand if self._in_getattr else self.references

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._named.add(Reference(0, alias.name))
            bound = alias.name if alias.asname else alias.name.split(".")[0]
            self._bind(alias.asname or bound, Reference(0, bound))
            self.is_open |= bound == "pkgutil"

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            reference = Reference(node.level, f"{node.module}.{alias.name}" if node.module else alias.name)
            self._named.add(reference)
            self._bind(alias.asname or alias.name, reference)
            self.is_open |= node.module == "pkgutil"

    def _bind(self, name: str, origin: Reference) -> None:
        self.bindings.setdefault(name, []).append(origin)

    def visit_If(self, node: ast.If) -> None:
        if not is_type_checking(node.test):
            self.generic_visit(node)
            return
        self.on_demand |= Names(ast.Module(node.body, [])).references
        for statement in node.orelse:
            self.visit(statement)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        of_module = node.name == "__getattr__" and node in self._tree.body
        before, self._in_getattr = self._in_getattr, self._in_getattr or of_module
        self.generic_visit(node)
        self._in_getattr = before

    def visit_Call(self, node: ast.Call) -> None:
        called = {node.func.attr} if isinstance(node.func, ast.Attribute) else set()
        if isinstance(node.func, ast.Name):
            origins = self.bindings.get(node.func.id, [])
            called = {node.func.id, *(origin.name.rpartition(".")[2] for origin in origins)}
        if called & DYNAMIC_IMPORTS:
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                self._named.update(Reference(named.level, named.name, used=True) for named in _named(first))
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
            strings = self.on_demand if self._in_getattr else self.strings
            strings |= named
            strings |= {Reference(1, reference.name) for reference in named if not reference.level}


def _named(node: ast.Constant) -> set[Reference]:
    """A string as the name of a module, if it can be one: ``deepkit.net``, ``.net`` or ``deepkit.net:Net``."""
    text = str(node.value).replace(":", ".")
    name = text.lstrip(".").rstrip(".")
    if not name or not all(part.isidentifier() for part in name.split(".")):
        return set()
    return {Reference(len(text) - len(text.lstrip(".")), name)}
