"""The registry: lists without importing, suggests, survives broken plugins, knows where they come from."""

from __future__ import annotations

import importlib
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from pcgm_bench import __version__
from pcgm_bench import registry
from pcgm_bench.cli.list_plugins import list_plugins
from pcgm_bench.contracts import PluginError
from pcgm_bench.contracts import UserError
from pcgm_bench.doctor import examine
from pcgm_bench.registry import KINDS
from pcgm_bench.registry import Plugin

MODULES = {
    "acme_plugin": """
from pcgm_bench.contracts import Card, Generator, Metric

def card(name):
    return Card(name=name, title="t", version="1", reference="r", licence="l", jobs=frozenset())

class Mine(Generator):
    card = card("acme")
class Pcgm(Generator):
    card = card("pcgm")
class OtherName(Generator):
    card = card("somebody-else")
class BadCard(Generator):
    card = {"name": "bad-card"}
class NoCard(Generator):
    pass
class Foreign:
    card = card("foreign")
class Incomplete(Metric):
    pass
""",
    "acme_broken": "raise RuntimeError('no\\nlicence')",
    "acme_exits": "import sys\nsys.exit(3)",
    "acme_syntax": "def (:",
}
METHODS = {
    "acme": "acme_plugin:Mine",
    "crash": "acme_broken:Mine",
    "exits": "acme_exits:Mine",
    "syntax": "acme_syntax:Mine",
    "gone": "acme_plugin:Other",
    "pcgm": "acme_plugin:Pcgm",
    "other-name": "acme_plugin:OtherName",
    "bad-card": "acme_plugin:BadCard",
    "no-card": "acme_plugin:NoCard",
    "foreign": "acme_plugin:Foreign",
    "module": "acme_plugin",
    "../y": "acme_plugin:Mine",
    "a b": "acme_plugin:Mine",
    ".hidden": "acme_plugin:Mine",
    "Real": "acme_plugin:Mine",
}
WRONG = {
    "crash": r"while loading: RuntimeError: no licence \(acme_broken.py:1\)",
    "exits": r"while loading: SystemExit: it ended the process, exit code 3 \(acme_exits.py:2\)",
    "syntax": r"while loading: SyntaxError: .*acme_syntax.py:1",
    "gone": "while loading: AttributeError: .*Other",
    "other-name": "the card says 'somebody-else', the entry point 'other-name'",
    "bad-card": "the card of BadCard is of type dict, not Card",
    "no-card": "NoCard has no card",
    "foreign": "Foreign is not a subclass of Generator",
    "module": "the entry point is a module, not a subclass of Generator",
    "../y": "'../y' is no name",
    "a b": "'a b' is no name",
    ".hidden": "'.hidden' is no name",
    "Real": "the name 'Real' is reserved",
}


def install(folder: Path, distribution: str, groups: dict[str, dict[str, str]]) -> None:
    """Metadata of an installed package, as pip leaves it."""
    info = folder / f"{distribution.replace('-', '_')}-2.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 2.5\n")
    lines = [
        f"[pcgm_bench.{group}]\n" + "".join(f"{k} = {v}\n" for k, v in names.items()) for group, names in groups.items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package with a working plugin, and every kind of a broken one."""
    for name, code in MODULES.items():
        (tmp_path / f"{name}.py").write_text(code)
    install(tmp_path, "acme-brains", {"methods": METHODS, "metrics": {"incomplete": "acme_plugin:Incomplete"}})
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield tmp_path
    for name in MODULES:
        # Python itself is asked to forget the modules of this test's package.
        sys.modules.pop(name, None)


def test_ours_are_listed() -> None:
    names = {kind: [plugin.name for plugin in registry.plugins(kind)] for kind in KINDS}
    assert {"pcgm", "oracle", "copy-input", "random-other"} <= set(names["methods"])
    assert "aud" in names["studies"]
    assert "phantom" in names["cohorts"]
    assert {"unet", "truth", "folder"} <= set(names["segmenters"])
    pcgm = registry.find("methods", "pcgm")
    assert (pcgm.is_own, pcgm.origin) == (True, f"pcgm-bench {__version__}")
    assert registry.origin("methods", "pcgm") == f"pcgm-bench {__version__}"


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
    assert plugin.problem() == ""


@pytest.mark.parametrize(("name", "reason"), WRONG.items())
def test_a_broken_plugin_is_one_line_and_harms_nobody(third_party: Path, name: str, reason: str) -> None:
    assert {"oracle", "acme", name} <= {plugin.name for plugin in registry.plugins("methods")}
    with pytest.raises(PluginError, match=rf"method '{name}' \(acme-brains 2\.5\): .*{reason}") as caught:
        registry.get("methods", name)
    assert str(third_party) not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert registry.find("methods", name).problem()


def test_a_class_that_leaves_methods_open_is_refused(third_party: Path) -> None:
    with pytest.raises(PluginError, match=r"metric 'incomplete' .*Incomplete does not define measure"):
        registry.get("metrics", "incomplete")


def test_our_own_broken_plugin_is_named_too() -> None:
    broken = Plugin("methods", "x", "pcgm_bench.nowhere:X", registry.OWN, "0")
    with pytest.raises(PluginError, match=r"method 'x' \(pcgm-bench 0\): while loading: ModuleNotFoundError"):
        broken.load()


def call_list(*arguments: str) -> Any:
    app = typer.Typer()
    app.command()(list_plugins)
    return CliRunner().invoke(app, list(arguments))


def test_list_check_and_doctor_name_all_that_are_broken(third_party: Path, tmp_path: Path) -> None:
    shown = call_list("methods", "--check")
    assert f"{len(WRONG)} of" in str(shown.exception)
    for name in WRONG:
        assert any(line.startswith(name) and "BROKEN" in line for line in shown.output.splitlines()), name
    assert not any(line.startswith("acme ") and "BROKEN" in line for line in shown.output.splitlines())
    findings = {finding.what: finding for finding in examine(tmp_path)}
    assert {findings[f"methods: {name}"].level for name in WRONG} == {"missing"}
    assert findings["methods: acme"].level == "ok"


def test_a_list_without_a_reader_is_no_error() -> None:
    command = f"{sys.executable} -m pcgm_bench list metrics | true; exit ${{PIPESTATUS[0]}}"
    for _ in range(3):
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


# Names.


def test_two_packages_that_claim_one_name_are_both_called_by_their_package(third_party: Path) -> None:
    names = {plugin.name for plugin in registry.plugins("methods")}
    assert {"pcgm@acme-brains", "pcgm@pcgm-bench"} <= names
    assert "pcgm" not in names
    assert registry.get("methods", "pcgm@acme-brains").__name__ == "Pcgm"
    assert registry.find("methods", "pcgm@pcgm-bench").is_own
    with pytest.raises(UserError, match="2 packages claim method 'pcgm'; write pcgm@acme-brains or pcgm@pcgm-bench"):
        registry.get("methods", "pcgm")


def test_a_name_in_a_packages_code_means_its_own_plugin(third_party: Path) -> None:
    assert registry.find("methods", "pcgm", of="pcgm-bench").is_own
    assert registry.find("methods", "pcgm", of="acme-brains").distribution == "acme-brains"
    assert registry.find("methods", "oracle", of="acme-brains").is_own
    with pytest.raises(UserError, match="2 packages claim"):
        registry.find("methods", "pcgm", of="third")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("real", "reserved"),
        ("Cohort", "reserved"),
        ("oracle", "registered method of that name"),
        ("pcgm", "registered method"),
        ("copy input", "is no name"),
        ("Copy-Input", "'copy-input' has the same folder"),
        ("../elsewhere", "is no name"),
        ("", "is no name"),
        (".x", "is no name"),
        ("pcgm--volumes-", r"a row of that name, and 'pcgm \(volumes\)' has the same folder"),
    ],
)
def test_images_cannot_take_a_name_that_is_somebody_elses(name: str, said: str) -> None:
    with pytest.raises(UserError, match=f"--name {name}: .*{said}"):
        registry.check_name(name, "--name", ["pcgm (volumes)"])


def test_other_names_may_be_used() -> None:
    registry.check_name("my-model.v2", "--name", ["pcgm (volumes)"])
    registry.check_rows(["pcgm", "pcgm (volumes)", "oracle", "oracle"])
    with pytest.raises(UserError, match="rows 'copy-input' and 'copy input' share a folder"):
        registry.check_rows(["copy-input", "copy input"])
