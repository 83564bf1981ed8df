"""Everything that the report of a run says, gathered from its folder."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace

from pcgm_bench import registry
from pcgm_bench.contracts import ChangesPlot
from pcgm_bench.contracts import Conclusion
from pcgm_bench.contracts import ForestPlot
from pcgm_bench.contracts import Study
from pcgm_bench.contracts import UserError
from pcgm_bench.plugin_guard import guarded
from pcgm_bench.report.page.control_lines import ControlLine
from pcgm_bench.report.page.control_lines import control_lines
from pcgm_bench.report.page.people import Person
from pcgm_bench.report.page.people import ranked_people
from pcgm_bench.report.page.provenance import command
from pcgm_bench.report.page.provenance import provenance
from pcgm_bench.report.page.shareable import Shareable
from pcgm_bench.results.pivot import long_table
from pcgm_bench.results.scores import read_scores
from pcgm_bench.runner.scoring import study_tables
from pcgm_bench.store import Identity
from pcgm_bench.store import RunFolder
from pcgm_bench.tables import Table


@dataclass(frozen=True)
class Content:
    """What stands in the report.

    Attributes:
        identity: of the run.
        study_title: one line.
        is_phantom: whether the people are simulated.
        warnings: what not to believe; without those that may name somebody.
        hidden: how many such warnings there are.
        conclusion: the study's sentences; None where there is nothing to conclude.
        effects: the study's forest plot, or None.
        changes: its plot of changes, or None.
        people: of the run's own row, by rank; empty where the study does not say what was asked of whom.
        controls: the other rows, a line each.
        tables: of the run; all numbers last.
        provenance: ``(what, value)``.
        command: that makes the run again.
    """

    identity: Identity
    study_title: str
    is_phantom: bool
    warnings: Sequence[str]
    hidden: int
    conclusion: Conclusion | None
    effects: ForestPlot | None
    changes: ChangesPlot | None
    people: Sequence[Person]
    controls: Sequence[ControlLine]
    tables: Sequence[Table]
    provenance: Sequence[tuple[str, str]]
    command: str


def content_of(folder: RunFolder) -> Content:
    """Read a scored run.

    Raises:
        UserError: the run is not scored yet, or a file of it is damaged.
        PluginError: its study fails.
    """
    if not folder.scores_file.exists():
        raise UserError(f"{folder.root}: not scored yet; give the same `pcgm-bench run` command again")
    identity, manifest, scores = folder.identity, folder.manifest, read_scores(folder.scores_file)
    plugin = registry.find("studies", scores.study)
    study = plugin.load()()
    if not isinstance(study, Study):
        raise UserError(f"{scores.study}: people carry this study out, and it has no report")
    with guarded(plugin, "saying what its report holds"):
        plots = list(study.plots(scores.records))
        conclusion = study.conclusion(scores.records, identity.method)
        tables = study_tables(study, scores)
    changes = next((plot for plot in plots if isinstance(plot, ChangesPlot)), None)
    shown = Shareable(scores.is_phantom, labels_of(folder))
    warnings = [text for text in scores.warnings if not shown.is_private(text)]
    return Content(
        identity=identity,
        study_title=study.title,
        is_phantom=scores.is_phantom,
        warnings=warnings,
        hidden=len(scores.warnings) - len(warnings),
        conclusion=conclusion,
        effects=next((plot for plot in plots if isinstance(plot, ForestPlot)), None),
        changes=changes,
        people=ranked_people(changes, folder.measurements_file, is_phantom=scores.is_phantom) if changes else [],
        controls=control_lines(
            scores.rows,
            [replace(record, reason=shown.text(record.reason)) for record in scores.records],
            {row: shown.reason(why) for row, why in scores.skipped.items()},
        ),
        tables=[shown.table(table) for table in [*tables, long_table(scores.records)]],
        provenance=provenance(identity, manifest, scores),
        command=command(identity, manifest),
    )


def labels_of(folder: RunFolder) -> set[str]:
    """Labels of the run's people, as far as its measurements tell."""
    if not folder.measurements_file.exists():
        return set()
    with folder.measurements_file.open(encoding="utf-8", newline="") as stream:
        return {line["subject"] for line in csv.DictReader(stream, delimiter="\t") if line.get("subject")}
