"""Where the minutes of ``pcgm-bench run --method pcgm --study aud`` go, as a Markdown table.

    python tools/profile_run.py --quick

Every stage has wall seconds and CPU seconds (of this process and its children). On a busy machine read the CPU seconds.
`tools/profile_counterfactual.py` takes one image of the method's row apart.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import time
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

import pcgm_bench as pb


@dataclass
class Stage:
    """Seconds and items of one stage."""

    wall: float = 0.0
    cpu: float = 0.0
    items: int = 0


@dataclass
class StageClock:
    """A progress callback: the time between two reports belongs to the stage that the second one names."""

    stages: dict[str, Stage] = field(default_factory=dict)
    last: tuple[float, float] = field(default_factory=lambda: (time.perf_counter(), cpu_seconds()))

    def __call__(self, what: str, done: int, total: int) -> None:
        now = (time.perf_counter(), cpu_seconds())
        stage = self.stages.setdefault(what, Stage())
        stage.wall += now[0] - self.last[0]
        stage.cpu += now[1] - self.last[1]
        stage.items = max(stage.items, done)
        self.last = now


def cpu_seconds() -> float:
    """CPU seconds of this process, of its ended children, and of those that still run (Linux)."""
    running = [process.pid for process in multiprocessing.active_children()]
    spent = os.times()
    total = spent.user + spent.system + spent.children_user + spent.children_system
    for pid in running:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def stage_table(quick: bool, seed: int, workers: int) -> str:
    """Run PCGM through the AUD study in an empty home; one row a stage."""
    with tempfile.TemporaryDirectory(prefix="pcgm-bench-profile-") as home:
        clock = StageClock()
        pb.run("pcgm", "aud", quick=quick, seed=seed, workers=workers, home=home, progress=clock)
        clock("scores, tables, examples", 1, 1)
    whole = sum(stage.cpu for stage in clock.stages.values())
    rows = [
        [name, f"{s.wall:.1f}", f"{s.cpu:.1f}", f"{100 * s.cpu / whole:.1f} %", str(s.items), f"{s.cpu / s.items:.3f}"]
        for name, s in clock.stages.items()
        if s.items
    ]
    wall = sum(stage.wall for stage in clock.stages.values())
    rows.append(["**all**", f"{wall:.1f}", f"{whole:.1f}", "100 %", "", ""])
    header = ["stage", "wall s", "CPU s", "share of CPU", "items", "CPU s an item"]
    return "\n".join("| " + " | ".join(line) + " |" for line in [header, ["---"] * len(header), *rows])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="20 + 20 people in place of 100 + 100")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start\n", flush=True)
    print(stage_table(options.quick, options.seed, options.workers))


if __name__ == "__main__":
    main()
