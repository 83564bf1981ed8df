"""The code digest: an edit anywhere in the import closure changes it; comments, docstrings and layout do not."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from plugin_package import FILES
from plugin_package import load
from plugin_package import write_files

import pcgm_bench
from pcgm_bench import registry
from pcgm_bench.contracts import UserError
from pcgm_bench.store.closure import Closure
from pcgm_bench.store.closure import closure_files
from pcgm_bench.store.closure import code_digest
from pcgm_bench.store.closure import dependencies
from pcgm_bench.store.environment import Environment
from pcgm_bench.store.modules import ModuleFinder

OWN = {
    "PCGM": ("methods", "pcgm"),
    "CDM": ("methods", "cdm"),
    "UNetSegmenter": ("segmenters", "unet"),
    "UncnnExtractor": ("features", "uncnn"),
    "FID": ("metrics", "fid"),
    "AUDStudy": ("studies", "aud"),
    "PhantomCohort": ("cohorts", "phantom"),
}


def own(name: str) -> Any:
    kind, entry = OWN[name]
    return registry.get(kind, entry)  # type: ignore[arg-type]


@pytest.fixture
def deepkit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Path]:
    write_files(tmp_path, FILES)
    return load(monkeypatch, tmp_path, "deepkit.methods.gen", "Gen"), tmp_path


def digest_after(plugin: Any, path: Path, text: str) -> str:
    """The digest with another text in a file, which is then put back."""
    before = path.read_text()
    path.write_text(text)
    try:
        return code_digest(plugin)
    finally:
        path.write_text(before)


@pytest.mark.parametrize(
    "name",
    [
        "deepkit/__init__.py",  # on the way to a module
        "deepkit/methods/gen.py",
        "deepkit/net.py",  # relative import
        "deepkit/layers/block.py",  # two imports away
        "deepkit/late.py",  # imported in a function
        "deepkit/named.py",  # importlib.import_module("...")
        "deepkit_core.py",  # another top-level module of the distribution
        "deepkit/config/net.yaml",  # data in a folder that is no package
        "deepkit/heads/linear.py",  # named in that YAML; its folder has no __init__
        "deepkit/weights/net.safetensors",
    ],
)
def test_an_edit_changes_the_digest_of_a_plugin(deepkit: tuple[Any, Path], name: str) -> None:
    plugin, root = deepkit
    before = code_digest(plugin)
    assert digest_after(plugin, root / name, (root / name).read_text() + "\nedited = 1\n") != before
    assert code_digest(plugin) == before


@pytest.mark.parametrize("name", ["deepkit/types_only.py", "deepkit/unused.py", "deepkit/README.md"])
def test_what_the_plugin_does_not_run_is_left_out(deepkit: tuple[Any, Path], name: str) -> None:
    plugin, root = deepkit
    assert digest_after(plugin, root / name, "edited = 1\n") == code_digest(plugin)
    assert root / name not in closure_files(plugin)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""Docstring."""', '"""Another docstring."""'),
        ("class Gen:", "# A comment.\nclass Gen:"),
        ("late(Net())", "late(\n            Net(),\n        )"),
    ],
)
def test_comments_docstrings_and_layout_cost_nothing(deepkit: tuple[Any, Path], old: str, new: str) -> None:
    plugin, root = deepkit
    path = root / "deepkit/methods/gen.py"
    assert old in path.read_text()
    assert digest_after(plugin, path, path.read_text().replace(old, new)) == code_digest(plugin)


def test_the_digest_is_the_same_wherever_the_code_lies(
    deepkit: tuple[Any, Path], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin, _ = deepkit
    before = code_digest(plugin)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    write_files(elsewhere, FILES)
    other = load(monkeypatch, elsewhere, "deepkit.methods.gen", "Gen")
    assert code_digest(other) == before
    assert all(path.is_relative_to(elsewhere) for path in closure_files(other))


ON_DEMAND = "def __getattr__(name):\n    return {'Net': 'net'}[name]\n"
COMPUTED = "import importlib\ndef get(name):\n    return importlib.import_module('lazykit.' + name)\n"
TYPES = "from typing import TYPE_CHECKING\nif {}TYPE_CHECKING:\n    from lazykit import net\n"


@pytest.mark.parametrize(
    ("init", "user", "follows"),
    [
        (ON_DEMAND, "from lazykit import Net", True),
        (ON_DEMAND, "import lazykit\nlazykit.Net", True),
        (f"VERSION = 1\n{ON_DEMAND}", "from lazykit import VERSION", False),
        (ON_DEMAND, "import lazykit.other", False),
        ("from lazykit import net as hidden\n", "from lazykit import hidden", True),
        (COMPUTED, "import lazykit", True),
        (COMPUTED.replace("get(", "__getattr__("), "from lazykit import Net", True),
        (f"NAMES = ['net']\n{COMPUTED.replace('get(', '__getattr__(')}", "from lazykit import Net", True),
        ("from importlib import import_module as load\nload('.net', __package__)\n", "import lazykit", True),
        ("TARGET = 'lazykit.net:f'\n", "import lazykit", True),
        ("from .missing import Net as missing\n", "from lazykit import missing", False),
        ("import lazykit\nlazykit.net.f\n", "import lazykit", True),
        (TYPES.format(""), "import lazykit", False),
        (TYPES.format("not "), "import lazykit", True),
    ],
)
def test_names_that_are_imported_on_demand(tmp_path: Path, init: str, user: str, follows: bool) -> None:
    """`lazykit.net` counts exactly where the user's code can reach it."""
    write_files(tmp_path, {"lazykit/__init__.py": init, "lazykit/net.py": "def f(): ...\n", "lazykit/other.py": ""})
    write_files(tmp_path, {"lazykit/user.py": f"def use():\n    {user.replace(chr(10), chr(10) + '    ')}\n"})
    plugin = type("Plugin", (), {"__module__": "lazykit.user"})
    files = closure_files(plugin, finder=ModuleFinder([str(tmp_path)]))
    assert tmp_path / "lazykit/user.py" in files
    assert (tmp_path / "lazykit/net.py" in files) is follows


def test_base_classes_of_another_plugin_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = "from pcgm_bench.contracts import FeatureExtractor\nclass Base(FeatureExtractor):\n    x = 1\n"
    write_files(tmp_path, {"basekit.py": base, "kit.py": "import basekit\nclass Mine(basekit.Base):\n    pass\n"})
    load(monkeypatch, tmp_path, "basekit", "Base")
    plugin = load(monkeypatch, tmp_path, "kit", "Mine")
    before = code_digest(plugin)
    assert digest_after(plugin, tmp_path / "basekit.py", base.replace("x = 1", "x = 2")) != before


def test_an_editable_distribution_is_known_by_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No list of top-level names: what lies in the project belongs to it, but not the environment in there."""
    project, site = tmp_path / "project", tmp_path / "site"
    library = project / ".venv/lib/site-packages"
    write_files(project / "src", {"mine.py": "import helper, foreign\nclass Mine: ...\n", "helper.py": "x = 1\n"})
    write_files(library, {"foreign.py": ""})
    note = f'{{"url": "{project.as_uri()}", "dir_info": {{"editable": true}}}}'
    metadata = "Metadata-Version: 2.1\nName: mine\nVersion: 1\n"
    write_files(site, {"mine-1.dist-info/METADATA": metadata, "mine-1.dist-info/direct_url.json": note})
    for folder in (site, library):
        monkeypatch.syspath_prepend(folder)
    plugin = load(monkeypatch, project / "src", "mine", "Mine")
    load(monkeypatch, project / "src", "helper", "x")
    load(monkeypatch, library, "foreign", "__name__")
    names = {path.name for path in closure_files(plugin)}
    assert names == {"mine.py", "helper.py"}


def test_code_without_a_file_is_refused() -> None:
    with pytest.raises(UserError, match="its code is in no file"):
        code_digest(type("Typed", (), {"__module__": "typed_in_a_console"}))


DYNAMIC = {
    "alias": "import importlib\nf = importlib.import_module\nf('plug.ex' + 'tra.hidden')\n",
    "renamed": "from importlib import import_module as load\n",
    "relative": "from importlib import import_module\nimport_module('.hidden', package='plug.extra')\n",
    "joined": "import importlib\nimportlib.import_module('plug.ex' + 'tra.hidden')\n",
    "getattr": "import importlib\ngetattr(importlib, 'import_' + 'module')\n",
    "__import__": "__import__('plug.' + 'extra')\n",
    "file location": "from importlib.util import spec_from_file_location\n",
    "loader": "from importlib.machinery import SourceFileLoader\n",
    "exec": "def f(path):\n    exec(open(path).read())\n",
    "eval": "def f(text):\n    return eval(text)\n",
    "run_path": "import runpy\ndef f():\n    runpy.run_path('x')\n",
    "run_module": "from runpy import run_module as r\n",
    "subprocess": "import subprocess\n",
    "Popen": "from subprocess import Popen\n",
    "system": "import os\ndef f():\n    os.system('python x.py')\n",
    "entry points": "from importlib.metadata import entry_points\n",
    "pkgutil": "def f():\n    import pkgutil\n",
    "sys.path": "import sys\nfrom pathlib import Path\nsys.path.insert(0, str(Path(__file__).parent / 'vendor'))\n",
    "sys under another name": "import sys as s\ns.path.append('x')\n",
}
PLUG = {
    "plug/__init__.py": "",
    "plug/nets/__init__.py": "",
    "plug/extra/__init__.py": "",
    "plug/extra/hidden.py": "x = 1\n",
    "plug/vendor-1/helper.py": "x = 1\n",
    "plug/prompt.md": "x = 1\n",
}


def plug(root: Path, text: str) -> set[str]:
    """Digests of a plugin whose module has this text: first as it is, then after an edit of each file in `PLUG`."""
    write_files(root, PLUG | {"plug/nets/user.py": f"{text}class Plugin: ...\n"})
    plugin = type("Plugin", (), {"__module__": "plug.nets.user"})
    digests = {code_digest(plugin, finder=ModuleFinder([str(root)]))}
    for name in ("plug/extra/hidden.py", "plug/vendor-1/helper.py", "plug/prompt.md"):
        (root / name).write_text("edited = 1\n")
        digests.add(code_digest(plugin, finder=ModuleFinder([str(root)])))
        (root / name).write_text(PLUG[name])
    return digests


@pytest.mark.parametrize("mechanism", DYNAMIC)
def test_all_files_of_a_plugin_with_a_dynamic_mechanism_count(tmp_path: Path, mechanism: str) -> None:
    assert len(plug(tmp_path, DYNAMIC[mechanism])) == 4


@pytest.mark.parametrize(
    "text",
    [
        "",
        "import importlib\nimportlib.import_module('plug.nets')\n",
        "from importlib.util import find_spec\nfast = find_spec('plug') is not None\n",
        "import os\nimport sys\nprint(os.path.join('a', 'b'), sys.platform)\n",
        "def f(model):\n    return model.eval()\n",
    ],
)
def test_without_a_dynamic_mechanism_unrelated_files_do_not_count(tmp_path: Path, text: str) -> None:
    assert len(plug(tmp_path, text)) == 1


def test_a_dynamic_editable_distribution_counts_what_lies_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, site = tmp_path / "project", tmp_path / "site"
    write_files(project, {"dyn.py": "import subprocess\nclass Dyn: ...\n", "dyn_helper.py": "x = 1\n"})
    note = f'{{"url": "{project.as_uri()}", "dir_info": {{"editable": true}}}}'
    metadata = "Metadata-Version: 2.1\nName: dyn\nVersion: 1\n"
    write_files(site, {"dyn-1.dist-info/METADATA": metadata, "dyn-1.dist-info/direct_url.json": note})
    monkeypatch.syspath_prepend(site)
    plugin = load(monkeypatch, project, "dyn", "Dyn")
    assert {path.name for path in closure_files(plugin)} == {"dyn.py", "dyn_helper.py"}


@pytest.mark.parametrize(("reader", "counts"), [("text = Prompt.__doc__\n", True), ("text = Prompt.name\n", False)])
def test_docstrings_count_where_they_are_read(tmp_path: Path, reader: str, counts: bool) -> None:
    prompt = 'class Prompt:\n    """A brain."""\n    name = 1\n'
    write_files(tmp_path, {"doc/__init__.py": "", "doc/prompt.py": prompt})
    write_files(tmp_path, {"doc/user.py": f"from doc.prompt import Prompt\n{reader}"})
    plugin = type("Plugin", (), {"__module__": "doc.user"})
    before = code_digest(plugin, finder=ModuleFinder([str(tmp_path)]))
    (tmp_path / "doc/prompt.py").write_text(prompt.replace("brain", "smaller brain"))
    assert (code_digest(plugin, finder=ModuleFinder([str(tmp_path)])) != before) is counts


# Our own plugins


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this package, links followed, to be edited."""
    root = tmp_path_factory.mktemp("copy")
    source = Path(pcgm_bench.__file__).parent
    shutil.copytree(source, root / "pcgm_bench", ignore=shutil.ignore_patterns("__pycache__", "weights"))
    return root


@pytest.mark.parametrize("name", OWN)
def test_every_module_of_our_plugins_counts(copied: Path, name: str) -> None:
    plugin, path = own(name), [str(copied)]
    before = code_digest(plugin, finder=ModuleFinder(path))
    assert before == code_digest(plugin), "the digest depends on where the code lies"
    files = [file for file in closure_files(plugin, finder=ModuleFinder(path)) if file.suffix == ".py"]
    assert len(files) > 5
    for file in files:
        text = file.read_text()
        file.write_text(f"{text}\n_edited = 1\n")
        edited = code_digest(plugin, finder=ModuleFinder(path))
        file.write_text(f"# A comment.\n{text}")
        commented = code_digest(plugin, finder=ModuleFinder(path))
        file.write_text(text)
        assert edited != before, file
        assert commented == before, file


@pytest.mark.parametrize("name", OWN)
def test_the_harness_is_in_no_plugin(name: str) -> None:
    # A phantom is named by the code that draws it: it asks the store for that hash.
    store = () if name == "PhantomCohort" else ("store",)
    harness = ("runner", "cli", "board", "report", "registry", "doctor", *store)
    modules = Closure([own(name)], ModuleFinder()).modules
    assert not [module for module in modules if module.startswith(tuple(f"pcgm_bench.{part}" for part in harness))]


def test_the_closure_is_as_deep_as_the_imports() -> None:
    modules = Closure([own("CDM")], ModuleFinder()).modules
    assert {"pcgm_bench", "pcgm_bench.contracts", "pcgm_bench.anatomy", "pcgm_bench.methods.pcgm"} <= set(modules)
    assert sum(name.startswith("pcgm_bench.methods.pcgm.") for name in modules) >= 13
    assert "desikan_killiany_mni.nii.gz" in {path.name for path in closure_files(own("PhantomCohort"))}
    assert "table3_correct.tsv" in {path.name for path in closure_files(own("AUDStudy"))}


def test_what_is_not_followed_is_known_by_its_version() -> None:
    versions = dependencies(own("UncnnExtractor"))
    assert versions["torch"] == torch.__version__
    assert {"numpy", "uncnn"} <= set(versions)
    assert "pcgm-bench" not in versions
    assert Environment.current(dependencies={"timm": "1"}).packages["timm"] == "1"


def test_what_a_packages_getattr_imports_counts_when_it_is_taken(tmp_path: Path) -> None:
    files = {
        "lazykit/__init__.py": "import importlib\nhere = 1\ndef __getattr__(name):\n"
        "    return vars(importlib.import_module('lazykit.api'))[name]\n",
        "lazykit/api.py": "def run(): pass\n",
        "lazykit/plain.py": "from lazykit import here\nclass Plain: pass\n",
        "lazykit/taking.py": "from lazykit import run\nclass Taking: pass\n",
    }
    (tmp_path / "lazykit").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    finder = ModuleFinder([str(tmp_path)])
    for module, counts in (("plain", False), ("taking", True)):
        start = type("Start", (), {"__module__": f"lazykit.{module}"})
        assert ("lazykit.api" in Closure([start], finder).modules) is counts
