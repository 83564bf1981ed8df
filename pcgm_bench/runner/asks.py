"""What a study asks of images made elsewhere: the scans as a plugin would get them, and the names of their answers."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pandas as pd

from pcgm_bench import registry
from pcgm_bench.contracts import Cohort
from pcgm_bench.runner import build
from pcgm_bench.runner.readings import Progress
from pcgm_bench.runner.readings import units_of
from pcgm_bench.runner.work import check_takes_images
from pcgm_bench.runner.work import job_of
from pcgm_bench.store import Unit
from pcgm_bench.store import atomic
from pcgm_bench.store.stage import describe

LIST = "asks.csv"


def write_asks(
    study_name: str, request: build.CohortRequest, home: Path, seed: int, quick: bool, out: Path, progress: Progress
) -> tuple[Path | None, int]:
    """Write ``asks.csv`` and ``sub-001_ses-01_T1w.nii.gz`` of everybody who is asked for; those there stay.

    The list has one row an image: ``scan`` and who is on it (``subject``, ``session``, ``age``, ``sex``,
    ``diagnosis``), what is asked (``desc``, and ``do`` as JSON), and ``path``, the name to give the answer. With the
    answers beside it, it is a manifest for ``pcgm-bench score``. A study of new brains asks nothing of anybody: then
    there is no list, only a number.

    Returns:
        The list's path, or None; and how many images are asked for.

    Raises:
        UserError: unknown study or cohort, nothing to answer, or a folder that cannot be written to.
    """
    study = registry.get("studies", study_name)()
    check_takes_images(study)
    cohort = build.open_people(study, request, home, seed, quick, progress)
    if job_of(study) == "sample":
        return None, len(study.real_rows(cohort.table, seed))
    asks = study.interventions(cohort.table)
    units = units_of(cohort.table)
    _write_scans(cohort, units, sorted({index for index, _do in asks}), out, progress)
    atomic.write_text(out / LIST, _list(cohort, asks, units).to_csv(index=False, lineterminator="\n"))
    return out / LIST, len(asks)


def _write_scans(cohort: Cohort, units: list[Unit], rows: list[int], out: Path, progress: Progress) -> None:
    for done, index in enumerate(rows):
        progress("write scans", done, len(rows))
        path = out / _scan(units[index])
        if not path.exists():
            scan = cohort[index]
            atomic.write_nifti(path, scan.image, scan.affine)
    progress("write scans", len(rows), len(rows))


def _scan(unit: Unit) -> str:
    return f"{unit.stem}_T1w.nii.gz"


def _list(cohort: Cohort, asks: Any, units: list[Unit]) -> pd.DataFrame:
    people = cohort.table[["age", "sex", "diagnosis"]].to_dict("records")
    lines = []
    for index, do in asks:
        unit = units[index]
        answer = dataclasses.replace(unit, description=describe(do))
        line = {"scan": _scan(unit), "subject": unit.subject, "session": unit.session, **people[index]}
        lines.append({**line, "desc": answer.description, "do": json.dumps(dict(do)), "path": _scan(answer)})
    return pd.DataFrame(lines)
