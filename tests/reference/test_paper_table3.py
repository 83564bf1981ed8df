"""The paper's own numbers: its rule must count its p-values as it does."""

from __future__ import annotations

from importlib.resources import files

import pandas as pd
import pytest

from pcgm_bench.studies.aud.paper_rule import count_correct


def _read(name: str) -> pd.DataFrame:
    with (files("pcgm_bench.studies") / "paper_tables" / name).open(encoding="utf-8") as stream:
        return pd.read_csv(stream, sep="\t", dtype=str)


P_VALUES = _read("table3_p_values.tsv")
CORRECT = _read("table3_correct.tsv")


def test_the_table_is_complete() -> None:
    assert len(P_VALUES) == 90
    assert not P_VALUES.duplicated(["method", "region", "column"]).any()
    assert (P_VALUES["p"] == "<0.0001").sum() == 11
    assert len(CORRECT) == 15


@pytest.mark.parametrize(("method", "column", "correct"), CORRECT[["method", "column", "correct"]].to_numpy().tolist())
def test_printed_counts_come_from_printed_p_values(method: str, column: str, correct: str) -> None:
    cells = P_VALUES[(P_VALUES["method"] == method) & (P_VALUES["column"] == column)]
    assert count_correct(dict(zip(cells["region"], cells["p"], strict=True)), column) == int(correct)
