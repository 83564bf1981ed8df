"""The synthesis study (paper, section 4.2, Table 1 and Figure 4): are unconditional brains like real ones?

The cohort is cut in two halves of equal make-up. One half is the reference; the other is what a method may adapt to,
and what the controls draw from: real scans of it, compared with the reference, are the floor of every metric at
exactly this n. A method draws as many brains as the reference has scans.

Privacy compares a row's images with the scans that it learnt from: for trained weights, the people they were trained
on, for all else the other half; the controls that hand those out are its worst case.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any
from typing import ClassVar

import numpy as np

from pcgm_bench.contracts import BoardEntry
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Measurement
from pcgm_bench.contracts import Plot
from pcgm_bench.contracts import UserError
from pcgm_bench.studies import synthesis_tables
from pcgm_bench.studies.controls import beaten_by_controls
from pcgm_bench.studies.synthesis_tables import base

if TYPE_CHECKING:
    import pandas as pd

    from pcgm_bench.tables import Table

FLOOR = "other-half"
PRIVACY = "privacy"
"""The one metric whose floor the other half is not: there, it is a copy."""
CONTROLS = (FLOOR, "one-person", "training-mean", "blurred-copy", "noise")
TOPICS = {
    "realism": ("fid", "kid", "mmd", "mmd-image", "precision", "density"),
    "diversity": ("recall", "coverage", "ms-ssim"),
    "anatomy": ("cohens-d", "regions-wasserstein", "qc-gate"),
    "privacy": (PRIVACY,),
}
"""Where a metric stands on the leaderboard."""
LEAST = 10
"""Fewest scans of a half."""


class SynthesisStudy:
    """New brains against held-out real ones: realism, diversity, anatomy (with the real-against-real floor), privacy.

    Halves are matched on age and sex: people are sorted by sex and age, and each pair of neighbours is split by a
    coin of the seed. A person's visits stay together.
    """

    name: ClassVar[str] = "synthesis"
    title: ClassVar[str] = "Synthesis: new brains against held-out real ones"
    version: ClassVar[str] = "2"
    reference: ClassVar[str] = "Li et al. 2025, section 4.2, Table 1, Figure 4"
    job: ClassVar[str] = "sample"
    population: ClassVar[str] = "synthesis"
    image_metrics: ClassVar[tuple[str, ...]] = (
        "fid", "kid", "mmd", "precision", "recall", "density", "coverage", "mmd-image", "ms-ssim",
        "cohens-d", "regions-wasserstein", "qc-gate", PRIVACY,
        "paper-mmd", "paper-mmd-image", "paper-ms-ssim", "paper-cohens-d",
    )  # fmt: skip
    feature_spaces: ClassVar[tuple[str, ...]] = ("uncnn", "segmenter")

    def rows(self, method_name: str) -> list[str]:
        """Controls beside the method, the floor first."""
        return list(CONTROLS)

    def folds(self, table: pd.DataFrame, seed: int) -> list[tuple[list[str], list[str]]]:
        """One fold: the half to adapt to, and the reference.

        Raises:
            UserError: too few people for two halves.
        """
        people = table.drop_duplicates("subject").sort_values(["sex", "age", "subject"])
        names = people["subject"].astype(str).to_list()
        if len(names) < 2 * LEAST:
            raise UserError(f"the synthesis study needs at least {2 * LEAST} people, has {len(names)}")
        rng = np.random.default_rng([seed, 5])
        halves: tuple[list[str], list[str]] = ([], [])
        for start in range(0, len(names) - 1, 2):
            first = int(rng.integers(2))
            halves[first].append(names[start])
            halves[1 - first].append(names[start + 1])
        return [(sorted(halves[0]), sorted(halves[1]))]

    def real_rows(self, table: pd.DataFrame, seed: int) -> list[int]:
        """Rows of the table that are the reference: the held-out half's first visits."""
        ((_, held_out),) = self.folds(table, seed)
        chosen = table[table["subject"].astype(str).isin(held_out)]
        first = chosen[~chosen["subject"].duplicated()]
        return [int(row) for row in first.index]

    def score(
        self,
        measurements: Sequence[Measurement],
        table: pd.DataFrame,
        seed: int,
        quick: bool,
        images: Mapping[str, Mapping[str, Any]],
        records: Mapping[str, Mapping[str, Any]],
    ) -> dict[str, Any]:
        """All metrics of all rows, as the runner computed them, with what they are.

        Args:
            measurements: unused; the volume metrics have read them.
            table: the cohort's.
            seed: of the halves.
            quick: whether this is the small version.
            images: row -> metric -> its result.
            records: metric -> its record and identity.
        """
        reference = self.real_rows(table, seed)
        rows = {row: {name: dict(result) for name, result in results.items()} for row, results in images.items()}
        entries = {
            name: [
                _entry(rows, row, name, record)
                for row in dict.fromkeys((*CONTROLS, *rows))
                if name in rows.get(row, {})
            ]
            for name, record in records.items()
        }
        return {
            "study": self.name,
            "version": self.version,
            "seed": seed,
            "quick": quick,
            "n": len(reference),
            "records": {name: dict(record) for name, record in records.items()},
            "rows": rows,
            "beaten": beaten_by_controls(entries, FLOOR),
        }

    def tables(self, scores: Mapping[str, Any]) -> list[Table]:
        """Overview, paper variants, privacy, regions; a pure function of stored scores."""
        return synthesis_tables.all_tables(scores, FLOOR, CONTROLS, PRIVACY)

    def warnings(self, table: pd.DataFrame, cohort: Cohort) -> list[str]:
        """What a reader must know before believing a number."""
        lines = []
        if cohort.is_phantom:
            lines.append("phantom cohort: realism here is likeness to simulated scans, not to people")
            lines.append(
                "privacy: the retest is the same simulated head with fresh noise, a stricter yardstick than a scanner"
            )
        people = table["subject"].nunique()
        if people < 200:
            lines.append(
                f"{people} people in two halves: set metrics are mostly bias at this n; read them by the floor"
            )
        lines.append("feature spaces are an untrained network and the segmenter: not comparable with published FID")
        return lines

    def plots(self, scores: Mapping[str, Any]) -> list[Plot]:
        """ln|d| of every region, the method first (paper, Figure 4)."""
        effects = synthesis_tables.regions_ln_d(scores, CONTROLS)
        title = f"Regional volumes of {scores['n']} real and as many made brains, head size regressed out"
        return [Plot("regions-ln-d", "effects", title, effects)] if effects else []

    def board(self, scores: Mapping[str, Any]) -> list[BoardEntry]:
        """One entry a metric and row, with the floor at the same n."""
        return [
            _entry(scores["rows"], row, name, scores["records"][name])
            for row, results in scores["rows"].items()
            for name in results
        ]


def _entry(rows: Mapping[str, Any], row: str, name: str, record: Mapping[str, Any]) -> BoardEntry:
    result, nearest = rows[row][name], record["direction"] == "perfect"
    return BoardEntry(
        row=row,
        column=heading(name, record["rule"]),
        metric=record["identity"],
        direction="nearest" if nearest else record["direction"],
        value=_number(result.get("value")),
        low=_number(result.get("low")),
        high=_number(result.get("high")),
        n=result.get("n"),
        floor=None if base(name) == PRIVACY else _number(rows.get(FLOOR, {}).get(name, {}).get("value")),
        target=record["perfect"] if nearest else None,
        rule=record["rule"],
        is_control=row in CONTROLS,
    )


def heading(name: str, rule: str) -> str:
    """``realism: fid (uncnn)``: the board makes a table of every topic.

    >>> heading("fid (uncnn)", "sound"), heading("paper-mmd (uncnn)", "paper")
    ('realism: fid (uncnn)', 'paper-mmd (uncnn)')
    """
    topic = next((topic for topic, names in TOPICS.items() if base(name) in names), "")
    return f"{topic}: {name}" if topic and rule == "sound" else name


def _number(value: Any) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
