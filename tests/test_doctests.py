"""The examples in the docstrings say what the code does."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import pcgm_bench

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(pcgm_bench.__path__, "pcgm_bench.")
    if not module.name.endswith("__main__")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder()
    assert sum(bool(test.examples) for name in MODULES for test in finder.find(importlib.import_module(name))) >= 15
