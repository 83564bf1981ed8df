"""A toy run that has been scored, with all that a report shows, and with secrets of people and of the machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import ClassVar

import numpy as np
import pytest

from pcgm_bench import registry
from pcgm_bench.contracts import Change
from pcgm_bench.contracts import ChangesPlot
from pcgm_bench.contracts import Conclusion
from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import ForestPlot
from pcgm_bench.contracts import Plot
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import Row
from pcgm_bench.contracts import RowKind
from pcgm_bench.contracts import Study
from pcgm_bench.registry import Plugin
from pcgm_bench.results.scores import LeftOutImage
from pcgm_bench.results.scores import Scores
from pcgm_bench.results.scores import write_scores
from pcgm_bench.runner.examples import Example
from pcgm_bench.store import Identity
from pcgm_bench.store import ImageKey
from pcgm_bench.store import Manifest
from pcgm_bench.store import RunFolder
from pcgm_bench.store.manifest import Session
from pcgm_bench.tables import Column
from pcgm_bench.tables import Table

PEOPLE = {"QX01": 0.5, "QX02": 3.0, "QX03": 0.1, "QX04": 1.0}
"""Label -> how far the image of a person is from what was asked."""
ROWS = [Row("real", RowKind.REAL), Row("mine", RowKind.METHOD, "mine"), Row("copy", RowKind.CONTROL, "copy")]


def changes(row_error: float = 0.0) -> dict[str, dict[str, Change]]:
    """What was asked of everybody, and shown."""
    return {label: {"insula": Change(-5.0, -5.0 + error + row_error)} for label, error in PEOPLE.items()}


class ReportStudy(Study):
    """A study with everything that a report shows."""

    name: ClassVar[str] = "reported"
    title: ClassVar[str] = "A title with <b>marks</b> & signs"
    version: ClassVar[str] = "1"
    reference: ClassVar[str] = "r"

    def rows(self, method: str) -> Any:
        return ROWS

    def folds(self, table: Any, seed: int) -> Any:
        return ()

    def score(self, evidence: Any) -> Any:
        return ()

    def tables(self, records: Sequence[Record]) -> list[Table]:
        return [Table("one", "Table </script> one", [Column("row"), Column("d")], [["mine", 0.123456789]])]

    def plots(self, records: Sequence[Record]) -> list[Plot]:
        panels = {"1: A against B": {"insula": {"mine": Estimate(-1.0, -2.0, 0.5), "copy": Estimate(0.0, -0.1, 0.1)}}}
        return [
            ForestPlot("effects", "Effects", "d", panels),
            ChangesPlot("changes", "Changes", "log-%", {"mine": changes(), "copy": changes(5.0)}),
        ]

    def conclusion(self, records: Sequence[Record], method: str) -> Conclusion:
        return Conclusion("This was asked.", "This is shown.", "This follows.")


def stored_run(home: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A finished run of `ReportStudy`, which the registry lists."""
    plugin = Plugin("studies", "reported", "toy_report:ReportStudy", "toys", "1")
    monkeypatch.setattr(registry, "_found", lambda kind: [plugin] if kind == "studies" else [])
    identity = Identity(
        method="mine", generator="g", study="reported", study_version="1", cohort="lab", cohort_hash="c", segmenter="s",
        seed=0, quick=True, device="cpu", threads=1, harness="h",
    )  # fmt: skip
    folder = RunFolder.open(home, identity)
    lines = ["row\tsubject\tage\tsex\tdiagnosis"]
    lines += [f"real\t{label}\t{40 + number}.5\tF\tcontrol" for number, label in enumerate(PEOPLE)]
    folder.measurements_file.write_text("\n".join(lines) + "\n")
    session = Session(
        started="2031-05-06T07:08:09+00:00",
        command=["/home/jane/.venv/bin/pcgm-bench", "run", "--cohort", "/data/secret study", "--method", "mine"],
    )
    folder.write_manifest(Manifest(key=identity.key, sessions=[session], folders={"copy": "/home/jane/rows/copy"}))
    write_scores(folder.scores_file, scores())
    return folder


def scores(copy: str = "fail", *, is_phantom: bool = False) -> Scores:
    """Of the run; ``copy``: the verdict of its control."""
    records = [
        Record("mine", RowKind.METHOD, "verdict", 2, text="pass", direction="higher"),
        Record("copy", RowKind.CONTROL, "verdict", 0, text=copy, direction="higher", reason="moves nothing"),
    ]
    return Scores(
        scored_by="x",
        study="reported",
        study_version="1",
        is_phantom=is_phantom,
        rows=ROWS,
        records=records,
        warnings=["the groups differ in sex", "sub-QX02: left out", "no weights in /home/jane/w"],
        left_out=[LeftOutImage(row="mine", image="sub-QX03_desc-cfAUD", reason="no room")],
        poor_scans={"sub-QX04": "motion"},
        method={"weights": "of /home/jane/w"},
    )


def examples() -> list[Example]:
    """Everybody's scan, an image that is brighter on one side, and the truth, darker there."""
    x, y, z = np.mgrid[:20, :24, :20]
    head = ((x - 9.5) / 8) ** 2 + ((y - 11.5) / 10) ** 2 + ((z - 9.5) / 8) ** 2 < 1
    scan = np.where(head, 0.8, 0.0).astype(np.float32)
    side = head & (x < 8)
    affine = np.diag([9.0, 9.0, 9.0, 1.0])

    def example(label: str) -> Example:
        made = {"mine": lambda: scan + np.float32(0.2) * side}
        return Example(
            ImageKey(label, "", "cfAUD"),
            lambda: scan,
            lambda: None,
            made,
            lambda: scan - np.float32(0.2) * side,
            lambda: affine,
        )

    return [example(label) for label in PEOPLE]
