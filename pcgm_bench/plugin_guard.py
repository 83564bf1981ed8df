"""What a plugin's code raises becomes one `PluginError`: which plugin, of which package, doing what, in which line."""

from __future__ import annotations

import importlib.metadata
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Protocol

LONGEST = 300
"""Characters of an error's text that are kept."""


class Guarded(Protocol):
    """What the guard has to know of a plugin; `pcgm_bench.registry.Plugin` is one."""

    @property
    def label(self) -> str:
        """``method 'pcgm'``."""

    @property
    def origin(self) -> str:
        """Distribution and version: ``pcgm-bench 0.2.0``."""

    @property
    def distribution(self) -> str:
        """Name of the installed package."""

    @property
    def module(self) -> str:
        """Module of its class: ``pcgm_bench.methods.pcgm``."""


class WrongReturn(Exception):  # noqa: N818 (it is never seen: the guard turns it into a PluginError)
    """What a plugin returned is not what its contract says.

    The harness raises it inside `guarded`, with a text such as ``counterfactual returned None, not a NumPy array``.
    """


@contextmanager
def guarded(plugin: Guarded, doing: str) -> Iterator[None]:
    """Run a plugin's code; whatever it raises becomes a `PluginError`.

    `SystemExit` counts as well: a plugin that calls ``sys.exit(0)`` would otherwise end the run without a word.
    `KeyboardInterrupt` and `GeneratorExit` pass, and so does the `PluginError` of a plugin that this one calls.

    Args:
        plugin: whose code runs.
        doing: what it does, for the message: ``scan sub-001``, ``adapting to fold 2``.

    Raises:
        PluginError: names the plugin, its package and version, what it did, and the innermost line of its package in
            the traceback. A `UserError` of the plugin, and a `WrongReturn`, keep their text and name no line.

    Example:
        >>> from pcgm_bench import registry
        >>> with guarded(registry.find("methods", "oracle"), "scan sub-001"):
        ...     raise WrongReturn("counterfactual returned None")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        pcgm_bench.contracts.errors.PluginError: method 'oracle' (pcgm-bench ...): scan sub-001: counterfactual ...
    """
    # Imported here because the contracts import NumPy, and listing plugins must not.
    from pcgm_bench.contracts.errors import PluginError
    from pcgm_bench.contracts.errors import UserError

    try:
        yield
    except (KeyboardInterrupt, GeneratorExit, PluginError):
        raise
    except (UserError, WrongReturn) as error:
        raise PluginError(plugin.label, plugin.origin, f"{doing}: {_text(error)}") from error
    except BaseException as error:
        raise PluginError(plugin.label, plugin.origin, f"{doing}: {described(error, plugin)}") from error


def described(error: BaseException, plugin: Guarded) -> str:
    """``RuntimeError: no licence (acme_brains/gen.py:12)``; the place is left out where no line is the plugin's."""
    name = type(error).__name__
    text = _text(error)
    if isinstance(error, SystemExit):
        text = f"it ended the process, exit code {error.code!r}"
    place = _place(error, plugin)
    return f"{name}: {text}{f' ({place})' if place else ''}" if text else f"{name}{f' ({place})' if place else ''}"


def _text(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _place(error: BaseException, plugin: Guarded) -> str:
    """File and line of the innermost frame in the plugin's distribution, from its top-level package on."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{'/'.join(Path(error.filename).parts[-2:])}:{error.lineno}"
    frames = [(frame, line) for frame, line in traceback.walk_tb(error.__traceback__) if _belongs(frame, plugin)]
    if not frames:
        return ""
    frame, line = frames[-1]
    folders = _module(frame).split(".")
    file = Path(frame.f_code.co_filename).name
    # The module of a package's __init__.py is the package itself.
    return "/".join([*(folders if file == "__init__.py" else folders[:-1]), f"{file}:{line}"])


def _belongs(frame: FrameType, plugin: Guarded) -> bool:
    top = _module(frame).split(".")[0]
    if top == plugin.module.split(".")[0]:
        return True
    return plugin.distribution in importlib.metadata.packages_distributions().get(top, [])


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))
