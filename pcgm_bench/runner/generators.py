"""Generators by name, with their weights: what a row of a run is made by."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from functools import partial
from pathlib import Path
from typing import Any

from pcgm_bench import registry
from pcgm_bench.contracts import Card
from pcgm_bench.contracts import Generator
from pcgm_bench.contracts import Job
from pcgm_bench.contracts import UserError
from pcgm_bench.contracts.settings import changed_settings
from pcgm_bench.contracts.settings import read_settings
from pcgm_bench.contracts.settings import texts_of
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
        digest: version, hash of the code that its class imports, hash of its weights, and changed settings.
        build: makes it, configured, without weights.
        settings: name -> text of all its settings; none of an image folder.
        changed: those that are not at their defaults.
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
    settings: Mapping[str, str] = field(default_factory=dict)
    changed: Mapping[str, str] = field(default_factory=dict)

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


def find_generator(
    name: str, home: Path, weights: Path | None = None, of: str = "", settings: Mapping[str, str] | None = None
) -> GeneratorSpec:
    """A registered generator.

    Args:
        name: as registered.
        home: where trained weights are kept.
        weights: a folder of weights instead of the installed ones.
        of: the package that names it in its code, see `registry.find`; empty for a user.
        settings: name -> text, as the user gave them.

    Raises:
        UserError: unknown name or setting, a value that is not allowed, or weights that are not there, incomplete or
            damaged.
        PluginError: it cannot be imported.
    """
    plugin = registry.find("methods", name, of)
    cls: type[Generator] = plugin.load()
    given = read_settings(cls.settings_type, settings or {}, name)
    changed = changed_settings(given)
    folder = find_weights(cls, plugin, home, weights, weights_label(cls, changed))
    if folder is None and cls.card.needs_weights:
        options = "".join(f" --set {key}={changed[key]}" for key in sorted(cls.training_settings & set(changed)))
        raise UserError(f"{name} has no weights yet; train them with `pcgm-bench fit --method {name}{options}`")
    content = read_note(folder).digest if folder else ""
    code = [cls.card.version, plugin.origin.split()[0], plugin_code(plugin, cls), content]
    return GeneratorSpec(
        name=name,
        card=cls.card,
        origin=plugin.origin,
        digest=digest([*code, changed] if changed else code)[:24],
        build=partial(configured, cls, given),
        weights=folder,
        adapts_slowly=cls.adapts_slowly,
        refit_replicates=cls.refit_replicates,
        dependencies=plugin_dependencies(plugin, cls),
        plugin=plugin,
        settings=texts_of(given),
        changed=changed,
    )


def configured(cls: type[Generator], settings: Any) -> Generator:
    """A generator with these settings."""
    generator = cls()
    generator.configure(settings)
    return generator


def weights_label(cls: type[Generator], changed: Mapping[str, str]) -> str:
    """What the weights for these settings are called besides the method's name: ``-paper``; empty by default."""
    return "".join(f"-{changed[name]}" for name in sorted(cls.training_settings & set(changed)))


def find_weights(
    cls: type[Generator], plugin: registry.Plugin, home: Path, asked: Path | None = None, label: str = ""
) -> Path | None:
    """The folder of a method's weights: asked for, else made by ``fit``, else shipped with its code, else another's.

    Those of other training settings (``label``) are ``weights/pcgm-paper`` at home, and lie in ``weights-paper`` beside
    the others in a package.

    Raises:
        UserError: the folder asked for is not there.
    """
    if asked is not None:
        if not asked.is_dir():
            raise UserError(f"{asked}: no such folder of weights; leave --weights out to use those that are installed")
        return asked
    trained, shipped = home / "weights" / f"{plugin.name}{label}", cls.weights_folder
    if shipped is not None and label:
        shipped = shipped.with_name(f"{shipped.name}{label}")
    for folder in (trained, shipped):
        if folder is not None and folder.is_dir():
            return folder
    if cls.weights_of:
        other = registry.find("methods", cls.weights_of, plugin.distribution)
        return find_weights(other.load(), other, home, label=label)
    return None


def who_can(job: Job) -> str:
    """End of an error line: the installed methods that list a job, controls aside."""
    cards = [plugin.load().card for plugin in registry.plugins("methods") if not plugin.problem()]
    names = [card.name for card in cards if job in card.jobs and not card.is_control]
    return f"these can: {', '.join(sorted(names)) or 'none'}"
