"""The wheel and the sdist hold every module and data file, and work away from the checkout."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAPPED = ("methods", "metrics", "studies")
DATA = (
    ".safetensors",
    ".json",
    ".tsv",
    ".csv",
    ".nii.gz",
    ".md",
    "py.typed",
    ".html",
    ".css",
    ".js",
    ".js.gz",
    "LICENSES.txt",
)


def expected(checkout: Path) -> set[str]:
    """Modules and data files as they must be called in the wheel."""
    found = set()
    for folder in ("pcgm_bench", *MAPPED):
        for path in (checkout / folder).rglob("*"):
            inside = path.relative_to(checkout)
            through_link = folder == "pcgm_bench" and len(inside.parts) > 2 and inside.parts[1] in MAPPED
            if through_link or "__pycache__" in inside.parts or not path.name.endswith((".py", *DATA)):
                continue
            found.add(str(inside) if folder == "pcgm_bench" else f"pcgm_bench/{inside}")
    return found


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a clone has, so that the build leaves nothing in the checkout."""
    copy = tmp_path_factory.mktemp("source") / "checkout"
    copy.mkdir()
    for name in ("pcgm_bench", *MAPPED):
        shutil.copytree(ROOT / name, copy / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copy(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="module")
def built(source: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The sdist, and the wheel that is built from it."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return next(out.glob("*.tar.gz")), next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the wheel is installed into."""
    target = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--quiet", "--target", str(target)]
    subprocess.run([*pip, str(built[1])], check=True)
    return target


def test_wheel_has_every_file_once(source: Path, built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[1]) as wheel:
        names = [name for name in wheel.namelist() if ".dist-info/" not in name]
    assert len(names) == len(set(names))
    assert set(names) == expected(source)
    assert not any(name.startswith(MAPPED) for name in names)


def test_sdist_has_every_file(source: Path, built: tuple[Path, Path]) -> None:
    with tarfile.open(built[0]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    own = {name.removeprefix("pcgm_bench/") if name.split("/")[1] in MAPPED else name for name in expected(source)}
    assert own <= names
    assert {"pyproject.toml", "setup.py", "README.md", "LICENSE"} <= names


def test_without_links_the_wheel_is_the_same(source: Path, built: tuple[Path, Path], tmp_path: Path) -> None:
    """A checkout without symlinks, as on Windows."""
    copy = tmp_path / "checkout"
    shutil.copytree(source, copy, symlinks=True, ignore=shutil.ignore_patterns("*.egg-info", "build"))
    for name in MAPPED:
        (copy / "pcgm_bench" / name).unlink()
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(copy)]
    subprocess.run(command, capture_output=True, check=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as bare, zipfile.ZipFile(built[1]) as full:
        assert sorted(bare.namelist()) == sorted(full.namelist())


def test_installed_wheel_imports_every_module_elsewhere(source: Path, installed: Path, tmp_path: Path) -> None:
    modules = sorted(
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in expected(source)
        if name.endswith(".py") and not name.endswith("__main__.py")
    )
    code = (
        f"import sys; sys.path.insert(0, {str(installed)!r})\n"
        # The editable install's finder maps the same names to the checkout: it must not answer here.
        "sys.meta_path = [finder for finder in sys.meta_path if 'editable' not in repr(finder).lower()]\n"
        "import importlib\n"
        f"for name in {modules!r}:\n"
        "    module = importlib.import_module(name)\n"
        f"    assert module.__file__.startswith({str(installed)!r}), module.__file__\n"
        "print(len(sys.argv))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_installed_wheel_brings_its_entry_points(installed: Path) -> None:
    text = next(installed.glob("pcgm_bench-*.dist-info/entry_points.txt")).read_text()
    assert "pcgm = pcgm_bench.methods.pcgm.generator:PCGM" in text
    assert "pcgm-bench = pcgm_bench.cli.main:main" in text
    assert (installed / "bin" / "pcgm-bench").exists()


def test_checkout_has_relative_links() -> None:
    for name in MAPPED:
        link = ROOT / "pcgm_bench" / name
        assert link.is_symlink()
        assert str(link.readlink()) == f"../{name}"
