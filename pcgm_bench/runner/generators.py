"""Generators by name, with their weights: what a row of a run is made by."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

from pcgm_bench import registry
from pcgm_bench.contracts import Card
from pcgm_bench.contracts import Generator
from pcgm_bench.contracts import Job
from pcgm_bench.contracts import UserError
from pcgm_bench.plugin_guard import WrongReturn
from pcgm_bench.runner.calling import calling
from pcgm_bench.runner.plugin_code import plugin_code
from pcgm_bench.runner.plugin_code import plugin_dependencies
from pcgm_bench.store import digest
from pcgm_bench.store.derivative_folder import DamagedFileError
from pcgm_bench.store.weights import read_note


@dataclass(frozen=True)
class GeneratorSpec:
    """A generator that can be opened.

    Attributes:
        name: registered, or of the row of an image folder.
        card: identity.
        origin: package and version; of an image folder, its path.
        digest: version, hash of the code that its class imports, and hash of its weights.
        build: makes it, without weights.
        weights: its folder of weights; None where it needs none.
        adapts_slowly: see `Generator`.
        refit_replicates: likewise.
        dependencies: distribution -> version, of what a third party's code imports from others.
        plugin: where it comes from; None for an image folder.
    """

    name: str
    card: Card
    origin: str
    digest: str
    build: Callable[[], Generator]
    weights: Path | None = None
    adapts_slowly: bool = False
    refit_replicates: int = 0
    dependencies: Mapping[str, str] = field(default_factory=dict)
    plugin: registry.Plugin | None = None

    def open(self, device: str) -> Generator:
        """The generator, ready to work; raises PluginError where it cannot be made or loaded."""
        with self.guarded("loading it"):
            generator = self.build()
            if self.weights is not None:
                generator.load(self.weights)
            generator.to(device)
        return generator

    @contextlib.contextmanager
    def guarded(self, doing: str) -> Iterator[None]:
        """Name the plugin in what goes wrong inside; what is wrong with images made elsewhere is the user's error."""
        if self.plugin is not None:
            with calling(self.plugin, doing, DamagedFileError):
                yield
            return
        try:
            yield
        except WrongReturn as error:
            raise UserError(f"{self.name}: {doing}: {error}") from error


def find_generator(name: str, home: Path, weights: Path | None = None, of: str = "") -> GeneratorSpec:
    """A registered generator.

    Args:
        name: as registered.
        home: where trained weights are kept.
        weights: a folder of weights instead of the installed ones.
        of: the package that names it in its code, see `registry.find`; empty for a user.

    Raises:
        UserError: unknown name, or weights that are not there, incomplete or damaged.
        PluginError: it cannot be imported.
    """
    plugin = registry.find("methods", name, of)
    cls: type[Generator] = plugin.load()
    folder = find_weights(cls, plugin, home, weights)
    if folder is None and cls.card.needs_weights:
        raise UserError(f"{name} has no weights yet; train them with `pcgm-bench fit --method {name}`")
    content = read_note(folder).digest if folder else ""
    return GeneratorSpec(
        name=name,
        card=cls.card,
        origin=plugin.origin,
        digest=digest([cls.card.version, plugin.origin.split()[0], plugin_code(plugin, cls), content])[:24],
        build=cls,
        weights=folder,
        adapts_slowly=cls.adapts_slowly,
        refit_replicates=cls.refit_replicates,
        dependencies=plugin_dependencies(plugin, cls),
        plugin=plugin,
    )


def find_weights(cls: type[Generator], plugin: registry.Plugin, home: Path, asked: Path | None = None) -> Path | None:
    """The folder of a method's weights: asked for, else made by ``fit``, else shipped with its code, else another's.

    Raises:
        UserError: the folder asked for is not there.
    """
    if asked is not None:
        if not asked.is_dir():
            raise UserError(f"{asked}: no such folder of weights; leave --weights out to use those that are installed")
        return asked
    trained = home / "weights" / plugin.name
    for folder in (trained, cls.weights_folder):
        if folder is not None and folder.is_dir():
            return folder
    if cls.weights_of:
        other = registry.find("methods", cls.weights_of, plugin.distribution)
        return find_weights(other.load(), other, home)
    return None


def who_can(job: Job) -> str:
    """End of an error line: the installed methods that list a job, controls aside."""
    cards = [plugin.load().card for plugin in registry.plugins("methods") if not plugin.problem()]
    names = [card.name for card in cards if job in card.jobs and not card.is_control]
    return f"these can: {', '.join(sorted(names)) or 'none'}"
