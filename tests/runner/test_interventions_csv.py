"""What a study asks of images made elsewhere, as files: answered, they can be scored."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import fakes
import nibabel as nib
import numpy as np
import pandas as pd
from toy_runs import of_folder
from toy_runs import records_of

from pcgm_bench.contracts import CohortRequest
from pcgm_bench.contracts import silent
from pcgm_bench.runner.interventions_csv import write_interventions
from pcgm_bench.runner.run import run


def ask(out: Path, home: Path, study: str = "toy", *, quick: bool = False) -> tuple[Path | None, int]:
    return write_interventions(study, CohortRequest("toy"), home, 0, quick, out, silent)


def test_answers_under_the_names_asked_for_are_scored(home: Path, tmp_path: Path, toys: list[str]) -> None:
    out = tmp_path / "asked"
    path, count = ask(out, home)
    assert path == out / "interventions.csv"
    assert count == 13
    table = pd.read_csv(path, dtype=str)
    first = table.iloc[0]
    assert (first["scan"], first["path"]) == ("sub-000_ses-01_T1w.nii.gz", "sub-000_ses-01_desc-cfAUD_T1w.nii.gz")
    assert json.loads(first["do"]) == {"diagnosis": "AUD"}
    scan = nib.load(out / first["scan"])
    np.testing.assert_array_equal(np.asarray(scan.dataobj), fakes.ToyCohort(0)[0].image)
    np.testing.assert_allclose(scan.affine, fakes.AFFINE)
    for row in table.itertuples():
        shutil.copy(out / str(row.scan), out / str(row.path))
    # The folder will do, and so will the list.
    for number, source in enumerate((out, path)):
        means = records_of(run(of_folder(home / str(number), source)), "frontal")
        assert (means["mine"].estimate, means["mine"].n) == (means["real"].estimate, 13)


def test_asking_again_writes_the_same(home: Path, tmp_path: Path, toys: list[str]) -> None:
    ask(tmp_path / "asked", home)
    before = fakes.tree_digest(tmp_path / "asked")
    (tmp_path / "asked" / "sub-003_ses-01_T1w.nii.gz").unlink()
    ask(tmp_path / "asked", home)
    assert fakes.tree_digest(tmp_path / "asked") == before


def test_new_brains_are_a_number(home: Path, tmp_path: Path, toys: list[str]) -> None:
    assert ask(tmp_path / "asked", home, "toy-samples") == (None, 6)
    assert not (tmp_path / "asked").exists()
