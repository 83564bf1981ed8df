"""Plugins by name, through entry points: methods, studies, metrics, feature spaces, cohorts and segmenters.

An entry point names ``module:Class``, so listing imports no plugin. Our own plugins come in exactly the way a third
party's do. A broken plugin never takes the others down: it fails when it is asked for, with its package named.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import replace
from importlib.metadata import EntryPoint
from importlib.metadata import entry_points
from typing import TYPE_CHECKING
from typing import Any
from typing import Literal
from typing import get_args
from typing import overload

from pcgm_bench import plugin_names
from pcgm_bench.plugin_guard import guarded

if TYPE_CHECKING:
    from pcgm_bench.contracts import CohortSource
    from pcgm_bench.contracts import FeatureExtractor
    from pcgm_bench.contracts import Generator
    from pcgm_bench.contracts import Metric
    from pcgm_bench.contracts import ReadingStudy
    from pcgm_bench.contracts import Segmenter
    from pcgm_bench.contracts import Study

Kind = Literal["methods", "studies", "metrics", "features", "cohorts", "segmenters"]
KINDS: tuple[Kind, ...] = get_args(Kind)
OWN = "pcgm-bench"


@dataclass(frozen=True)
class Plugin:
    """One entry point, not yet imported.

    Attributes:
        kind: one of `KINDS`.
        name: what the user types: the entry point's name, or ``name@package`` where two packages claim it.
        target: ``module:Class``.
        distribution: the installed package it came from; ``unknown`` if its metadata does not say.
        version: that package's version.
        fault: what is wrong with the name itself; empty where nothing is.
    """

    kind: Kind
    name: str
    target: str
    distribution: str
    version: str
    fault: str = ""

    @property
    def is_own(self) -> bool:
        """Whether pcgm-bench itself brings it."""
        return self.distribution == OWN

    @property
    def origin(self) -> str:
        """``pcgm-bench 0.1.0``."""
        return f"{self.distribution} {self.version}"

    @property
    def label(self) -> str:
        """``method 'pcgm'``."""
        return f"{_singular(self.kind)} {self.name!r}"

    @property
    def module(self) -> str:
        """``pcgm_bench.methods.pcgm``."""
        return self.target.partition(":")[0]

    @property
    def entry_name(self) -> str:
        """Name of the entry point, without the package."""
        return self.name.partition("@")[0]

    def load(self) -> type[Any]:
        """Import the plugin, and check that it is one.

        Raises:
            PluginError: it cannot be used; names the package, what is wrong and where.
        """
        from pcgm_bench.plugin_contract import checked
        from pcgm_bench.plugin_guard import WrongReturn

        with guarded(self, "while loading"):
            if self.fault:
                raise WrongReturn(self.fault)
            loaded = EntryPoint(self.entry_name, self.target, f"pcgm_bench.{self.kind}").load()
            return checked(self.kind, self.entry_name, loaded)

    def problem(self) -> str:
        """Why it cannot be used; empty when it can."""
        from pcgm_bench.contracts.errors import PluginError

        try:
            self.load()
        except PluginError as error:
            return error.problem
        return ""


def plugins(kind: Kind) -> list[Plugin]:
    """Every plugin of a kind, by name, without importing any.

    Where two packages claim one name, both are ``name@package``, ours too. A plugin whose name cannot be used is
    listed with its `Plugin.fault`.

    Example:
        >>> "pcgm" in [plugin.name for plugin in plugins("methods")]
        True
    """
    entries = _found(kind)
    claims = Counter(plugin.name for plugin in entries)
    named = []
    for plugin in entries:
        name = plugin.name if claims[plugin.name] == 1 else f"{plugin.name}@{plugin.distribution}"
        fault = plugin_names.fault(plugin.name, is_row=kind == "methods")
        named.append(replace(plugin, name=name, fault=fault))
    return sorted(named, key=lambda plugin: plugin.name)


def find(kind: Kind, name: str, of: str = "") -> Plugin:
    """The plugin of this name, not imported.

    Args:
        kind: one of `KINDS`.
        name: as listed.
        of: the package in whose code the name is written, if it was no user: where several packages claim the name,
            it means the one of its own. So nobody's package can take a control away from our studies.

    Raises:
        UserError: nothing has this name, or several packages claim it; says what there is.
    """
    known = {plugin.name: plugin for plugin in plugins(kind)}
    if name in known:
        return known[name]
    if of and f"{name}@{of}" in known:
        return known[f"{name}@{of}"]
    if several := [other for other, plugin in known.items() if plugin.entry_name == name]:
        raise _user_error(f"{len(several)} packages claim {_singular(kind)} {name!r}; write {' or '.join(several)}")
    raise _user_error(f"unknown {_singular(kind)} {name!r}{suggestion(name, known)}")


@overload
def get(kind: Literal["methods"], name: str, of: str = "") -> type[Generator]: ...
@overload
def get(kind: Literal["studies"], name: str, of: str = "") -> type[Study | ReadingStudy]: ...
@overload
def get(kind: Literal["metrics"], name: str, of: str = "") -> type[Metric[Any]]: ...
@overload
def get(kind: Literal["features"], name: str, of: str = "") -> type[FeatureExtractor]: ...
@overload
def get(kind: Literal["cohorts"], name: str, of: str = "") -> type[CohortSource]: ...
@overload
def get(kind: Literal["segmenters"], name: str, of: str = "") -> type[Segmenter]: ...
@overload
def get(kind: Kind, name: str, of: str = "") -> type[Any]: ...
def get(kind: Kind, name: str, of: str = "") -> type[Any]:
    """Import the plugin of this name; raises as `find` and `Plugin.load` do."""
    return find(kind, name, of).load()


def origin(kind: Kind, name: str, of: str = "") -> str:
    """Package and version that a plugin comes from: ``pcgm-bench 0.2.0``; raises as `find` does."""
    return find(kind, name, of).origin


def check_name(name: str, what: str, rows: Iterable[str] = ()) -> None:
    """Refuse a name for images made elsewhere that is, or shares a folder with, somebody else's.

    Args:
        name: that the user gave.
        what: where it was given, for the message: ``--name``.
        rows: of the study, by name.

    Raises:
        UserError: it is no safe name of a folder, is reserved, or belongs to a registered method or another row.
    """
    if fault := plugin_names.fault(name, is_row=True):
        raise _user_error(f"{what} {name}: {fault}")
    taken = {**{plugin.entry_name: "registered method" for plugin in plugins("methods")}, **dict.fromkeys(rows, "row")}
    for other, kind in taken.items():
        if plugin_names.folder(other) == plugin_names.folder(name):
            shared = "" if other == name else f", and {other!r} has the same folder"
            raise _user_error(f"{what} {name}: there is a {kind} of that name{shared}; choose another name")


def check_rows(rows: Iterable[str]) -> None:
    """Refuse rows of one run that would share a folder.

    Raises:
        UserError: two of them do; names both.
    """
    owner: dict[str, str] = {}
    for row in rows:
        other = owner.setdefault(plugin_names.folder(row), row)
        if other != row:
            raise _user_error(f"rows {other!r} and {row!r} share a folder; rename one of them")


def suggestion(name: str, known: Iterable[str]) -> str:
    """End of an error line: what was perhaps meant, and what there is.

    >>> suggestion("pcmg", ["pcgm", "oracle"])
    '; did you mean pcgm? There are: oracle, pcgm'
    """
    names = sorted(known)
    lower = {known_name.lower(): known_name for known_name in names}
    close = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.5)
    meant = f"; did you mean {lower[close[0]]}?" if close else "."
    return f"{meant} There are: {', '.join(names) or 'none'}"


def _found(kind: Kind) -> list[Plugin]:
    """One plugin an entry point; an entry listed twice by the same package (two metadata folders) counts once."""
    listed: dict[tuple[str, str], Plugin] = {}
    # The metadata of a package is parsed each time that its name is asked for: once a package is enough.
    known: dict[int, tuple[str, str]] = {}
    for entry in entry_points(group=f"pcgm_bench.{kind}"):
        if id(entry.dist) not in known:
            known[id(entry.dist)] = (entry.dist.name, entry.dist.version) if entry.dist else ("unknown", "?")
        distribution, version = known[id(entry.dist)]
        listed.setdefault((entry.name, distribution), Plugin(kind, entry.name, entry.value, distribution, version))
    return list(listed.values())


def _singular(kind: Kind) -> str:
    return {"studies": "study", "features": "feature space"}.get(kind, kind[:-1])


def _user_error(text: str) -> Exception:
    # Imported here because the contracts import NumPy, and `pcgm-bench --help` must not.
    from pcgm_bench.contracts import UserError

    return UserError(text)
