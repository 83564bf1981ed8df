"""An external package, installed for real, and the command line with it."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import ADDED
from command_line import ALONE
from command_line import Command
from command_line import Outcome

from pcgm_bench.cli.main import main

PACKAGE = Path(__file__).parent / "toy_package"


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that pip has installed the external package into."""
    folder = tmp_path_factory.mktemp("installed")
    # pip builds beside the sources: give it a copy.
    source = shutil.copytree(PACKAGE, folder / "source", ignore=shutil.ignore_patterns("__pycache__"))
    site = folder / "site"
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--no-compile", "--target", str(site)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(source)], check=True)
    return site


@pytest.fixture
def edited(installed: Path, tmp_path: Path) -> Path:
    """A copy of the installed package that a test may edit."""
    return shutil.copytree(installed, tmp_path / "edited")


def forget(package: str) -> None:
    """As if a package had never been imported."""
    # Python itself is asked to forget the modules of a package.
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        del sys.modules[name]
    importlib.invalidate_caches()


@pytest.fixture
def command(home: Path, installed: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """The command line in this process: what a plugin does wrong must not end it.

    It draws no figures: they take a second a run, and the runs in a process of their own draw them.
    """
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)

    def call(*arguments: str, site: Path = installed, fault: str = "") -> Outcome:
        with monkeypatch.context() as patch:
            patch.setenv("TOYBRAINS_FAULT", fault)
            patch.syspath_prepend(str(site))
            forget("toybrains")
            patch.setattr("pcgm_bench.report.run_figures.run_figures", lambda _result: [])
            patch.setattr(sys, "argv", ["pcgm-bench", *arguments])
            capfd.readouterr()
            code: object = 0
            try:
                main()
            except SystemExit as leaving:
                code = leaving.code or 0
            forget("toybrains")
        said = capfd.readouterr()
        return Outcome(int(str(code)), said.out, said.err)

    return call


@pytest.fixture(scope="session")
def process(installed: Path) -> Callable[..., Outcome]:
    """The command line in a process of its own."""

    def call(*arguments: str, home: Path, **environment: str) -> Outcome:
        path = os.pathsep.join([str(installed), str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
        done = subprocess.run(
            [sys.executable, "-m", "pcgm_bench", *arguments],
            env={**os.environ, "PYTHONPATH": path, "PCGM_BENCH_HOME": str(home), **environment},
            cwd=installed.parent,
            capture_output=True,
            text=True,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture(scope="session")
def alone(process: Callable[..., Outcome], tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Path]:
    """The run of the external package by one process, and its home folder."""
    home = tmp_path_factory.mktemp("alone")
    return process(*ALONE, *ADDED, home=home), home
