"""Try many damaged inputs and say what each does, in a table: ``python tests/fuzz/fuzz_table.py --each 20``.

Seeds are fixed. The exit code is 1 where a damage is silent, ends in a traceback or hangs, or where an input that is
right is refused. ``--write PAGE`` puts the table into a page, between its two marks.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from outcomes import Damage
from outcomes import Outcome
from outcomes import Place
from outcomes import Trial
from table_rooms import table_rooms
from volume_rooms import rooms

BEGIN, END = "<!-- fuzz table: begin -->", "<!-- fuzz table: end -->"
Counts = Counter[Outcome]


def attempts(room: Place, damage: Damage, each: int) -> list[Trial]:
    """Trials of one damage with the seeds 0 to ``each`` - 1."""
    trials = []
    for seed in range(each):
        with tempfile.TemporaryDirectory() as folder:
            trials.append(room.attempt(damage, seed, Path(folder)))
    return trials


def is_wrong(damage: Damage, trial: Trial) -> bool:
    """Whether a trial shows a fault of this project."""
    if damage.is_good:
        return trial.outcome is not Outcome.SAME
    return trial.outcome not in (Outcome.REFUSED, Outcome.SAME)


def table(found: dict[tuple[str, str], Counts]) -> str:
    """Markdown: a row for each place and kind of damage."""
    columns = list(Outcome)
    lines = ["| input | kind of damage | tried | " + " | ".join(columns) + " |", "|---" * (3 + len(columns)) + "|"]
    for (room, kind), counts in found.items():
        cells = [str(counts[outcome]) for outcome in columns]
        lines.append(f"| {room} | {kind} | {counts.total()} | " + " | ".join(cells) + " |")
    total: Counts = sum(found.values(), Counter())
    cells = [str(total[outcome]) for outcome in columns]
    lines.append(f"| all | | {total.total()} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def put_into(page: Path, text: str) -> None:
    """Replace what stands between a page's marks."""
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=15, help="trials of a damage")
    parser.add_argument("--only", default="", help="rooms and damages whose names hold this")
    parser.add_argument("--write", type=Path, help="page with the two marks")
    options = parser.parse_args()
    found: dict[tuple[str, str], Counts] = {}
    wrong = 0
    places: list[Place] = [*rooms(), *table_rooms()]
    for room in places:
        for damage in room.damages:
            if options.only not in f"{room.name}: {damage.name}":
                continue
            trials = attempts(room, damage, options.each)
            found.setdefault((room.name, damage.kind), Counter()).update(trial.outcome for trial in trials)
            bad = [(seed, trial) for seed, trial in enumerate(trials) if is_wrong(damage, trial)]
            for seed, trial in bad[:1]:
                told = f" {trial.line}" if trial.line else ""
                print(f"{room.name}: {damage.name}: {len(bad)} of {len(trials)} ({seed}: {trial.outcome}){told}")
            wrong += len(bad)
    text = table(found)
    print(text)
    if options.write is not None:
        put_into(options.write, text)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
