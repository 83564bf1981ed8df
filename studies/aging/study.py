"""The ageing study (paper, section 4.3 and Fig. 3): does a baseline scan, made older, grow the right ventricles?

Every baseline scan is shown at the age of each later visit; the ventricles of the image are compared with those of the
real later scan. By two rules that are never mixed: the paper's NMSE and Pearson's r, and rates of change.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any
from typing import ClassVar

import numpy as np
from scipy import stats
from statsmodels.stats.power import TTestPower

from pcgm_bench.contracts import BoardEntry
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Measurement
from pcgm_bench.contracts import Plot
from pcgm_bench.metrics.ageing_agreement import AgeingAgreement
from pcgm_bench.metrics.ageing_skill import AgeingSkill
from pcgm_bench.metrics.ageing_slope import AgeingSlope
from pcgm_bench.metrics.ageing_slope import annualised
from pcgm_bench.metrics.ageing_slope import estimate
from pcgm_bench.metrics.ageing_slope import mean
from pcgm_bench.metrics.ventricle_nmse import VentricleNMSE
from pcgm_bench.metrics.ventricle_pearson import VentriclePearson
from pcgm_bench.plain import plain_json
from pcgm_bench.statistics.multiplicity import holm
from pcgm_bench.studies import aging_tables
from pcgm_bench.studies import aging_visits
from pcgm_bench.studies.aging_visits import GROUPS

if TYPE_CHECKING:
    import pandas as pd

    from pcgm_bench.tables import Table

Progress = Callable[[str, int, int], None]

ORACLE = "oracle"
CONTROLS = (ORACLE, "copy-input", "blurred-copy", "random-other", "training-mean")
EVERY_CONTROL = frozenset({*CONTROLS, "noise"})
ALL = "all"
"""Everybody: only the paper pools adolescents, the old and people with HIV."""
OWN_NEAREST = "own-nearest"
REPLICATES = 1000
REPLICATES_QUICK = 200
LEAST_NMSE = 1e-12
"""Stands in for an NMSE of 0, whose logarithm there is not."""


class AgingStudy:
    """Ageing: the ventricles at a later visit, from the baseline scan and the later age (paper, task 2).

    Groups: adolescents and old adults (controls under 40 and from 40 on at baseline), and people with HIV. Nothing but
    age is asked to change. The baseline is the input and is scored nowhere; Pearson's r alone begins with it.

    Rows beside the method: ``oracle`` (the person's true later anatomy, fresh image noise: the ceiling that noise of
    reading allows), ``copy-input`` (no change), ``blurred-copy`` (no change and a worse picture: what blur alone does
    to the reading), ``random-other`` (another person) and ``training-mean`` (nobody). White noise is left out: it has
    no ventricles, and its score would be one of the segmenter's whims.
    """

    name: ClassVar[str] = "aging"
    title: ClassVar[str] = "Ageing: ventricles of baseline scans made older, against the real later scans"
    version: ClassVar[str] = "1"
    reference: ClassVar[str] = "Li et al. 2025, section 4.3, Fig. 3"
    population: ClassVar[str] = "ageing"
    image_metrics: ClassVar[tuple[str, ...]] = (OWN_NEAREST,)

    def rows(self, method_name: str) -> list[str]:
        """Controls beside the method, the ceiling first."""
        return list(CONTROLS)

    def folds(self, table: pd.DataFrame, seed: int) -> list[tuple[list[str], list[str]]]:
        """Five ``(training, held-out)`` lists of subjects, alike in group, sex and age."""
        return aging_visits.folds(table, seed)

    def interventions(self, table: pd.DataFrame) -> list[tuple[int, dict[str, float]]]:
        """``(row of a baseline, {"age": age at a later visit})``, one a follow-up."""
        return aging_visits.interventions(table)

    def score(
        self,
        measurements: Sequence[Measurement],
        table: pd.DataFrame,
        seed: int,
        quick: bool,
        progress: Progress = lambda _what, _done, _total: None,
        images: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> dict[str, Any]:
        """Score all rows, group by group.

        Args:
            measurements: readings of the real scans (row ``"real"``) and of every other row.
            table: the cohort's table.
            seed: of the folds and of the bootstrap.
            quick: fewer bootstrap replicates.
            progress: told (what, done, total).
            images: row -> image metric -> its value with interval and n.

        Returns:
            JSON-able scores; a value that does not exist is None. ``order``: of the rows, since a store may sort keys.
            ``groups``: group -> people, rates and rows;
            ``all``: the paper's rule over everybody; ``trajectories``: volumes (mL) over age, person by person.

        Raises:
            UserError: readings of real scans are missing, or an image matches no follow-up.
        """
        replicates = REPLICATES_QUICK if quick else REPLICATES
        options = {"seed": seed, "replicates": replicates}
        real = aging_visits.with_expected(aging_visits.real_visits(measurements, table), self.folds(table, seed))
        names = dict.fromkeys(m.row for m in measurements if m.row != "real")
        made = {row: aging_visits.with_made(real, [m for m in measurements if m.row == row]) for row in names}
        made = {row: visits for row, visits in made.items() if len(visits)}
        groups: dict[str, Any] = {}
        present = [group for group in GROUPS if (real["group"] == group).any()]
        for number, group in enumerate(present):
            progress("score ageing", number, len(present) + 1)
            groups[group] = _group(real, made, group, options)
        progress("score ageing", len(present), len(present) + 1)
        everybody = {row: _paper(visits, options) for row, visits in made.items()}
        scores = {
            "study": self.name,
            "version": self.version,
            "seed": seed,
            "quick": quick,
            "replicates": replicates,
            "order": list(made),
            "missing_rows": sorted(set(names) - set(made)),
            "groups": groups,
            ALL: {"n": int(real["subject"].nunique()), "rows": everybody, "comparisons": _comparisons(everybody)},
            "own_nearest": {row: (images or {}).get(row, {}).get(OWN_NEAREST) for row in made},
            "trajectories": _trajectories(real, made),
        }
        progress("score ageing", len(present) + 1, len(present) + 1)
        return plain_json(scores)

    def tables(self, scores: Mapping[str, Any]) -> list[Table]:
        """The study's tables, the overview first; a pure function of stored scores."""
        return aging_tables.all_tables(scores, EVERY_CONTROL, ORACLE)

    def warnings(self, table: pd.DataFrame, cohort: Cohort) -> list[str]:
        """What a reader must know before believing a number from this cohort; one line each."""
        return aging_tables.cohort_warnings(table, cohort.is_phantom)

    def plots(self, scores: Mapping[str, Any]) -> list[Plot]:
        """Ventricles over age, person by person (paper, Fig. 3); rows in their order."""
        people = scores["trajectories"]
        if not scores["order"] or not people:
            return []
        data = {
            group: {
                name: {**one, "made": {row: one["made"][row] for row in scores["order"] if row in one["made"]}}
                for name, one in group_people.items()
            }
            for group, group_people in people.items()
        }
        return [Plot("ventricles", "trajectories", "Ventricles of baseline scans made older", data)]

    def board(self, scores: Mapping[str, Any]) -> list[BoardEntry]:
        """The headline numbers of every row and group, and the paper's two over everybody."""
        entries = []
        for group, content in aging_tables.groups_of(scores):
            for row, entry in aging_tables.rows_of(scores, content):
                entries += _sound_cells(row, group, entry)
        for row, paper in aging_tables.rows_of(scores, scores[ALL]):
            nmse, pearson = paper["nmse"], paper["pearson"]
            entries.append(_cell(row, "NMSE, everybody", VentricleNMSE, nmse, by_unit=nmse["people"]))
            entries.append(_cell(row, "Pearson r, everybody", VentriclePearson, pearson, by_unit=pearson["people"]))
        return entries


def _group(
    real: pd.DataFrame, made: Mapping[str, pd.DataFrame], group: str, options: Mapping[str, int]
) -> dict[str, Any]:
    own = real[real["group"] == group]
    visits = own.groupby("subject").size() + 1
    rates = annualised(own.assign(made=own["real"]))["real"].to_numpy()
    rows: dict[str, Any] = {}
    for row, table in made.items():
        mine = table[table["group"] == group]
        if not len(mine):
            continue
        rows[row] = {
            "dropped": int(len(visits) - mine["subject"].nunique()),
            "paper": _paper(mine, options),
            "sound": {
                "slope": AgeingSlope()(mine, **options),
                "skill": AgeingSkill()(mine, **options),
                "agreement": AgeingAgreement()(mine, **options),
            },
        }
        rows[row]["verdict"] = verdict(rows[row]["sound"]["skill"])
    n = len(visits)
    papers = {row: entry["paper"] for row, entry in rows.items()}
    return {
        "n": n,
        "visits": {"2": int((visits == 2).sum()), "3": int((visits == 3).sum()), "4+": int((visits >= 4).sum())},
        "follow_ups": len(own),
        "real_rate": {**estimate(mean, rates, **options), "sd": float(np.std(rates, ddof=1)) if n > 1 else None},
        "training_rate": float(own.drop_duplicates("subject")["rate"].mean()),
        # In standard deviations of the slope error: the bias that a paired t-test sees four times in five.
        "detectable_bias": float(TTestPower().solve_power(nobs=n, alpha=0.05, power=0.8)) if n > 2 else None,
        "rows": rows,
        "comparisons": _comparisons(papers),
    }


def _paper(visits: pd.DataFrame, options: Mapping[str, int]) -> dict[str, Any]:
    return {"nmse": VentricleNMSE()(visits, **options), "pearson": VentriclePearson()(visits, **options)}


def verdict(skill: Mapping[str, Any]) -> str:
    """One word for a row in a group, by the interval of its skill against no change.

    >>> verdict({"low": 0.1, "high": 0.4}), verdict({"low": -0.1, "high": 0.4}), verdict({"low": -9.0, "high": -1.0})
    ('better', 'inconclusive', 'worse')
    """
    if skill["low"] > 0:
        return "better"
    return "worse" if skill["high"] < 0 else "inconclusive"


def _comparisons(rows: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Every method against every other row, on the people that both have.

    ``paper_t``, ``paper_p``: paired t-test of NMSE, as published. ``p``: Wilcoxon signed-rank test of log NMSE, which
    is skewed, and ``p_holm`` corrected over all pairs; ``ratio``: geometric mean of NMSE over NMSE, below 1 where the
    first is better.
    """
    methods = [row for row in rows if row not in EVERY_CONTROL]
    pairs = [
        (a, b) for i, a in enumerate(methods) for b in [*methods[i + 1 :], *(r for r in rows if r in EVERY_CONTROL)]
    ]
    found: list[dict[str, Any]] = []
    for first, second in pairs:
        one, two = rows[first]["nmse"]["people"], rows[second]["nmse"]["people"]
        shared = [name for name in one if name in two]
        a, b = (np.array([values[name] for name in shared]) for values in (one, two))
        logs = np.log(np.maximum(a, LEAST_NMSE)) - np.log(np.maximum(b, LEAST_NMSE))
        result: dict[str, Any] = {"first": first, "second": second, "n": len(shared)}
        result["ratio"] = float(np.exp(logs.mean())) if len(shared) else None
        enough = len(shared) > 2
        t = stats.ttest_rel(a, b) if enough and np.ptp(a - b) > 0 else None
        result["paper_t"], result["paper_p"] = (float(t.statistic), float(t.pvalue)) if t else (None, None)
        same = float("nan") if not enough else 1.0
        result["p"] = float(stats.wilcoxon(logs).pvalue) if enough and logs.any() else same
        found.append(result)
    for result, adjusted in zip(found, holm(np.array([result["p"] for result in found])), strict=True):
        result["p_holm"] = float(adjusted)
    return found


def _trajectories(real: pd.DataFrame, made: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """Group -> person -> ages (the baseline's first), real volumes, and each row's volumes (None where missing)."""
    result: dict[str, Any] = {}
    for (group, subject), visits in real.groupby(["group", "subject"], sort=True):
        start = float(visits["baseline"].iloc[0])
        lines = {row: table["made"].reindex(visits.index).to_list() for row, table in made.items()}
        result.setdefault(str(group), {})[str(subject)] = {
            "age": [float(visits["age"].iloc[0] - visits["years"].iloc[0]), *visits["age"].to_list()],
            "real": [start, *visits["real"].to_list()],
            "made": {row: [start, *line] for row, line in lines.items()},
        }
    return result


def _sound_cells(row: str, group: str, entry: Mapping[str, Any]) -> list[BoardEntry]:
    slope, skill, agreement = (entry["sound"][name] for name in ("slope", "skill", "agreement"))
    n = slope["n"]
    errors = slope["people"]
    sizes = {name: abs(error) for name, error in errors.items()}
    unit = "log-% / year"
    cells = [
        _cell(
            row,
            f"{group}: slope bias, {unit}",
            AgeingSlope,
            {**slope["bias"], "n": n},
            "bias",
            by_unit=errors,
            target=0.0,
        ),
        _cell(row, f"{group}: slope error, {unit}", AgeingSlope, slope, by_unit=sizes),
        _cell(row, f"{group}: skill against no change", AgeingSkill, skill),
        _cell(row, f"{group}: concordance of change", AgeingAgreement, agreement),
        _cell(row, f"{group}: sign agreement", AgeingAgreement, agreement["sign"], "sign"),
    ]
    if skill["against_training"]:
        cells.append(
            _cell(row, f"{group}: skill against training rate", AgeingSkill, skill["against_training"], "training")
        )
    return cells


def _cell(
    row: str,
    column: str,
    metric: Any,
    result: Mapping[str, Any],
    part: str = "",
    by_unit: Mapping[str, float] | None = None,
    target: float | None = None,
) -> BoardEntry:
    record = metric.record
    return BoardEntry(
        row=row,
        column=column,
        metric=f"{record.name}-{record.version}" + (f" {part}" if part else ""),
        direction="nearest" if target is not None else record.direction,
        value=result["value"],
        low=result["low"],
        high=result["high"],
        n=result["n"],
        target=target,
        rule=record.rule,
        is_control=row in EVERY_CONTROL,
        by_unit=by_unit,
    )
