"""Tables at the end of the leaderboard: why sections are apart, what was left out, where numbers come from."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence

from pcgm_bench.board.cells import ABSENT
from pcgm_bench.board.groups import Key
from pcgm_bench.board.result import Result
from pcgm_bench.tables import Cell
from pcgm_bench.tables import Column
from pcgm_bench.tables import Table


def apart(numbers: Mapping[Key, str]) -> list[Table]:
    """In what the sections differ; nothing where there is one only."""
    if len(numbers) < 2:
        return []
    names = ("study", "version", "cohort", "content", "kind", "segmenter", "size", "seed", "made by")
    rows: list[list[Cell]] = [
        [
            number, key.study, key.study_version, key.cohort, key.content[:8], key.kind, key.segmenter, key.size,
            key.seed, key.old_version or "this version",
        ]
        for key, number in numbers.items()
    ]  # fmt: skip
    kept = [i for i in range(len(names)) if names[i] == "cohort" or len({row[i + 1] for row in rows}) > 1]
    heads = [Column("section"), *(Column(names[i]) for i in kept)]
    note = (
        "Rows stand in one table only if all of this is equal: study and its version, cohort (content hash, phantom or "
        "real), segmenter, full or quick, seed, and whether 0.1.0 made them. Within a table, cells share a column only "
        "if metric, its version, rule, direction and target are equal. What is equal everywhere is left out here."
    )
    shown = [[row[0], *(row[i + 1] for i in kept)] for row in rows]
    return [Table("apart", "Why there are several sections", heads, shown, [note])]


def left_out(runs: Sequence[tuple[str, str]]) -> list[Table]:
    """Runs that could not be shown, with the reason."""
    if not runs:
        return []
    heads = [Column("run"), Column("reason")]
    return [Table("left-out", "Not on this board", heads, [list(line) for line in runs])]


def runs(groups: Mapping[Key, Sequence[Result]], numbers: Mapping[Key, str]) -> list[Table]:
    """What every run was made by, with what and in which time."""
    rows: list[list[Cell]] = []
    for key, results in groups.items():
        for result in results:
            label, provenance = result.label, result.provenance
            rows.append(
                [
                    numbers[key],
                    result.key,
                    label.method,
                    label.packages.get(label.method, ABSENT),
                    label.generators.get(label.method, ABSENT),
                    label.package,
                    (provenance.git_commit or "installed")[:9],
                    f"{label.device}/{label.threads}",
                    label.instructions or ABSENT,
                    label.torch or ABSENT,
                    provenance.made,
                    round(provenance.wall_seconds / 60, 1),
                    round(provenance.peak_rss_mib),
                ]
            )
    names = (
        "section", "run", "method", "from", "version-code-weights", "pcgm-bench", "commit", "device/threads",
        "instructions", "torch", "images",
    )  # fmt: skip
    heads = [*(Column(name) for name in names), Column("minutes", 1), Column("peak MiB", 0)]
    note = "from: package and version that brings the method. instructions: the processor's, as PyTorch uses them."
    return [Table("runs", "Runs", heads, rows, [note])] if rows else []
