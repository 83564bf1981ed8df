"""The PGM's table: one row a segmented scan."""

from __future__ import annotations

import pandas as pd

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import Segmentation
from pcgm_bench.contracts import UserError
from pcgm_bench.methods.pcgm.cmg.change import VENTRICLES


def segmentation_of(scan: Scan) -> Segmentation:
    """The scan's segmentation.

    Raises:
        UserError: the scan has not been segmented.
    """
    if scan.segmentation is None:
        msg = f"{scan.key}: pcgm needs the scan's segmentation: segment it first"
        raise UserError(msg)
    return scan.segmentation


def row_of(scan: Scan) -> pd.DataFrame:
    """One row of the PGM's table from a segmented scan: parents, lobes, and ventricles where they were measured.

    Raises:
        UserError: the scan has not been segmented.
    """
    volumes = segmentation_of(scan).volumes
    row: dict[str, object] = {
        "subject": scan.subject,
        "age": scan.age,
        "sex": scan.sex,
        "diagnosis": scan.diagnosis,
        "head_size": scan.head_size,
    }
    leaves = [*LOBE_NAMES, *([VENTRICLES] if VENTRICLES in volumes else [])]
    return pd.DataFrame([row | {leaf: float(volumes[leaf]) for leaf in leaves}])


def leaves_of(table: pd.DataFrame) -> tuple[str, ...]:
    """Leaves of a PGM of this table: the lobes, and the ventricles where every scan shows some."""
    shown = VENTRICLES in table and bool((table[VENTRICLES] > 0).all())
    return (*LOBE_NAMES, VENTRICLES) if shown else LOBE_NAMES


def volume_table(cohort: Cohort) -> pd.DataFrame:
    """The PGM's table of a segmented cohort, one row a visit."""
    return pd.concat([row_of(cohort[index]) for index in range(len(cohort))], ignore_index=True)
