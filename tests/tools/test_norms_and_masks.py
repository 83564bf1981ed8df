"""`tools/mask_sensitivity.py` and `tools/norms.py`: masks of known width, changes and norms that were put in."""

from __future__ import annotations

from types import SimpleNamespace

import mask_sensitivity
import norms
import numpy as np
import pandas as pd
import pytest

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import Scan


def test_masks_are_looser_and_tighter_by_millimetres_whatever_the_voxels() -> None:
    mask = np.zeros((1, 20, 20), bool)
    mask[0, 5:15, 5:15] = True
    mask[0, 10, 10] = False  # a hole inside is no outside
    spacing = np.array([9.0, 1.0, 2.0])
    made = dict(mask_sensitivity.masks_of(mask[0], spacing[1:], {"in": -1.5, "out": 2.5}))
    assert made["own"].sum() == 99
    assert made["in"].sum() == 8 * 10, "one voxel of 1 mm off either end, none of 2 mm"
    assert made["out"].any(1).sum() == 14
    assert made["out"].any(0).sum() == 12


def test_changes_are_from_the_reading_under_the_scans_own_mask() -> None:
    class Summing:
        def segment(self, scan: Scan) -> SimpleNamespace:
            size = float(scan.image.sum())
            names = (*LOBE_NAMES, "white_matter", "ventricles")
            return SimpleNamespace(volumes=dict.fromkeys(names, size), head_size=2 * size)

    own, half = np.ones((4, 4, 4)), np.ones((4, 4, 4)) / 2
    rows = mask_sensitivity.changes(Summing(), "x", {"own": own, "tight": half})  # type: ignore[arg-type]
    assert [row["mask"] for row in rows] == ["tight"]
    assert [rows[0][column] for column in mask_sensitivity.COLUMNS] == pytest.approx([100 * np.log(0.5)] * 10)
    assert "| tight | -69.3 (0.0) |" in mask_sensitivity.table(pd.DataFrame(rows * 2))
    assert "| tight | -69.3 |" in mask_sensitivity.table(pd.DataFrame(rows)), "one scan has no s.d."


def test_norms_follow_age_and_sex_and_differences_are_taken_at_head_size() -> None:
    young, old, man = norms.norm_of(30.0, "F"), norms.norm_of(70.0, "F"), norms.norm_of(30.0, "M")
    assert norms.norm_of(48.0, "F")["frontal"] == 160
    assert all(young[lobe] > old[lobe] and man[lobe] > young[lobe] for lobe in LOBE_NAMES)
    assert young["ventricles"] < old["ventricles"]
    assert young["cortex"] == pytest.approx(sum(young[lobe] for lobe in LOBE_NAMES))
    read = {name: 0.9 * value for name, value in young.items()}
    read |= {"white_matter": young["white_matter"], "head_size": 0.75 * young["head_size"]}
    row = {"sex": "F", "age": 30.0, **read} | {f"norm {name}": value for name, value in young.items()}
    lines = {line.split("|")[1].strip(): line for line in norms.table(pd.DataFrame([row])).splitlines()}
    assert lines["frontal"].endswith("| -10 | +20 |")
    assert lines["white matter"].endswith("| +0 | +33 |")
    assert "1 women, 30 years" in lines["volume"]
    assert " men," not in lines["volume"]
