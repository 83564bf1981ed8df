"""An edit is noticed by a process that has loaded the older code: it stores nothing more."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pcgm_bench.contracts import UserError
from pcgm_bench.registry import Plugin
from pcgm_bench.runner import plugin_code


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plugin]:
    """A package of three files, loaded."""
    folder = tmp_path / "watched_kit"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "gen.py").write_text("from watched_kit import net\nclass Gen: pass\n")
    (folder / "net.py").write_text("FACTOR = 1\n")
    (folder / "sizes.json").write_text("{}")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(plugin_code, "_READ", {})
    yield Plugin("methods", "gen", "watched_kit.gen:Gen", "kit", "1")
    for name in [name for name in sys.modules if name.split(".")[0] == "watched_kit"]:
        del sys.modules[name]


def key(plugin: Plugin) -> str:
    return plugin_code.plugin_code(plugin, importlib.import_module(plugin.module).Gen)


@pytest.mark.parametrize("name", ["net.py", "sizes.json"])
def test_an_edit_of_what_is_loaded_is_refused(plugin: Plugin, tmp_path: Path, name: str) -> None:
    key(plugin)
    plugin_code.check_unchanged()
    (tmp_path / "watched_kit" / name).write_text("FACTOR = 22\n")
    with pytest.raises(UserError, match=f"{name}: edited since this process read it"):
        plugin_code.check_unchanged()
    with pytest.raises(UserError, match="restart the kernel"):
        key(plugin)


def test_a_comment_is_no_edit(plugin: Plugin, tmp_path: Path) -> None:
    before = key(plugin)
    (tmp_path / "watched_kit" / "net.py").write_text("FACTOR = 1  # a comment\n")
    plugin_code.check_unchanged()
    assert key(plugin) == before


def test_what_is_loaded_anew_is_accepted(plugin: Plugin, tmp_path: Path) -> None:
    before = key(plugin)
    (tmp_path / "watched_kit" / "net.py").write_text("FACTOR = 22\n")
    importlib.reload(sys.modules["watched_kit.net"])
    assert key(plugin) != before
    plugin_code.check_unchanged()
