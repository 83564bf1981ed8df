"""The AUD study (paper, section 4.4 and Table 3): does a published group difference come out of counterfactuals?

Every person is shown under the other diagnosis. Real and counterfactual volumes are compared in five columns of six
lobes, after the replication itself on real scans, by two rules that are never mixed: the paper's, and a sound one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import ClassVar

from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Conclusion
from pcgm_bench.contracts import Evidence
from pcgm_bench.contracts import Fold
from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import Plot
from pcgm_bench.contracts import Record
from pcgm_bench.contracts import Row
from pcgm_bench.contracts import Study
from pcgm_bench.results.where import METRICS as WHERE_METRICS
from pcgm_bench.results.where import where_records
from pcgm_bench.statistics.matched_folds import matched_folds
from pcgm_bench.studies.aud import cohort as aud_cohort
from pcgm_bench.studies.aud import terms
from pcgm_bench.studies.aud.conclusion import conclusion
from pcgm_bench.studies.aud.facts import fact_records
from pcgm_bench.studies.aud.pattern import EXPECTATIONS
from pcgm_bench.studies.aud.plots import all_plots
from pcgm_bench.studies.aud.records import row_records
from pcgm_bench.studies.aud.rows import rows_of
from pcgm_bench.studies.aud.scoring import score_rows
from pcgm_bench.studies.aud.tables import all_tables

if TYPE_CHECKING:
    import pandas as pd

    from pcgm_bench.tables import Table


class AUDStudy(Study):
    """Alcohol use disorder: five lobes shrink, the occipital does not (Sullivan et al. 2018; paper, section 4.4).

    The rows of a run, besides the real scans and the method's images:

    * ``oracle``, ``copy-input``, ``random-other``: controls through images. The first is the ceiling of every column.
    * ``tissue-edit``, ``one-patch``: cheats. A column in which neither is worse than the oracle is no evidence.
    * ``<method> (volumes)``: the method's causal model alone, no image made.
    * ``<method> (volumes, labels permuted)``: its causal model fitted on permuted labels, scored with the true ones.
    * ``labels permuted before everything``: labels permuted first (`permuted`), then fitted, asked and scored with
      those; its measurements carry the permuted label as ``factual_diagnosis``.
    """

    name: ClassVar[str] = "aud"
    title: ClassVar[str] = "Alcohol use disorder: cortical lobes of counterfactuals against real group differences"
    version: ClassVar[str] = terms.VERSION
    reference: ClassVar[str] = (
        "Li et al. 2025, section 4.4, Table 3; Sullivan et al. 2018, doi 10.1001/jamapsychiatry.2018.0021"
    )
    population: ClassVar[str] = "aud"
    metrics: ClassVar[tuple[str, ...]] = (terms.OWN_NEAREST, *WHERE_METRICS)
    expectations: ClassVar[tuple[str, ...]] = EXPECTATIONS

    def rows(self, method: str) -> Sequence[Row]:
        """See `Study.rows`."""
        return rows_of(method)

    def folds(self, table: pd.DataFrame, seed: int) -> Sequence[Fold]:
        """Five ``(training, held-out)`` lists of subjects, alike in diagnosis, sex and age, asserted disjoint.

        Raises:
            UserError: a group is too small for the study.
        """
        aud_cohort.check_sizes(table)
        return matched_folds(table, seed)

    def interventions(self, table: pd.DataFrame) -> Sequence[tuple[int, Intervention]]:
        """Every visit under the other diagnosis."""
        return aud_cohort.swapped(table)

    def permuted(self, table: pd.DataFrame, seed: int) -> pd.DataFrame:
        """See `Study.permuted`."""
        return aud_cohort.permuted(table, seed)

    def score(self, evidence: Evidence) -> list[Record]:
        """Facts about the cohort, then everything about every row, in the protocol's order.

        With a refitter, the method's causal model is fitted anew in every bootstrap replicate; without it the tables
        say that the intervals ignore the model's own uncertainty.

        Raises:
            UserError: there are no measurements of real scans, or the cohort has no two groups.
        """
        scored = score_rows(evidence)
        records = [*fact_records(evidence, scored), *row_records(scored, evidence.planted)]
        return [*records, *where_records(evidence.rows, evidence.images, evidence.uses)]

    def tables(self, records: Sequence[Record]) -> list[Table]:
        """Both overviews, then the method's own tables and those of the people; the rest is detail."""
        return all_tables(records)

    def plots(self, records: Sequence[Record]) -> list[Plot]:
        """Effects of every column and lobe; the change of every person."""
        return all_plots(records)

    def conclusion(self, records: Sequence[Record], method: str) -> Conclusion | None:
        """See `Study.conclusion`."""
        return conclusion(records, method)

    def warnings(self, table: pd.DataFrame, cohort: Cohort) -> Sequence[str]:
        """What the cohort's size, balance and origin forbid to conclude."""
        return aud_cohort.warnings(table, cohort.is_phantom)
