"""What a study asks of images made elsewhere: the scans as a plugin would get them, and the names of their answers."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import CohortRequest
from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import Job
from pcgm_bench.contracts import Progress
from pcgm_bench.runner.resolve import find_study
from pcgm_bench.runner.resolve import open_cohort
from pcgm_bench.runner.resolve import study_request
from pcgm_bench.runner.segmented_cohort import keys_of
from pcgm_bench.store import ImageKey
from pcgm_bench.store import atomic
from pcgm_bench.store.image_key import description_of

LIST = "interventions.csv"


def write_interventions(
    study_name: str, request: CohortRequest, home: Path, seed: int, quick: bool, out: Path, progress: Progress
) -> tuple[Path | None, int]:
    """Write ``interventions.csv`` and ``sub-001_ses-01_T1w.nii.gz`` of everybody who is asked for; those there stay.

    The list has one row an image: ``scan`` and who is on it (``subject``, ``session``, ``age``, ``sex``,
    ``diagnosis``), what is asked (``desc``, and ``do`` as JSON), and ``path``, the name to give the answer. With the
    answers beside it, it is a manifest for ``pcgm-bench score``. A study of new brains asks nothing of anybody: then
    there is no list, only a number.

    Returns:
        The list's path, or None; and how many images are asked for.

    Raises:
        UserError: unknown study or cohort, nothing to answer, or a folder that cannot be written to.
    """
    study, _plugin = find_study(study_name)
    cohort = open_cohort(study_request(study, request), home, seed, quick, progress)
    if study.job is Job.SAMPLE:
        return None, len(study.real_rows(cohort.table, seed))
    interventions = study.interventions(cohort.table)
    keys = keys_of(cohort.table)
    _write_scans(cohort, keys, sorted({row for row, _do in interventions}), out, progress)
    text = _list(cohort, interventions, keys).to_csv(index=False, lineterminator="\n")
    atomic.write_text(out / LIST, text)
    return out / LIST, len(interventions)


def _write_scans(cohort: Cohort, keys: list[ImageKey], rows: list[int], out: Path, progress: Progress) -> None:
    for done, row in enumerate(rows):
        progress("write scans", done, len(rows))
        path = out / _scan(keys[row])
        if not path.exists():
            scan = cohort[row]
            atomic.write_nifti(path, scan.image, scan.affine)
    progress("write scans", len(rows), len(rows))


def _scan(key: ImageKey) -> str:
    return f"{key.stem}_T1w.nii.gz"


def _list(cohort: Cohort, interventions: Sequence[tuple[int, Intervention]], keys: list[ImageKey]) -> pd.DataFrame:
    people = cohort.table[["age", "sex", "diagnosis"]].to_dict("records")
    lines = []
    for row, do in interventions:
        key = keys[row]
        answer = dataclasses.replace(key, description=description_of(do))
        line = {"scan": _scan(key), "subject": key.subject, "session": key.session, **people[row]}
        lines.append({**line, "desc": answer.description, "do": json.dumps(dict(do)), "path": _scan(answer)})
    return pd.DataFrame(lines)
