"""The PGM's table: one row a segmented scan."""

from __future__ import annotations

import pandas as pd

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import Segmentation
from pcgm_bench.contracts import UserError


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
    """One row of the PGM's table from a segmented scan.

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
    return pd.DataFrame([row | {lobe: float(volumes[lobe]) for lobe in LOBE_NAMES}])


def volume_table(cohort: Cohort) -> pd.DataFrame:
    """The PGM's table of a segmented cohort, one row a visit."""
    return pd.concat([row_of(cohort[index]) for index in range(len(cohort))], ignore_index=True)
