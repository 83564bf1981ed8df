"""An external package with a plugin of every kind, installed with pip: it works, and helpers make the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from command_line import ADDED
from command_line import ALONE
from command_line import RUN
from command_line import TIMES
from command_line import Command
from command_line import Outcome
from command_line import runs
from fakes import tree_digest

Process = Callable[..., Outcome]


def test_it_is_written_from_the_contracts_alone() -> None:
    sources = (Path(__file__).parent / "toy_package").rglob("*.py")
    lines = {line.strip() for path in sources for line in path.read_text().splitlines() if "pcgm_bench" in line}
    assert all(line.startswith("from pcgm_bench.contracts import ") for line in lines)


def test_every_kind_of_plugin_works_from_the_command_line(alone: tuple[Outcome, Path]) -> None:
    done, home = alone
    assert (done.code, done.said) == (0, [])
    for text in ("toy-scale (volumes)", "toy-brightness-1", "toy-distance (toy-corner)", "warning: 20 toys"):
        assert text in done.out
    (run,) = runs(home)
    records = (run / "tables" / "records.csv").read_text()
    assert "toy-copy,control,toy-distance-1 in toy-corner-1," in records
    assert "toy-scale,method,toy-distance-1 in toy-corner-1," in records
    assert '"toy-scale": "toy-brains 1.2"' in (run / "manifest.json").read_text()


def test_it_is_listed_with_its_package(command: Command) -> None:
    for kind in ("methods", "studies", "metrics", "features", "cohorts", "segmenters"):
        done = command("list", kind, "--check")
        (line, *_more) = [line for line in done.out.splitlines() if line.startswith("toy-")]
        assert "toy-brains" in line
        assert "BROKEN" not in line


def test_what_is_finished_comes_from_the_store(command: Command, home: Path) -> None:
    first = command(*ALONE, *ADDED)
    before = tree_digest(home)
    second = command(*ALONE, *ADDED)
    assert (second.code, second.out) == (first.code, first.out)
    assert tree_digest(home) == before


def test_helpers_make_some_of_the_images_and_the_same_bytes(
    process: Process, alone: tuple[Outcome, Path], home: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    done = process(*RUN, *ADDED, "--workers", "2", home=home, TOYBRAINS_LOG=str(log))
    assert (done.code, done.said) == (0, [])
    lines = [line.split() for line in log.read_text().splitlines()]
    for what in ("make", "copy", "segment"):
        assert len({pid for pid, does, *_scan in lines if does == what}) > 1, what
    images = [tuple(doing) for _pid, *doing in lines if doing[0] in ("make", "copy")]
    assert len(images) == len(set(images)) == 40
    assert same(home, alone[1])


def test_a_helper_that_dies_is_reported_and_its_share_is_made(process: Process, home: Path) -> None:
    done = process(*RUN, "--workers", "2", home=home, TOYBRAINS_FAULT="helper-only")
    assert done.code == 0
    assert "helper process" in done.complaint
    assert "ended with exit code 9; this process makes its share" in done.complaint
    assert len(list(home.rglob("*_desc-cf*_volumes.tsv"))) == 40


def test_shards_make_the_same_bytes_as_one_process(
    process: Process, command: Command, alone: tuple[Outcome, Path], home: Path, tmp_path: Path
) -> None:
    done = process(*ALONE, *ADDED, "--shard", "1/2", home=home)
    assert (done.code, done.said) == (0, [])
    assert 0 < len(list(home.rglob("*_desc-cf*_volumes.tsv"))) < 40
    assert command(*ALONE, *ADDED, "--shard", "2/2").code == 0
    assert len(list(home.rglob("*_desc-cf*_volumes.tsv"))) == 40
    assert not list(home.rglob("scores.json"))
    images = tree_digest(home)
    assert command(*ALONE, *ADDED).code == 0
    after = tree_digest(home)
    assert {path: after[path] for path in images} == images
    assert same(home, alone[1])


def same(home: Path, other: Path) -> bool:
    """Whether two home folders hold the same bytes, but for times, figures, plans' paths, and the report's command."""
    trees = []
    for folder in (home, other):
        tree = tree_digest(folder, but=TIMES)
        trees.append(
            {
                path: tree[path]
                for path in tree
                if not path.startswith("plans/") and "/figures/" not in path and not path.endswith("/report.html")
            }
        )
    assert len(trees[0]) > 200
    return trees[0] == trees[1]


def test_shards_that_are_none_are_refused(command: Command) -> None:
    done = command(*ALONE, "--shard", "3/2")
    assert done.code == 2
    assert "--shard 3/2" in done.complaint
