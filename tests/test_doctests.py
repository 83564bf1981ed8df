"""The examples in the docstrings say what the code does, and every metric's docstring says what it must."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re

import pytest

import pcgm_bench
from pcgm_bench import registry

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(pcgm_bench.__path__, "pcgm_bench.")
    if not module.name.endswith("__main__")
)
METRICS = [plugin.name for plugin in registry.plugins("metrics") if plugin.is_own]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder()
    assert sum(bool(test.examples) for name in MODULES for test in finder.find(importlib.import_module(name))) >= 15


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_says_its_bias_and_its_known_failure_and_shows_an_example(name: str) -> None:
    text = re.sub(r"\s+", " ", registry.get("metrics", name).__doc__)
    assert re.search(r"\b([Bb]ias|[Uu]nbiased)", text)
    assert "Known failure" in text
    assert ">>> " in text


def test_every_metric_of_the_package_is_asked() -> None:
    assert len(METRICS) >= 32
