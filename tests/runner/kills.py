"""Kill commands with ``kill -9`` at random moments of every step, and see what is left.

As a script, for a table:  python tests/runner/kills.py --site SITE --work WORK [--kills 40] [--seed 0]

SITE holds the installed toy package (``pip install --no-deps --target SITE tests/runner/toy_package``). After each kill
no process of the command may be there after two seconds, and every lock file must be free. When the same command has
then come to its end, all files must be those of a home whose commands nobody killed. Some homes run as number 1 of a
PID namespace of their own, as in a container.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import random
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

ROOT = Path(__file__).parents[2]
ALONE = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc")
"""Makes what follows number 1 of its own PID namespace."""
TIMES = ("manifest.json", "environment.json", "lock")
"""Files that hold wall times and process state."""
MARK = "PCGM_KILLS_MARK"
SLOW = """
import os, time
_sync = os.fsync
def _slow_sync(descriptor):
    time.sleep(0.04)
    _sync(descriptor)
os.fsync = _slow_sync
"""
"""``sitecustomize`` of every process: a file takes a while to write, so that kills meet half-written ones."""
PEOPLE = ("--cohort", "toy-people", "--segmenter", "toy-slabs", "--quiet")
RUN = ("run", "-m", "toy-scale", "-s", "toy-swap", *PEOPLE, "--metrics", "+toy-distance", "--features", "+toy-corner")
FIT = ("fit", "-m", "toy-scale", *PEOPLE)
PHANTOM = ("cohort", "make", "phantom", "{home}/people", "--per-group", "3", "--seed", "12", "--quiet")
PATIENCE_S = 1800.0


@dataclass(frozen=True)
class Step:
    """When to kill.

    Attributes:
        name: of the step, for the table.
        command: that is killed.
        begun: glob of what is there once the step has begun.
        most: seconds after that, at most, until the kill.
        environment: of the command, besides the usual.
    """

    name: str
    command: tuple[str, ...]
    begun: str
    most: float
    environment: dict[str, str] = field(default_factory=dict)


RUN_STEPS = (
    Step("start", RUN, "", 4.0),
    Step("readings", RUN, "segmentations/toy-people*/sub-*", 1.5),
    Step("images", RUN, "runs/*/derivatives/*/sub-*", 2.5),
    Step("scoring", RUN, "features/*/*/*", 1.0),
)
FIT_STEP = Step("fit", FIT, "segmentations/toy-people*/sub-*", 3.0, {"TOYBRAINS_WEIGHTS": "yes"})
PHANTOM_STEP = Step("phantom", PHANTOM, ".people.*.part/dataset/sub-*", 15.0)


@dataclass
class Outcome:
    """What one kill left.

    Attributes:
        step: of the command.
        workers: processes of it.
        pid_1: whether it was number 1 of a PID namespace.
        was_late: it had come to its end before it could be killed.
        orphans: processes that were there two seconds later.
        stale: lock files that could not be taken.
    """

    step: str
    workers: int
    pid_1: bool
    was_late: bool = False
    orphans: list[int] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)


@dataclass
class Home:
    """One home folder whose commands are killed.

    Attributes:
        root: the home folder.
        site: of the toy package.
        slow: folder of ``sitecustomize``.
        workers: processes of a run.
        pid_1: whether commands run as number 1.
    """

    root: Path
    site: Path
    slow: Path
    workers: int = 1
    pid_1: bool = False

    def start(self, step: Step, mark: str) -> subprocess.Popen[bytes]:
        """Start the step's command."""
        words = [word.format(home=self.root) for word in step.command]
        if words[0] == "run":
            words += ["--workers", str(self.workers)]
        path = os.pathsep.join(map(str, (self.slow, self.site, ROOT)))
        environment = {
            **os.environ,
            **step.environment,
            MARK: mark,
            "PYTHONPATH": path,
            "PCGM_BENCH_HOME": str(self.root),
            "OMP_NUM_THREADS": "1",
            "MPLBACKEND": "Agg",
        }
        command = [*(ALONE if self.pid_1 else ()), sys.executable, "-m", "pcgm_bench", *words]
        log = (self.root.parent / f"{self.root.name}.log").open("ab")
        return subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def finish(self, step: Step) -> None:
        """Give the command again until it is done."""
        process = self.start(step, "end")
        if process.wait(PATIENCE_S):
            raise AssertionError(f"{self.root}: {step.name}: exit code {process.returncode}; see {self.root}.log")

    def kill(self, step: Step, rng: random.Random) -> Outcome:
        """Start the command, kill it at a random moment of the step, and look at what is left."""
        outcome = Outcome(step.name, self.workers if step.command is RUN else 1, self.pid_1)
        mark = uuid.uuid4().hex
        process = self.start(step, mark)
        end = time.monotonic() + PATIENCE_S
        known = set(self.root.glob(step.begun)) if step.begun else set()
        while step.begun and process.poll() is None and not set(self.root.glob(step.begun)) - known:
            if time.monotonic() > end:
                raise AssertionError(f"{step.name} never began")
            if known and marked(mark):  # the step had begun before an earlier kill: any moment will do
                time.sleep(rng.uniform(0, 2 * step.most))
                break
            time.sleep(0.01)
        time.sleep(rng.uniform(0, step.most))
        outcome.was_late = process.poll() is not None
        process.kill()
        process.wait()
        until(lambda: not marked(mark), 2.0)
        outcome.orphans = marked(mark)
        outcome.stale = held_locks(self.root)
        return outcome


def marked(mark: str) -> list[int]:
    """Processes with the mark in their environment that are no zombies."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes():
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
                found += [int(folder.name)] if state != "Z" else []
        except OSError:
            continue
    return found


def until(is_so: Callable[[], bool], seconds: float) -> None:
    """Wait for something, so long at most."""
    end = time.monotonic() + seconds
    while not is_so() and time.monotonic() < end:
        time.sleep(0.02)


def held_locks(root: Path) -> list[str]:
    """Lock files that somebody still holds."""
    held = []
    for path in [*root.rglob("lock"), *root.rglob(".*.lock")]:
        descriptor = os.open(path, os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held.append(str(path.relative_to(root)))
        finally:
            os.close(descriptor)
    return held


def files(root: Path) -> dict[str, str]:
    """Every file that must be the same -> hash of its content; a plan says where its home lies."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
        and path.name not in TIMES
        and not path.name.endswith(".lock")
        and not {"template", "plans"} & set(path.parts)
    }


def differences(whole: Path, killed: Path, pid_1: bool) -> list[str]:
    """Files that are not the same; halves of a container that is gone count only where it was not one."""
    expected, found = files(whole), files(killed)
    names = [name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)]
    return sorted(name for name in names if not (pid_1 and ".part" in name))


def can_be_alone() -> bool:
    """Whether PID namespaces can be made here."""
    try:
        return subprocess.run([*ALONE, "true"], capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def jobs(kills: int) -> list[tuple[int, bool, list[Step], list[Step]]]:
    """Homes: workers, whether number 1, the steps that are killed in order, and the commands that end it."""
    fits, phantoms = max(1, kills // 8), max(1, kills // 8)
    left = kills - fits - phantoms
    homes: list[tuple[int, bool, list[Step], list[Step]]] = []
    while left > 0:
        number = len(homes)
        steps = list(RUN_STEPS[:left]) if left < len(RUN_STEPS) else list(RUN_STEPS)
        homes.append((1 + number % 4, number % 3 == 2, steps, [RUN_STEPS[0]]))
        left -= len(steps)
    homes.append((1, False, [FIT_STEP] * fits, [FIT_STEP]))
    homes.append((1, False, [PHANTOM_STEP] * phantoms, [PHANTOM_STEP]))
    return homes


def carry_out(site: Path, work: Path, kills: int, seed: int, template: Path | None) -> tuple[list[Outcome], list[str]]:
    """Kill so many commands; returns what each kill left, and the files that were not the same in the end."""
    slow = work / "slow"
    slow.mkdir(parents=True)
    (slow / "sitecustomize.py").write_text(SLOW)
    rng = random.Random(seed)
    whole: dict[tuple[str, ...], Path] = {}
    outcomes: list[Outcome] = []
    wrong: list[str] = []
    for number, (workers, pid_1, steps, last) in enumerate(jobs(kills)):
        home = Home(work / f"home{number}", site, slow, workers, pid_1 and can_be_alone())
        kept = last[0].command
        if kept not in whole:
            whole[kept] = work / f"whole{len(whole)}"
            prepared(whole[kept], template)
            Home(whole[kept], site, slow).finish(last[0])
        prepared(home.root, template)
        for step in steps:
            outcomes.append(home.kill(step, rng))
            print(outcomes[-1], flush=True)
        home.finish(last[0])
        wrong += [f"{home.root.name}: {name}" for name in differences(whole[kept], home.root, home.pid_1)]
    return outcomes, wrong


def prepared(root: Path, template: Path | None) -> None:
    """A home folder with the phantom's template, which takes half a minute to build."""
    root.mkdir()
    if template is not None:
        (root / "template").symlink_to(template)


def table(outcomes: Sequence[Outcome], wrong: Sequence[str]) -> str:
    """One line a step, in Markdown."""
    lines = ["| step | kills | workers | as number 1 | too late | orphans after 2 s | stale locks |", "|" + "---|" * 7]
    for name in dict.fromkeys(outcome.step for outcome in outcomes):
        these = [outcome for outcome in outcomes if outcome.step == name]
        workers = sorted({outcome.workers for outcome in these})
        counts = (
            sum(outcome.pid_1 for outcome in these),
            sum(outcome.was_late for outcome in these),
            sum(len(outcome.orphans) for outcome in these),
            sum(len(outcome.stale) for outcome in these),
        )
        cells = [name, str(len(these)), ", ".join(map(str, workers)), *map(str, counts)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", f"files that differ in the end: {len(wrong)}", *wrong])


def main() -> None:
    """Kill, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--site", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--template", type=Path, help="the folder `template` of a home, to be used again")
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    shutil.rmtree(options.work, ignore_errors=True)
    outcomes, wrong = carry_out(options.site, options.work, options.kills, options.seed, options.template)
    print(table(outcomes, wrong))
    if wrong or any(outcome.orphans or outcome.stale for outcome in outcomes):
        sys.exit(1)


if __name__ == "__main__":
    main()
