"""The runner on a study of new brains."""

from __future__ import annotations

from pathlib import Path

import fakes
from toy_runs import derivatives
from toy_runs import records_of
from toy_runs import request

from pcgm_bench.runner.run import run

COPIER = {"method": "copier", "study": "toy-samples"}


def test_samples_run_end_to_end_and_again_from_the_store(home: Path, toys: list[str]) -> None:
    result = run(request(home, **COPIER))
    assert result.made == 6  # as many as there are held-out scans
    assert records_of(result, "images")["copier"].n == 6
    assert "shifter does not draw new brains" in result.scores.skipped["shifter"]
    # The metric saw the held-out scans and the samples, which copy the training half.
    contrast = records_of(result, "contrast")["copier"]
    assert (contrast.n, contrast.by_unit["n_real"]) == (6, 6)
    assert result.scores.metrics == {"contrast": "contrast-1"}
    files = sorted(path.name for path in derivatives(home, "copier").rglob("*_T1w.nii.gz"))
    assert files[0] == "sub-0001_desc-sample_T1w.nii.gz"
    assert len(files) == 6
    toys.clear()
    assert run(request(home, **COPIER)).made == 0
    assert toys == []


def test_a_sample_depends_on_its_number_alone(tmp_path: Path, toys: list[str]) -> None:
    trees = []
    for home in (tmp_path / "whole", tmp_path / "resumed"):
        run(request(home, **COPIER))
        if home.name == "resumed":
            for path in derivatives(home, "copier").rglob("sub-0003*"):
                if path.is_file():
                    path.unlink()
            assert run(request(home, **COPIER)).made == 1
        trees.append(fakes.tree_digest(derivatives(home, "copier")))
    assert trees[0] == trees[1]
