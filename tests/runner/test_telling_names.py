"""Nothing that leaves the machine says whose scans they are, where they lie, or when and by whom it was run.

A run of real people with telling names, then every form of the leaderboard, the export, and the figures: all searched.
"""

from __future__ import annotations

import contextlib
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from fakes_telling import HOST
from fakes_telling import NAMES
from fakes_telling import USER
from fakes_telling import VISITS
from fakes_telling import telling_plugins
from toy_runs import request

from pcgm_bench import registry
from pcgm_bench.cli.main import main
from pcgm_bench.contracts import CohortRequest
from pcgm_bench.report import figures
from pcgm_bench.report.run_figures import run_figures
from pcgm_bench.runner.run import RunResult
from pcgm_bench.runner.run import run


@pytest.fixture
def telling(tmp_path: Path, toys: list[str], monkeypatch: pytest.MonkeyPatch) -> RunResult:
    """The run, in a home that says whose it is."""
    monkeypatch.setattr(registry, "_found", telling_plugins)
    monkeypatch.setattr("socket.gethostname", lambda: HOST)
    for name in ("USER", "LOGNAME", "USERNAME"):
        monkeypatch.setenv(name, USER)
    home = tmp_path / f"home-of-{USER}"
    return run(request(home, study="telling", cohort=CohortRequest("telling")))


def found_in(text: str, tmp_path: Path) -> list[str]:
    """What a text tells that it must not."""
    secrets = [*NAMES, *VISITS.values(), HOST, USER, str(tmp_path), tmp_path.name, "/home/"]
    told = [secret for secret in secrets if secret.lower() in text.lower()]
    return told + re.findall(r"\b20[2-9]\d-[01]\d-[0-3]\d\b|\b\d\d:\d\d:\d\d\b", text)


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["pcgm-bench", *arguments])
    with contextlib.suppress(SystemExit):
        main()


def test_boards_and_exports_tell_nothing(
    telling: RunResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = telling.folder.root.parents[1]
    # The search can find something: the home itself is full of it.
    stored = " ".join(path.read_text(errors="replace") for path in telling.folder.root.glob("*.*") if path.is_file())
    assert {NAMES[0], VISITS["01"], str(tmp_path)} <= set(found_in(stored, tmp_path))
    for form in ("terminal", "markdown", "csv", "latex", "html"):
        capsys.readouterr()
        call(monkeypatch, "leaderboard", "--home", str(home), "--format", form, "--all")
        text = capsys.readouterr().out
        assert "frontal" in text
        assert found_in(text, tmp_path) == [], form
    call(monkeypatch, "leaderboard", "--home", str(home), "--export", str(tmp_path / "out"))
    (exported,) = (tmp_path / "out").rglob("*.json")
    assert '"frontal 1"' in exported.read_text()
    assert found_in(exported.read_text() + exported.name, tmp_path) == []
    # A board of exported files is as silent.
    for form in ("markdown", "html", "csv"):
        capsys.readouterr()
        call(monkeypatch, "leaderboard", "--results", str(tmp_path / "out"), "--format", form)
        assert found_in(capsys.readouterr().out, tmp_path) == []


def test_figures_of_real_people_tell_nothing(
    telling: RunResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    titles: list[str] = []
    save = figures.save

    def watch(figure: object, path: Path, title: str, *, dpi: int) -> None:
        titles.append(title)
        save(figure, path, title, dpi=dpi)  # type: ignore[arg-type]

    monkeypatch.setattr(figures, "save", watch)
    paths = run_figures(telling)
    assert len(titles) == len(paths) > 4
    said = " ".join([*titles, *(path.name for path in paths)])
    assert "example-1_desc-cfAUD" in said
    assert found_in(said, tmp_path) == []
    for path in paths:
        assert found_in(path.read_bytes().decode("latin-1"), tmp_path) == []
    # People of a phantom keep their names.
    phantom = replace(telling, scores=telling.scores.model_copy(update={"is_phantom": True}))
    assert any(NAMES[0] in path.name for path in run_figures(phantom))
