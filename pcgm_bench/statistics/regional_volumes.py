"""Volumes of the cortical regions in a table of images, checked, left and right averaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pcgm_bench.anatomy import DK_REGIONS
from pcgm_bench.anatomy import PARCELS

if TYPE_CHECKING:
    import pandas as pd

NEEDED = (*PARCELS, "head_size")
"""Columns (mL)."""


def regional_volumes(table: pd.DataFrame, metric: str, least: int) -> np.ndarray:
    """``(n, 34)`` mL of the Desikan-Killiany regions, mean of left and right.

    Args:
        table: one row an image, with the columns `NEEDED`, and ``subject`` where a person has several images.
        metric: named in errors.
        least: fewest images.

    Raises:
        ValueError: a column is missing, a volume or head size is not a number (column and image are named), there are
            too few images, or they are all of one person.
    """
    if missing := [name for name in NEEDED if name not in table]:
        raise ValueError(f"{metric}: the table of volumes lacks {', '.join(missing[:3])}")
    if len(table) < least:
        raise ValueError(f"{metric} needs {least} images of a kind, has {len(table)}")
    values = table[list(NEEDED)].to_numpy(float)
    if (bad := np.argwhere(~np.isfinite(values))).size:
        row, column = bad[0]
        who = f"subject {table['subject'].iloc[row]}" if "subject" in table else f"row {row}"
        count = len(np.unique(bad[:, 0]))
        raise ValueError(
            f"{metric}: {NEEDED[column]} of {who} is {values[row, column]:g}, not mL ({count} of {len(table)} images "
            "have such a value): measure it or leave the image out"
        )
    if "subject" in table and table["subject"].nunique() < 2:
        raise ValueError(f"{metric} needs several people of a kind, has {len(table)} images of one")
    k = len(DK_REGIONS)
    return (values[:, :k] + values[:, k : 2 * k]) / 2
