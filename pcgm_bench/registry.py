"""Plugins by name, through entry points: methods, studies, metrics, feature spaces, cohorts and segmenters.

An entry point names ``module:Class``, so listing imports no plugin. Our own plugins come in exactly the way a third
party's do. A broken plugin never takes the others down: it fails when it is asked for, with its distribution named.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from importlib.metadata import entry_points
from typing import Any
from typing import Literal
from typing import get_args

Kind = Literal["methods", "studies", "metrics", "features", "cohorts", "segmenters"]
KINDS: tuple[Kind, ...] = get_args(Kind)
OWN = "pcgm-bench"


@dataclass(frozen=True)
class Plugin:
    """One entry point, not yet imported.

    Attributes:
        kind: one of `KINDS`.
        name: what the user types.
        target: ``module:Class``.
        distribution: the installed package it came from; ``unknown`` if its metadata does not say.
        version: that package's version.
    """

    kind: Kind
    name: str
    target: str
    distribution: str
    version: str

    @property
    def is_own(self) -> bool:
        """Whether pcgm-bench itself brings it."""
        return self.distribution == OWN

    @property
    def origin(self) -> str:
        """``pcgm-bench 0.1.0``."""
        return f"{self.distribution} {self.version}"

    def load(self) -> Any:
        """Import and return the plugin.

        Raises:
            UserError: a third party's plugin does not import, naming the package and the error.
            Exception: our own plugin does not import: a bug, shown as such.
        """
        try:
            return EntryPoint(self.name, self.target, f"pcgm_bench.{self.kind}").load()
        except Exception as error:
            if self.is_own:
                raise
            raise _user_error(f"{_singular(self.kind)} {self.name!r} is broken: {self._reason(error)}") from error

    def problem(self) -> str:
        """Why it does not import; empty when it does."""
        try:
            EntryPoint(self.name, self.target, f"pcgm_bench.{self.kind}").load()
        except Exception as error:
            return self._reason(error)
        return ""

    def _reason(self, error: Exception) -> str:
        text = " ".join(str(error).split())
        return f"{type(error).__name__}: {text} (package {self.origin}; mend or uninstall it)"


def plugins(kind: Kind) -> list[Plugin]:
    """Every plugin of a kind, by name, without importing any.

    When two packages claim one name ours keeps it (else the alphabetically first package does); the other is reached
    as ``name@package``.

    Example:
        >>> "pcgm" in [plugin.name for plugin in plugins("methods")]
        True
    """
    taken: dict[str, Plugin] = {}
    for plugin in sorted(_found(kind), key=lambda p: (not p.is_own, p.distribution)):
        name = plugin.name if plugin.name not in taken else f"{plugin.name}@{plugin.distribution}"
        taken.setdefault(name, Plugin(kind, name, plugin.target, plugin.distribution, plugin.version))
    return sorted(taken.values(), key=lambda plugin: plugin.name)


def find(kind: Kind, name: str) -> Plugin:
    """The plugin of this name, not imported.

    Raises:
        UserError: nothing has this name; says what was perhaps meant and what there is.
    """
    known = {plugin.name: plugin for plugin in plugins(kind)}
    if name in known:
        return known[name]
    raise _user_error(f"unknown {_singular(kind)} {name!r}{suggestion(name, known)}")


def get(kind: Kind, name: str) -> Any:
    """Import the plugin of this name; raises as `find` and `Plugin.load` do."""
    return find(kind, name).load()


def suggestion(name: str, known: Iterable[str]) -> str:
    """End of an error line: what was perhaps meant, and what there is.

    >>> suggestion("pcmg", ["pcgm", "oracle"])
    '; did you mean pcgm? There are: oracle, pcgm'
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    meant = f"; did you mean {close[0]}?" if close else "."
    return f"{meant} There are: {', '.join(names) or 'none'}"


def _found(kind: Kind) -> list[Plugin]:
    """One plugin an entry point; an entry listed twice by the same package (two metadata folders) counts once."""
    found: dict[tuple[str, str], Plugin] = {}
    for entry in entry_points(group=f"pcgm_bench.{kind}"):
        distribution = entry.dist.name if entry.dist else "unknown"
        version = entry.dist.version if entry.dist else "?"
        found.setdefault((entry.name, distribution), Plugin(kind, entry.name, entry.value, distribution, version))
    return list(found.values())


def _singular(kind: Kind) -> str:
    return {"studies": "study", "features": "feature space"}.get(kind, kind[:-1])


def _user_error(text: str) -> Exception:
    # Imported here because the contracts import NumPy, and `pcgm-bench --help` must not.
    from pcgm_bench.contracts import UserError

    return UserError(text)
