"""The recovery study: a known change of one region is asked for, and looked for in the image.

``{"frontal": 0.95}`` is the same person with 5 % less frontal lobe. Lobes and ventricles are asked one at a time, from
-10 to +10 %, and nothing at all is asked of some people. On phantoms the true image of every request is known (oracle).
Some of these images are changed again: see `recovery_axioms`.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any
from typing import ClassVar

import numpy as np

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import BoardEntry
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Measurement
from pcgm_bench.contracts import Plot
from pcgm_bench.contracts import UserError
from pcgm_bench.plain import plain_json
from pcgm_bench.studies import aud_cohort
from pcgm_bench.studies import recovery_axioms
from pcgm_bench.studies import recovery_changes
from pcgm_bench.studies import recovery_rules
from pcgm_bench.studies import recovery_tables
from pcgm_bench.studies.controls import methods_first

if TYPE_CHECKING:
    import pandas as pd

    from pcgm_bench.tables import Table

Progress = Callable[[str, int, int], None]

ORACLE = "oracle"
CONTROLS = (ORACLE, "copy-input", "random-other", "blurred-copy", "training-mean")
REGIONS = (*LOBE_NAMES, "ventricles")
DOSES = (0.90, 0.95, 1.05, 1.10)
NULLS = 8
"""People of whom nothing is asked."""
MOST_REPEATS = 4
"""People a region and dose, at most: 28 x 4 + 8 = 120 images a row."""
OWN_NEAREST = "own-nearest"


class RecoveryStudy:
    """Dose-response of lobes and ventricles, scored against what was asked and against the oracle.

    One image a person (several only if there are fewer than 36 people), so that every point of a regression is another
    person. With 120 people or more a row has 120 images, with 40 people 36; 86 more (34 if quick) go on from some of
    them, for composition and reversibility.
    """

    name: ClassVar[str] = "recovery"
    title: ClassVar[str] = "Recovery: known changes of lobes and ventricles, against the oracle"
    version: ClassVar[str] = "2"
    reference: ClassVar[str] = "pcgm-bench"
    population: ClassVar[str] = "aud"
    needs_job: ClassVar[str] = "regions"
    image_metrics: ClassVar[tuple[str, ...]] = (OWN_NEAREST,)
    null_metrics: ClassVar[tuple[str, ...]] = recovery_axioms.NULL_METRICS
    round_trip_metrics: ClassVar[tuple[str, ...]] = recovery_axioms.ROUND_TRIP_METRICS
    chain_regions: ClassVar[tuple[str, ...]] = recovery_rules.READ

    def rows(self, method_name: str) -> list[str]:
        """Names of the rows to run beside the method, in the order of the tables."""
        return [row for row in CONTROLS if row != method_name]

    def job_for(self, do: Mapping[str, Any]) -> str:
        """What a generator's card must list to be asked for ``do``; where it does not, the region is "not possible"."""
        return "ventricles" if "ventricles" in do else self.needs_job

    def folds(self, table: pd.DataFrame, seed: int) -> list[tuple[list[str], list[str]]]:
        """Five ``(training, held-out)`` lists of subjects, alike in diagnosis, sex and age, as in the AUD study."""
        return aud_cohort.matched_folds(table, seed)

    def interventions(self, table: pd.DataFrame) -> list[tuple[int, dict[str, float]]]:
        """``(row of the table, do)``: first visits in a fixed random order are dealt the region-and-dose pairs.

        Raises:
            UserError: no people of the two diagnoses.
        """
        levels = aud_cohort.find_levels(table["diagnosis"].tolist())
        visits = table.reset_index(drop=True)
        visits = visits[visits["diagnosis"].isin([levels.control, levels.patient])].drop_duplicates("subject")
        rows = np.random.default_rng(28).permutation(visits.index.to_numpy())
        cells: list[dict[str, float]] = [{region: dose} for dose in DOSES for region in REGIONS]
        repeats = max(1, min(MOST_REPEATS, (len(rows) - NULLS) // len(cells)))
        asked: list[dict[str, float]] = [{} for _ in range(min(NULLS, len(rows)))] + repeats * cells
        dealt = [(int(rows[place % len(rows)]), do) for place, do in enumerate(asked)]
        # In a very small cohort the deal comes round to the same person with the same request.
        return [one for place, one in enumerate(dealt) if one not in dealt[:place]]

    def chains(self, table: pd.DataFrame, quick: bool) -> list[tuple[int, list[dict[str, float]]]]:
        """``(row of the table, dos)``: what is asked of the images of some `interventions`, one ``do`` after the other.

        Raises:
            UserError: as `interventions`.
        """
        return recovery_axioms.chains(self.interventions(table), REGIONS, quick)

    def score(
        self,
        measurements: Sequence[Measurement],
        table: pd.DataFrame,
        seed: int,
        quick: bool,
        progress: Progress = lambda _what, _done, _total: None,
        images: Mapping[str, Mapping[str, Any]] | None = None,
        axioms: Mapping[str, Mapping[str, Any]] | None = None,
        records: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> dict[str, Any]:
        """Score all rows.

        Args:
            measurements: readings of the factual scans (row ``"real"``) and of every other row, with their ``do``.
            table: the cohort's table.
            seed: of the bootstrap.
            quick: kept with the scores.
            progress: told (what, done, total).
            images: row -> image metric -> its value with interval and n.
            axioms: row -> metric of chains -> likewise, by number of cycles where it has some.
            records: metric -> its record and identity.

        Returns:
            JSON-able scores; a value that does not exist is None.

        Raises:
            UserError: there are no readings of the factual scans.
        """
        factual = {(one.subject, one.session): one.volumes for one in measurements if one.row == "real"}
        if not factual:
            raise UserError("the recovery study has no readings of the factual scans: segment them first, then score")
        names = list(dict.fromkeys(one.row for one in measurements if one.row != "real"))
        responses = {row: recovery_rules.responses(measurements, row, factual) for row in names}
        oracle = responses.get(ORACLE)
        rows: dict[str, Any] = {}
        changes: dict[str, Any] = {}
        for done, (row, response) in enumerate(responses.items()):
            progress("recovery", done, len(responses))
            entry = recovery_rules.row_scores(response, REGIONS, oracle if row != ORACLE else None, seed)
            entry["own_nearest"] = (images or {}).get(row, {}).get(OWN_NEAREST)
            rows[row] = entry
            changes[row] = recovery_changes.scores_of(response, seed)
        progress("recovery", len(responses), len(responses))
        return plain_json(
            {
                "study": self.name,
                "version": self.version,
                "seed": seed,
                "quick": quick,
                "doses": [round(100 * (dose - 1)) for dose in DOSES],
                "people": int(table["subject"].nunique()),
                "bounds": {
                    "slope": recovery_rules.SLOPE,
                    "bias": recovery_rules.BIAS,
                    "spill": recovery_rules.SPILL,
                },
                "rows": rows,
                "points": {row: recovery_rules.points(response, REGIONS) for row, response in responses.items()},
                "axioms": recovery_axioms.summary(axioms or {}, records or {}, CONTROLS, ORACLE),
                "changes": recovery_changes.summary(changes, CONTROLS, ORACLE),
            }
        )

    def tables(self, scores: Mapping[str, Any]) -> list[Table]:
        """The study's tables, the overview first; a pure function of stored scores."""
        return recovery_tables.all_tables(scores, CONTROLS, ORACLE)

    def warnings(self, table: pd.DataFrame, cohort: Cohort) -> list[str]:
        """What a reader must know before believing a number from this cohort; one line each."""
        found = []
        people = int(table["subject"].nunique())
        repeats = max(1, min(MOST_REPEATS, (people - NULLS) // (len(REGIONS) * len(DOSES))))
        if repeats < MOST_REPEATS:
            found.append(
                f"{people} people give {repeats * len(DOSES)} images a region: slopes are known to about +-0.1 to 0.2, "
                f"and 'inconclusive' is the expected verdict (120 people give {MOST_REPEATS * len(DOSES)})"
            )
        if people < len(REGIONS) * len(DOSES) + NULLS:
            found.append(f"{people} people are asked more than once: intervals take that into account, n does not")
        if cohort.is_phantom:
            found.append("phantom cohort: every number here is about simulated anatomy")
        else:
            found.append("real cohort: there is no oracle, so that the segmenter's share of a slope is unknown")
        return found

    def plots(self, scores: Mapping[str, Any]) -> list[Plot]:
        """Read against asked change of every region: the methods, and the oracle. None of scores without the points."""
        points = scores.get("points") or {}
        shown = {row: points[row] for row in methods_first(points, CONTROLS) if row == ORACLE or row not in CONTROLS}
        if not any(shown.values()):
            return []
        return [Plot("dose-response", "doses", "Change read against change asked, one dot an image", shown)]

    def board(self, scores: Mapping[str, Any]) -> list[BoardEntry]:
        """Entries of a row: mean slope of the lobes, error to the oracle, spill-over, single requests, axioms."""
        columns = (
            ("lobe_slope", "slope of the lobes", "nearest", 1.0),
            ("oracle_error", "error to the oracle, %", "lower", None),
            ("spill", "spill-over, % per 10 %", "lower", None),
        )
        entries = []
        for row, entry in scores["rows"].items():
            for key, column, direction, target in columns:
                cell = entry.get(key) or {}
                entries.append(
                    BoardEntry(
                        row=row, column=column, metric=f"recovery {key} {self.version}", direction=direction,
                        value=cell.get("value"), low=cell.get("low"), high=cell.get("high"), n=cell.get("n"),
                        target=target, is_control=row in CONTROLS, by_unit=cell.get("by_unit"),
                    )
                )  # fmt: skip
        more = recovery_changes.entries(scores.get("changes"), CONTROLS)
        return [*entries, *more, *recovery_axioms.entries(scores["axioms"], CONTROLS)]
