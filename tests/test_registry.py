"""The registry: lists without importing, suggests, survives broken plugins, knows where they come from."""

from __future__ import annotations

import importlib
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from pcgm_bench import __version__
from pcgm_bench import registry
from pcgm_bench.contracts import UserError
from pcgm_bench.registry import KINDS
from pcgm_bench.registry import Plugin

GOOD = """
class Card: pass
class Mine:
    card = Card()
"""


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package with a working plugin, a broken one, one that is not there, and one of our names."""
    (tmp_path / "acme_plugin.py").write_text(GOOD)
    (tmp_path / "acme_broken.py").write_text("raise RuntimeError('no\\nlicence')")
    info = tmp_path / "acme_brains-2.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-brains\nVersion: 2.5\n")
    (info / "entry_points.txt").write_text(
        "[pcgm_bench.methods]\n"
        "acme = acme_plugin:Mine\n"
        "crash = acme_broken:Mine\n"
        "gone = acme_plugin:Other\n"
        "pcgm = acme_plugin:Mine\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    return tmp_path


def test_ours_are_listed() -> None:
    names = {kind: [plugin.name for plugin in registry.plugins(kind)] for kind in KINDS}
    assert {"pcgm", "oracle", "copy-input", "random-other"} <= set(names["methods"])
    assert "aud" in names["studies"]
    assert "phantom" in names["cohorts"]
    assert {"unet", "truth", "folder"} <= set(names["segmenters"])
    pcgm = registry.find("methods", "pcgm")
    assert (pcgm.is_own, pcgm.origin) == (True, f"pcgm-bench {__version__}")


@pytest.mark.parametrize("kind", KINDS)
def test_every_plugin_of_ours_imports(kind: registry.Kind) -> None:
    problems = {plugin.name: plugin.problem() for plugin in registry.plugins(kind) if plugin.is_own}
    assert not any(problems.values()), problems


@pytest.mark.parametrize("kind", KINDS)
def test_installed_entry_points_are_those_of_pyproject(kind: registry.Kind) -> None:
    import tomllib

    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    installed = {e.name: e.value for e in entry_points(group=f"pcgm_bench.{kind}") if e.dist.name == registry.OWN}
    assert installed == project["entry-points"][f"pcgm_bench.{kind}"]


def test_listing_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from pcgm_bench import registry\n"
        "[registry.plugins(kind) for kind in registry.KINDS]\n"
        "print([m for m in ('numpy', 'pandas', 'torch', 'pcgm_bench.methods') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_unknown_name_suggests() -> None:
    with pytest.raises(UserError, match=r"unknown method 'pcmg'; did you mean pcgm\? There are: .*oracle"):
        registry.get("methods", "pcmg")
    with pytest.raises(UserError, match=r"unknown study 'zzz'\. There are: .*aud"):
        registry.get("studies", "zzz")


def test_third_party_plugin_works(third_party: Path) -> None:
    plugin = registry.find("methods", "acme")
    assert (plugin.is_own, plugin.origin) == (False, "acme-brains 2.5")
    assert registry.get("methods", "acme").__name__ == "Mine"


@pytest.mark.parametrize(("name", "reason"), [("crash", "RuntimeError: no licence"), ("gone", "AttributeError")])
def test_broken_third_party_plugin_is_reported_and_harms_nobody(third_party: Path, name: str, reason: str) -> None:
    assert {"pcgm", "acme", "crash", "gone"} <= {plugin.name for plugin in registry.plugins("methods")}
    with pytest.raises(UserError, match=rf"method '{name}' is broken: {reason}.*acme-brains 2\.5"):
        registry.get("methods", name)
    assert "acme-brains 2.5" in registry.find("methods", name).problem()


def test_ours_keeps_its_name(third_party: Path) -> None:
    assert registry.find("methods", "pcgm").is_own
    other = registry.find("methods", "pcgm@acme-brains")
    assert (other.name, other.distribution) == ("pcgm@acme-brains", "acme-brains")
    assert registry.get("methods", "pcgm@acme-brains").__name__ == "Mine"


def test_our_own_broken_plugin_is_a_bug() -> None:
    broken = Plugin("methods", "x", "pcgm_bench.nowhere:X", registry.OWN, "0")
    with pytest.raises(ModuleNotFoundError):
        broken.load()
