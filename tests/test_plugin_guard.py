"""The guard around a plugin's code: one error with method, package, version, what it did, and where."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from pcgm_bench.contracts import PluginError
from pcgm_bench.contracts import UserError
from pcgm_bench.plugin_guard import LONGEST
from pcgm_bench.plugin_guard import WrongReturn
from pcgm_bench.plugin_guard import guarded
from pcgm_bench.registry import Plugin

PLUGIN = Plugin("methods", "deep", "guard_toy.gen:Deep", "guard-toy", "2.5")
CODE = """
import sys
from guard_toy.parts import inner

class Deep:
    def __init__(self):
        self.made = 0

    def image(self, how):
        self.made += 1
        if how == "exit":
            sys.exit(0)
        if how == "late" and self.made == 17:
            raise ValueError("seventeen")
        if how == "helper":
            inner.fail()
        if how == "library":
            import json
            json.loads("{")
        if how == "long":
            raise ValueError("x" * 5000)
"""
HELPER = """
def fail():
    raise RuntimeError("out of\\nmemory")
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A package with a helper module below."""
    (tmp_path / "guard_toy" / "parts").mkdir(parents=True)
    (tmp_path / "guard_toy" / "__init__.py").write_text("")
    (tmp_path / "guard_toy" / "parts" / "__init__.py").write_text("")
    (tmp_path / "guard_toy" / "parts" / "inner.py").write_text(HELPER)
    (tmp_path / "guard_toy" / "gen.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield importlib.import_module("guard_toy.gen")
    for name in [name for name in sys.modules if name.startswith("guard_toy")]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("exit", "scan sub-001: SystemExit: it ended the process, exit code 0 (guard_toy/gen.py:12)"),
        ("helper", "scan sub-001: RuntimeError: out of memory (guard_toy/parts/inner.py:3)"),
        ("library", "scan sub-001: JSONDecodeError: Expecting property name enclosed in double quotes: "
                    "line 1 column 2 (char 1) (guard_toy/gen.py:19)"),
    ],
)  # fmt: skip
def test_whatever_is_raised_is_named_with_its_line(module: ModuleType, how: str, said: str) -> None:
    with pytest.raises(PluginError) as caught, guarded(PLUGIN, "scan sub-001"):
        module.Deep().image(how)
    assert str(caught.value) == f"method 'deep' (guard-toy 2.5): {said}"
    assert (caught.value.plugin, caught.value.origin) == ("method 'deep'", "guard-toy 2.5")


def test_the_scan_at_which_it_happens_is_named(module: ModuleType) -> None:
    deep = module.Deep()

    def make_all() -> None:
        for number in range(1, 21):
            with guarded(PLUGIN, f"scan sub-{number:03}"):
                deep.image("late")

    with pytest.raises(PluginError, match=r"scan sub-017: ValueError: seventeen \(guard_toy/gen.py:14\)"):
        make_all()
    assert deep.made == 17


def test_a_call_that_never_reaches_the_plugin_names_no_line(module: ModuleType) -> None:
    with (
        pytest.raises(PluginError, match=r"adapting: TypeError: .*missing 1 required.*'how'$"),
        guarded(PLUGIN, "adapting"),
    ):
        module.Deep().image()


def test_a_users_error_and_a_wrong_return_keep_their_text() -> None:
    for error in (UserError("train it\nfirst"), WrongReturn("train it first")):
        with (
            pytest.raises(PluginError, match=r"adapting to fold 2: train it first$"),
            guarded(PLUGIN, "adapting to fold 2"),
        ):
            raise error


def test_a_plugin_inside_another_is_named_once() -> None:
    other = Plugin("metrics", "inner", "x:Y", "other", "1")
    said = r"^metric 'inner' \(other 1\): measuring: ValueError"
    with pytest.raises(PluginError, match=said), guarded(PLUGIN, "scoring"), guarded(other, "measuring"):
        raise ValueError


@pytest.mark.parametrize("error", [KeyboardInterrupt, GeneratorExit])
def test_an_interrupt_passes(error: type[BaseException]) -> None:
    with pytest.raises(error), guarded(PLUGIN, "scan sub-001"):
        raise error


def test_a_stop_of_an_iteration_and_long_texts_are_errors_like_others(module: ModuleType) -> None:
    with pytest.raises(PluginError, match=r"drawing: StopIteration$"), guarded(PLUGIN, "drawing"):
        next(iter(()))
    with pytest.raises(PluginError) as caught, guarded(PLUGIN, "drawing"):
        module.Deep().image("long")
    assert len(str(caught.value)) < LONGEST + 100
