"""The AUD study (paper, section 4.4 and Table 3): does a published group difference come out of counterfactuals?

Every person is shown under the other diagnosis. Real and counterfactual volumes are compared in five columns of six
lobes, after the replication itself on real scans, by two rules that are never mixed: the paper's, and a sound one.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING
from typing import Any
from typing import ClassVar

from pcgm_bench.contracts import BoardEntry
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Measurement
from pcgm_bench.contracts import UserError
from pcgm_bench.plain import plain_json
from pcgm_bench.statistics.effects import detectable
from pcgm_bench.studies import aud_board
from pcgm_bench.studies import aud_cohort
from pcgm_bench.studies import aud_marks
from pcgm_bench.studies import aud_person
from pcgm_bench.studies import aud_tables
from pcgm_bench.studies.aud_rules import UNAFFECTED
from pcgm_bench.studies.aud_rules import paper_rule
from pcgm_bench.studies.aud_sample import LOBES
from pcgm_bench.studies.aud_sample import Sample
from pcgm_bench.studies.aud_sample import build
from pcgm_bench.studies.aud_sample import readings
from pcgm_bench.studies.aud_sound import BOUND_INDEPENDENT
from pcgm_bench.studies.aud_sound import BOUND_PAIRED
from pcgm_bench.studies.aud_sound import Refitter
from pcgm_bench.studies.aud_sound import sound_rule

if TYPE_CHECKING:
    import pandas as pd

    from pcgm_bench.tables import Table

Progress = Callable[[str, int, int], None]

ORACLE = "oracle"
COPY = "copy-input"
RANDOM = "random-other"
ALL_PERMUTED = "labels permuted before everything"
VOLUMES = " (volumes)"
FIT_PERMUTED = " (volumes, labels permuted)"

OWN_NEAREST = "own-nearest"

REPLICATES = 1000
REPLICATES_QUICK = 200


class AUDStudy:
    """Alcohol use disorder: five lobes shrink, the occipital does not (Sullivan et al. 2018; paper, section 4.4).

    The rows of a run, besides the method's images:

    * ``oracle``, ``copy-input``, ``random-other``: controls through images. The first is the ceiling of every column.
    * ``<method> (volumes)``: the method's causal model alone, no image made.
    * ``<method> (volumes, labels permuted)``: its causal model fitted on permuted labels, scored with the true ones.
    * ``labels permuted before everything``: labels permuted first (`permuted`), then fitted, asked and scored with
      those; its readings carry the permuted label as ``factual_diagnosis``.
    """

    name: ClassVar[str] = "aud"
    title: ClassVar[str] = "Alcohol use disorder: cortical lobes of counterfactuals against real group differences"
    version: ClassVar[str] = "1"
    reference: ClassVar[str] = (
        "Li et al. 2025, section 4.4, Table 3; Sullivan et al. 2018, doi 10.1001/jamapsychiatry.2018.0021"
    )

    population: ClassVar[str] = "aud"
    image_metrics: ClassVar[tuple[str, ...]] = (OWN_NEAREST,)
    """Metrics that compare a row's images with the factual scans."""

    def rows(self, method_name: str) -> list[str]:
        """Names of the rows to run beside the method, in the order of the tables."""
        return [ORACLE, COPY, RANDOM, method_name + VOLUMES, method_name + FIT_PERMUTED, ALL_PERMUTED]

    def volume_rows(self, method_name: str) -> list[str]:
        """Those of `rows` that need no image, only `Generator.counterfactual_volumes`."""
        return [method_name + VOLUMES, method_name + FIT_PERMUTED, ALL_PERMUTED]

    def folds(self, table: pd.DataFrame, seed: int) -> list[tuple[list[str], list[str]]]:
        """Five ``(training, held-out)`` lists of subjects, alike in diagnosis, sex and age, asserted disjoint."""
        return aud_cohort.matched_folds(table, seed)

    def interventions(self, table: pd.DataFrame) -> list[tuple[int, dict[str, str]]]:
        """``(row of the table, do)``: every visit under the other diagnosis."""
        return aud_cohort.swapped(table)

    def permuted(self, table: pd.DataFrame, seed: int) -> pd.DataFrame:
        """The table with diagnoses shuffled between people, for the rows that permute labels."""
        return aud_cohort.permuted(table, seed)

    def score(
        self,
        measurements: Sequence[Measurement],
        table: pd.DataFrame,
        seed: int,
        quick: bool,
        progress: Progress = lambda _what, _done, _total: None,
        refitter: Refitter | None = None,
        replicates: int | None = None,
        images: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> dict[str, Any]:
        """Score all rows.

        Args:
            measurements: readings of the real scans (row ``"real"``) and of every other row.
            table: the cohort's table; ``table.attrs["planted"]``, where known, is the true loss in per cent by lobe.
            seed: of the bootstrap.
            quick: fewer bootstrap replicates.
            progress: told (what, done, total).
            refitter: fits the method's causal model anew in every bootstrap replicate; see `aud_sound.Refitter`.
                Without it the tables say that the intervals ignore the model's own uncertainty.
            images: row -> image metric -> its value with interval and n, for rows that made images.
            replicates: most bootstrap replicates that the refitter can afford.

        Returns:
            JSON-able scores; a value that does not exist is None.

        Raises:
            UserError: there are no readings of real scans, or the cohort has no two groups.
        """
        frames = readings(measurements)
        if "real" not in frames:
            raise UserError("the AUD study has no readings of the real scans: segment them first, then score")
        levels = aud_cohort.find_levels(table["diagnosis"].tolist())
        planted: Mapping[str, float] = table.attrs.get("planted") or {}
        affected = [lobe for lobe in LOBES if planted.get(lobe)] if planted else [x for x in LOBES if x != UNAFFECTED]
        samples = {row: build(frames, row, levels) for row in frames}
        samples = {row: sample for row, sample in samples.items() if self._enough(row, sample)}
        n = min(REPLICATES_QUICK if quick else REPLICATES, replicates or REPLICATES)
        methods = [row for row in samples if row + VOLUMES in samples]
        fitted = {*methods, *(row for row in samples if row.endswith(VOLUMES)), ALL_PERMUTED}
        rows: dict[str, Any] = {}
        errors = self._errors(samples, seed)
        for row, sample in samples.items():
            entry: dict[str, Any] = {"dropped": sample.dropped, "paper": paper_rule(sample)}
            entry["sound"] = sound_rule(
                sample,
                n,
                seed,
                refitter if row in fitted else None,
                planted,
                partial(progress, f"bootstrap {row}"),
            )
            if row != "real":
                entry["has_model"] = row in fitted or row.endswith(FIT_PERMUTED)
                entry["oracle_error"] = errors.get(row)
                entry["spill_over"] = aud_person.spill_over(sample, samples.get(row + VOLUMES))
                entry["own_nearest"] = (images or {}).get(row, {}).get(OWN_NEAREST)
                entry["person"] = aud_person.same_person(
                    entry["sound"]["paired"], errors.get(row), errors.get(COPY), affected, entry["own_nearest"]
                )
                entry["verdict"] = overall(entry)
            rows[row] = entry
        real = samples["real"]
        sizes = [int((~real.patient).sum()), int(real.patient.sum())]
        return plain_json(
            {
                "study": self.name,
                "version": self.version,
                "seed": seed,
                "quick": quick,
                "levels": {"control": levels.control, "patient": levels.patient},
                "n": {"control": sizes[0], "patient": sizes[1]},
                "detectable_d": detectable(sizes[0], sizes[1], len(LOBES)),
                "bounds": {"independent": BOUND_INDEPENDENT, "paired": BOUND_PAIRED},
                "replicates": n,
                "planted": dict(planted),
                "missing_rows": sorted(set(frames) - set(samples)),
                "rows": rows,
            }
        )

    def tables(self, scores: Mapping[str, Any]) -> list[Table]:
        """The study's tables, the overview first; a pure function of stored scores."""
        names = aud_board.controls_of(scores, self.rows)
        parts = [row for row in scores["rows"] if row.endswith(VOLUMES)]
        return aud_tables.all_tables(scores, aud_marks.Controls(names, ORACLE, parts))

    def board(self, scores: Mapping[str, Any]) -> list[BoardEntry]:
        """The leaderboard's cells; a pure function of stored scores."""
        return aud_board.entries(scores, self.rows)

    def warnings(self, table: pd.DataFrame, cohort: Cohort) -> list[str]:
        """What a reader must know before believing a number from this cohort; one line each."""
        return aud_tables.cohort_warnings(table, cohort.is_phantom)

    @staticmethod
    def _enough(row: str, sample: Sample) -> bool:
        sizes = int((~sample.patient).sum()), int(sample.patient.sum())
        if min(sizes) >= 3:
            return True
        if row == "real":
            raise UserError(f"the AUD study needs 3 people a group with a reading, has {sizes[0]} and {sizes[1]}")
        return False

    @staticmethod
    def _errors(samples: Mapping[str, Sample], seed: int) -> dict[str, dict[str, dict[str, float]]]:
        if ORACLE not in samples:
            return {}
        oracle = samples[ORACLE]
        skipped = ("real", ORACLE, ALL_PERMUTED)  # permuted people are sent the other way than the oracle was
        return {
            row: aud_person.oracle_error(sample, oracle, seed) for row, sample in samples.items() if row not in skipped
        }


def overall(entry: Mapping[str, Any]) -> str:
    """One word for a row by the sound rule: ``fail``, ``inconclusive`` or ``pass``.

    ``fail``: a cell of the five columns is wrong, or the people are not the same. ``inconclusive``: nothing is wrong,
    but not all of it is shown.
    """
    counts = [count for column, count in entry["sound"]["counts"].items() if column != "real"]
    if any(count["wrong"] for count in counts) or not entry["person"]["passed"]:
        return "fail"
    return "inconclusive" if any(count["inconclusive"] for count in counts) else "pass"
