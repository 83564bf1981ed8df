"""What code does, as one hash: all modules that a plugin's class imports, directly or not, and their data files.

A version number is easily forgotten. The code is not: an edit in any module of the import closure gives another digest,
so that a stored image or score of the old code is never shown as the new code's. A comment, a docstring or another
layout leaves the digest as it is (`pcgm_bench.store.source_file`).

The closure holds pcgm-bench's own modules and those of the plugin's distribution (`pcgm_bench.store.distribution`).
Other packages (PyTorch, NumPy) are not followed; their versions belong to the environment of a run.

Names that are imported on demand: where a module has a ``__getattr__``, a name that it does not define itself may come
from any module that the file can name. All of those count: the imports under its ``TYPE_CHECKING``, and every string
constant in it that is the name of a module. Where a module imports by a computed name, its whole package counts. Full
names in other string constants and in configuration files (``_target_: deepkit.net.Net``) count too.

A third party's plugin may reach code in ways that cannot be followed: it loads a file by its path, changes
``sys.path``, or starts a process (`pcgm_bench.store.dynamic`). If one module of the closure does, all files of the
distribution's top-level packages count: all modules, vendored code in folders that are no packages, data and
documentation. If one module reads docstrings, the docstrings of all count. Data files of a third party always count,
also those in a folder ``weights``. These rules do not apply to pcgm-bench's own modules.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from collections.abc import Iterable
from functools import partial
from importlib import metadata
from pathlib import Path
from types import ModuleType

from pcgm_bench.contracts import UserError
from pcgm_bench.store.distribution import OWN
from pcgm_bench.store.distribution import all_files
from pcgm_bench.store.distribution import content_digest
from pcgm_bench.store.distribution import data_files
from pcgm_bench.store.distribution import distributions
from pcgm_bench.store.distribution import named_in
from pcgm_bench.store.distribution import own_data_files
from pcgm_bench.store.distribution import territory
from pcgm_bench.store.identity import digest
from pcgm_bench.store.modules import Module
from pcgm_bench.store.modules import ModuleFinder
from pcgm_bench.store.source_file import documented_digest
from pcgm_bench.store.source_file import read_source

Code = type | ModuleType | Callable[..., object]
"""Something whose code can be hashed: a class, a module or a function."""
LONGEST_NAME = 32
"""Parts of a dotted name."""


def code_digest(*objects: Code, finder: ModuleFinder | None = None) -> str:
    """Hash of what the code of some classes, modules and functions does, 32 hexadecimal digits.

    Args:
        objects: their modules, and those of all base classes, are where the closure begins; their order is free.
        finder: where modules lie; by default wherever this interpreter finds them.

    Returns:
        The same for the same code, wherever it is installed.

    Raises:
        UserError: the code of an object is in no file.
    """
    return Closure(objects, finder or ModuleFinder()).digest()


def closure_files(*objects: Code, finder: ModuleFinder | None = None) -> list[Path]:
    """The files that `code_digest` hashes, sorted: source files and data files. Raises as `code_digest`."""
    return Closure(objects, finder or ModuleFinder()).paths


def dependencies(*objects: Code, finder: ModuleFinder | None = None) -> dict[str, str]:
    """Distribution -> version, of what the code imports and `code_digest` does not follow; raises as `code_digest`.

    For `pcgm_bench.store.environment.Environment.current`: another version of these may give other numbers.
    """
    by_top = distributions()
    outside = Closure(objects, finder or ModuleFinder()).outside
    return {name: metadata.version(name) for name in sorted({name for top in outside for name in by_top.get(top, [])})}


class Closure:
    """The import closure of some objects.

    Attributes:
        modules: name -> module, all that count.
        outside: top-level packages that are imported and not followed.
        is_whole: all files of the third parties' distributions count, because a module there is dynamic.
    """

    def __init__(self, objects: Iterable[Code], finder: ModuleFinder) -> None:
        """Follow all imports.

        Raises:
            UserError: the code of an object is in no file.
        """
        self._finder = finder
        self.modules: dict[str, Module] = {}
        self.outside: set[str] = set()
        self.is_whole = False
        self._reads_docstrings = False
        self._seen: set[tuple[str, bool]] = set()
        self._asked: set[str] = set()
        self._objects = tuple(objects)
        starts = [_module_of(item, finder) for given in self._objects for item in _with_bases(given)]
        self._territory = territory(starts)
        self._waiting: list[Module] = []
        for start in starts:
            self._add(start)
            self._follow(start.name, used=True)
        while self._waiting:
            while self._waiting:
                self._read(self._waiting.pop())
            for path in self.data.values():
                self._follow_known(named_in(path))
            self._take_whole()

    @property
    def files(self) -> dict[str, Path]:
        """Module -> its source file or extension."""
        return {name: module.file for name, module in self.modules.items() if module.file}

    @property
    def data(self) -> dict[str, Path]:
        """``package/file`` -> data file. Ours: of packages with a module in the closure. Others': of whole packages."""
        ours = [module for module in self.modules.values() if module.is_package and _is_own(module)]
        files = [(package, folder, own_data_files(folder)) for package in ours for folder in package.folders]
        listed = all_files if self.is_whole else data_files
        files += [(top, folder, listed(folder)) for top in self._tops() for folder in top.folders]
        return {
            f"{package.name}/{path.relative_to(folder).as_posix()}": path
            for package, folder, paths in files
            for path in paths
            if path.suffix != ".py"
        }

    @property
    def paths(self) -> list[Path]:
        """All files that count, sorted: source files and data files."""
        return sorted({*self.files.values(), *self.data.values()})

    def digest(self) -> str:
        """See `code_digest`."""
        names = sorted(_label(item) for item in self._objects)
        sources = [[name, self.source_digest(file, name)] for name, file in sorted(self.files.items())]
        data = [[name, content_digest(file)] for name, file in sorted(self.data.items())]
        return digest([names, sources, data])

    def source_digest(self, file: Path, name: str) -> str:
        """Hash of one source file of the closure, with its docstrings where third-party code reads docstrings."""
        documented = self._reads_docstrings and name.split(".")[0] != OWN
        return documented_digest(file) if documented and file.suffix == ".py" else read_source(file).digest

    def _tops(self) -> list[Module]:
        """Top-level modules and packages of third parties that belong here."""
        names = (self._territory.tops | {name.split(".")[0] for name in self.modules if "/" not in name}) - {OWN}
        tops = [top for name in sorted(names) if (top := self._finder.find(name))]
        if not self.is_whole:
            return tops
        names |= {name for top in tops for name in self._territory.beside(top)}
        tops = [top for name in sorted(names - {OWN}) if (top := self._finder.find(name))]
        return [top for top in tops if self._territory.holds(top)]

    def _take_whole(self) -> None:
        """Add every source file of the third parties' distributions, importable by name or not, if one is dynamic."""
        sources = [read_source(module.file) for module in self.modules.values() if module.file and not _is_own(module)]
        self._reads_docstrings = any(source.reads_docstrings for source in sources)
        if self.is_whole or not any(source.is_dynamic for source in sources):
            return
        self.is_whole = True
        for top in self._tops():
            self._add(top)
            for folder in top.folders:
                for path in all_files(folder):
                    if path.suffix == ".py":
                        self._add(Module(f"{top.name}/{path.relative_to(folder).as_posix()}", path))

    def _add(self, module: Module) -> None:
        if module.name not in self.modules:
            self.modules[module.name] = module
            self._waiting.append(module)

    def _read(self, module: Module) -> None:
        """Follow what a module names."""
        if module.file is None:
            return
        source = read_source(module.file)
        for reference in source.references:
            self._follow(reference.absolute(module.name, module.is_package), used=reference.used)
        self._follow_known(source.texts)
        if source.is_open:
            self._name_all(module)
            package = module if module.is_package else self._finder.find(module.name.rpartition(".")[0])
            for inner in self._finder.below(package) if package else []:
                self._follow(inner.name, used=True)

    def _follow_known(self, names: Iterable[str]) -> None:
        """Follow dotted names that are written as text, where their top-level package is in the closure already."""
        for name in names:
            if "." in name and name.split(".")[0] in self.modules:
                self._follow(name, used=True)

    def _follow(self, name: str, *, used: bool) -> None:
        """Add the modules along a dotted name, and what the last one's ``__getattr__`` can import for the rest."""
        if not name or (name, used) in self._seen:
            return
        self._seen.add((name, used))
        parts = name.split(".")
        if len(parts) > LONGEST_NAME:
            return  # a name that is imported from itself, under another name
        top = self._finder.find(parts[0])
        if top is None or not self._territory.holds(top):
            self.outside.add(parts[0])
            return
        last, depth = top, 1
        self._add(top)
        while depth < len(parts) and (inner := self._finder.find(".".join(parts[: depth + 1]))):
            last, depth = inner, depth + 1
            self._add(inner)
        self._take(last, parts[depth:], used=used)

    def _take(self, module: Module, rest: list[str], *, used: bool) -> None:
        """A name is taken from a module, or (without a rest) the module itself is used."""
        if module.file is None or not (rest or used):
            return
        source = read_source(module.file)
        for origin in source.bindings.get(rest[0], []) if rest else []:
            name = origin.absolute(module.name, module.is_package)
            self._follow(".".join([name, *rest[1:]]), used=used)
        if source.has_getattr and not (rest and rest[0] in source.defined):
            self._name_all(module)

    def _name_all(self, module: Module) -> None:
        """Follow everything that a module's file can name."""
        if module.file is None or module.name in self._asked:
            return
        self._asked.add(module.name)
        for reference in read_source(module.file).nameable:
            self._follow(reference.absolute(module.name, module.is_package), used=True)


def _is_own(module: Module) -> bool:
    return module.name.split(".")[0] == OWN


def _with_bases(item: Code) -> list[Code]:
    """An object and, of a class, its base classes that are code of pcgm-bench or of a plugin.

    A base class that derives from one of ours is a plugin's, whichever distribution it is in.
    """
    if isinstance(item, partial):
        return _with_bases(item.func)
    if not isinstance(item, type):
        return [item]
    return [base for base in item.__mro__ if base is item or _is_ours(base)]


def _is_ours(base: type) -> bool:
    return any(ancestor.__module__.split(".")[0] == OWN for ancestor in base.__mro__)


def _module_of(item: Code, finder: ModuleFinder) -> Module:
    name = item.__name__ if isinstance(item, ModuleType) else item.__module__
    module = finder.find(name)
    if module is not None and name != "__main__":
        return module
    try:
        return Module(name, Path(inspect.getfile(item)))
    except (TypeError, OSError) as error:
        msg = f"{name}.{_label(item)}: its code is in no file, so its results have no key; put it into a module"
        raise UserError(msg) from error


def _label(item: Code) -> str:
    if isinstance(item, partial):
        return _label(item.func)
    return item.__name__ if isinstance(item, ModuleType) else f"{item.__module__}:{item.__qualname__}"
