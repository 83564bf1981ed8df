"""The toy plugins of `toy_plugins`, with some others beside them or in their place."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from toy_plugins import TOYS

from pcgm_bench import registry
from pcgm_bench.registry import Kind
from pcgm_bench.registry import Plugin


def register(monkeypatch: pytest.MonkeyPatch, changes: Mapping[Kind, Mapping[str, str]]) -> None:
    """Make the registry list the toys and these (kind -> name -> ``module:Class``); they replace a toy of the name."""
    table = {kind: {**toys, **changes.get(kind, {})} for kind, toys in TOYS.items()}

    def listed(kind: Kind) -> list[Plugin]:
        return [Plugin(kind, name, target, "toys", "1") for name, target in table[kind].items()]

    monkeypatch.setattr(registry, "_found", listed)
