"""A made-up head of shells, half frontal and half occipital, as a scan and as the voxels behind it."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.anatomy import TISSUES
from pcgm_bench.anatomy import dk_label
from pcgm_bench.cohort.deformation.source import Source
from pcgm_bench.cohort.grid import grid
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import Segmentation

G = grid("3mm")
CENTRE = np.array([0.0, -17.0, 5.0])
INTENSITY = {"background": 0.0, "csf": 0.2, "ventricles": 0.2, "white_matter": 1.0} | dict.fromkeys(LOBE_NAMES, 0.65)


def true_fractions(points: np.ndarray, white: float = 27.0, thick: float = 3.0, gap: float = 5.0) -> np.ndarray:
    """Fractions ``(12, ...)`` at points ``(..., 3)`` in mm: ventricles 12 mm wide, white matter, cortex, CSF, black.

    White matter has waves of 2 mm, so that the surface bends.
    """
    x, y, z = np.moveaxis(points - CENTRE, -1, 0)
    radius = np.sqrt(x**2 + y**2 + z**2)
    surface = white + 1.0 * np.sin(x / 6) * np.cos(z / 7)
    out = np.zeros((len(CHANNELS), *radius.shape), np.float32)
    where = {
        "ventricles": radius < 12,
        "white_matter": (radius >= 12) & (radius < surface),
        "frontal": (radius >= surface) & (radius < surface + thick) & (y >= 0),
        "occipital": (radius >= surface) & (radius < surface + thick) & (y < 0),
        "csf": (radius >= surface + thick) & (radius < surface + thick + gap),
        "background": radius >= surface + thick + gap,
    }
    for name, mask in where.items():
        out[CHANNELS.index(name)] = mask
    return out


def head(thick: float = 3.0, gap: float = 5.0, texture: float = 0.02, seed: int = 0) -> tuple[Scan, Source]:
    """The head on the 3 mm grid with its true segmentation, and its image at 1 mm with texture."""
    fine = grid("1mm")
    axes = [fine.affine[i, 3] + np.arange(side) for i, side in enumerate(fine.shape)]
    fractions = true_fractions(np.stack(np.meshgrid(*axes, indexing="ij"), -1), thick=thick, gap=gap)
    image = sum(INTENSITY.get(name, 0.0) * fractions[k] for k, name in enumerate(CHANNELS))
    image = (image * (1 + texture * np.random.default_rng(seed).standard_normal(fine.shape))).astype(np.float32)
    coarse, small = (
        values.reshape(-1, *(part for side in G.shape for part in (side, 3))).mean((2, 4, 6))
        for values in (fractions, image[None])
    )
    volumes = {name: float(coarse[k].sum()) * 0.027 for k, name in enumerate(CHANNELS)}
    labels = np.where(coarse[len(TISSUES) :].sum(0) > 0.5, dk_label("superiorfrontal", "lh"), 0).astype(np.int16)
    segmentation = Segmentation(coarse.astype(np.float32), labels, volumes, sum(volumes.values()), 1.0)
    scan = Scan("01", "", small[0].astype(np.float32), G.affine, 30.0, "F", "control", segmentation=segmentation)
    return scan, Source(image, np.linalg.inv(fine.affine), 1)


def write_folder(folder: Path, scan: Scan) -> Path:
    """The scan as a BIDS folder of one."""
    path = folder / "sub-01" / "anat" / "sub-01_T1w.nii.gz"
    path.parent.mkdir(parents=True)
    nib.save(nib.Nifti1Image(scan.image, scan.affine), path)
    (folder / "participants.tsv").write_text("participant_id\tage\tsex\tdiagnosis\nsub-01\t30\tF\tcontrol\n")
    (folder / "dataset_description.json").write_text('{"Name": "heads", "BIDSVersion": "1.8.0"}')
    return folder
