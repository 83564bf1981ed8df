"""Do simple statistics of the voxels tell made brains from real ones? ``python tools/reader_tells.py STUDY``.

STUDY is a folder that `pcgm-bench reader export` wrote. Prints, for the first reader's cases without catch trials and
repeats, the area under the ROC curve of each statistic, turned so that it is at least 0.5.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy.ndimage import binary_erosion
from sklearn.metrics import roc_auc_score


def statistics(voxels: np.ndarray) -> dict[str, float]:
    """Of one case ``(X, Y, Z)``, levels 0 to 255, background 0."""
    brain = voxels > 0
    inside = voxels[brain]
    return {
        "mean level": float(inside.mean()),
        "mean level at the rim": float(voxels[brain & ~binary_erosion(brain)].mean()),
        "share of dim voxels": float((inside < 25).mean()),
        "saturated share": float((inside == 255).mean()),
        "distinct levels": float(len(np.unique(inside))),
        "odd levels": float((inside % 2).mean()),
        "mask volume": float(brain.sum()),
    }


def main() -> None:
    """Print a Markdown table."""
    study = Path(sys.argv[1])
    key = json.loads((study / "sealed" / "key.json").read_text())
    rows, truth = [], []
    for case, name in sorted(key["readers"]["1"].items()):
        image = key["images"][name]
        if image["kind"] == "case":
            rows.append(statistics(np.asarray(nib.load(study / "reader-1" / "cases" / f"{case}.nii").dataobj)))
            truth.append(image["truth"] == "synthetic")
    print(f"| {sum(truth)} made, {len(truth) - sum(truth)} real | AUC |\n|---|---|")
    for name in rows[0]:
        area = roc_auc_score(truth, [row[name] for row in rows])
        print(f"| {name} | {max(area, 1 - area):.2f} |")


if __name__ == "__main__":
    main()
