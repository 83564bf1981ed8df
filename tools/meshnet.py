"""Read scans with MeshNet and compare: ``python tools/meshnet.py --model DIR --cohort DIR --out DIR``.

MeshNet (Fedorov et al. 2017; brainchop's published weights, tfjs layout) knows nothing of this project. The label map
of every scan of a BIDS folder is written to ``OUT/NAME_dseg.nii.gz`` with FreeSurfer's numbers (no sides: 2 is all
cerebral white matter, 3 all cortex), and the segmenter reads the same scans. Prints a Markdown table: for every region
that both readings have, the mean and s.d. over people of the log-ratio of the segmenter's volume to MeshNet's, and r.
The label maps of the 18-label model are what ``fitting.make --scans`` takes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import torch
from nibabel.processing import conform
from torch import Tensor
from torch.nn import functional
from volume_columns import cortex_of

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.anatomy import LOBE_OF
from pcgm_bench.anatomy import PARCELS
from pcgm_bench.anatomy import dk_label
from pcgm_bench.cohort.align import align
from pcgm_bench.contracts import Scan
from pcgm_bench.segmenters.unet.segmenter import UNetSegmenter
from pcgm_bench.segmenters.unet.weight_files import WEIGHTS
from pcgm_bench.store.home import default_home

SIDE, MARGIN = 256, 20
"""Voxels of 1 mm: of the conformed volume, and around the head (far from it MeshNet sees nothing)."""
QUANTILES = (0.02, 0.98)
"""Of the intensities: what 0 and 1 are in its input."""
NUMBERS = {
    "Cerebral-White-Matter": 2, "Cerebral-Cortex": 3, "Lateral-Ventricle": 4, "Inferior-Lateral-Ventricle": 5,
    "Inf-Lat-Vent": 5, "Cerebellum-White-Matter": 7, "Cerebellum-Cortex": 8, "Thalamus": 10, "Thalamus-Proper*": 10,
    "Caudate": 11, "Putamen": 12, "Pallidum": 13, "3rd-Ventricle": 14, "4th-Ventricle": 15, "Brain-Stem": 16,
    "Hippocampus": 17, "Amygdala": 18, "CSF": 24, "Accumbens-area": 26, "VentralDC": 28,
}  # fmt: skip
"""FreeSurfer's, of the left side."""
CALLOSUM = 251
GROUPS = {"white_matter": (2, CALLOSUM), "ventricles": (4, 5, 14)}


@dataclass(frozen=True)
class MeshNet:
    """Dilated convolutions, an activation between each two.

    Attributes:
        layers: weight, bias, dilation.
        activation: ``elu`` or ``relu``.
        numbers: FreeSurfer's, by output channel.
    """

    layers: list[tuple[Tensor, Tensor, int]]
    activation: str
    numbers: np.ndarray

    @torch.inference_mode()
    def labels(self, image: np.ndarray) -> np.ndarray:
        """FreeSurfer's numbers ``(X, Y, Z)`` of an image scaled to [0, 1]."""
        act = functional.elu_ if self.activation == "elu" else functional.relu_
        x = torch.from_numpy(image)[None, None]
        *hidden, (weight, bias, _) = self.layers
        for kernel, offset, dilation in hidden:
            x = act(functional.conv3d(x, kernel, offset, padding=dilation, dilation=dilation))
        return self.numbers[functional.conv3d(x, weight, bias)[0].argmax(0).numpy()]


def read_model(folder: Path) -> MeshNet:
    """Read ``model.json``, its weights and ``colormap.json``."""
    model = json.loads((folder / "model.json").read_text())
    manifest = model["weightsManifest"][0]
    raw, known, at = np.frombuffer((folder / manifest["paths"][0]).read_bytes(), "<f4"), {}, 0
    for entry in manifest["weights"]:
        size = int(np.prod(entry["shape"]))
        known[entry["name"]] = torch.from_numpy(raw[at : at + size].reshape(entry["shape"]).copy())
        at += size
    layers, activation = [], "relu"
    for layer in model["modelTopology"]["model_config"]["config"]["layers"]:
        config = layer["config"]
        if layer["class_name"] == "Conv3D":
            kernel = known[f"{config['name']}/kernel"].permute(4, 3, 0, 1, 2).contiguous()
            layers.append((kernel, known[f"{config['name']}/bias"], config["dilation_rate"][0]))
        elif layer["class_name"] == "Activation":
            activation = config["activation"]
    names = json.loads((folder / "colormap.json").read_text())["labels"]
    return MeshNet(layers, activation, np.array([number_of(name) for name in names], np.int16))


def number_of(name: str) -> int:
    """FreeSurfer's number of one of MeshNet's labels.

    >>> number_of("ctx-rh-insula"), number_of("Right-Putamen"), number_of("CC_Central"), number_of("BG")
    (2035, 12, 251, 0)
    """
    if name.startswith("ctx-"):
        _, side, region = name.split("-")
        return dk_label(region, side)
    if name.startswith("CC_"):
        return CALLOSUM
    return NUMBERS.get(name.removeprefix("Left-").removeprefix("Right-"), 0)


def label_map(model: MeshNet, path: Path) -> nib.Nifti1Image:
    """MeshNet's labels of a skull-stripped scan, on 1 mm voxels around its head."""
    scan = nib.load(path)
    volume = nib.Nifti1Image(np.asarray(scan.dataobj, np.float32), scan.affine)
    whole = conform(volume, (SIDE,) * 3, (1.0,) * 3, order=1, orientation="LIA")
    data = np.asarray(whole.dataobj, np.float32)
    there = np.argwhere(data > QUANTILES[0] * data.max())
    low, high = np.maximum(there.min(0) - MARGIN, 0), np.minimum(there.max(0) + 1 + MARGIN, SIDE)
    black, white = np.quantile(data, QUANTILES)
    part = data[tuple(slice(*ends) for ends in zip(low, high, strict=True))]
    labels = model.labels(np.clip((part - black) / (white - black), 0, 1).astype(np.float32))
    affine = whole.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ low
    return nib.Nifti1Image(labels, affine)


def volumes_of(labels: np.ndarray) -> Iterator[tuple[str, float]]:
    """Name and mL of every region of a label map of 1 mm; lobes where it has parcels."""
    counts = np.bincount(labels.ravel(), minlength=3000) / 1000
    for name, numbers in GROUPS.items():
        yield name, float(counts[list(numbers)].sum())
    parcels = {number: LOBE_OF[name[3:]] for name, number in PARCELS.items()}
    yield "cortex", float(counts[[3, *parcels]].sum())
    if counts[list(parcels)].sum() > 0:
        for lobe in LOBE_NAMES:
            yield lobe, float(sum(counts[number] for number, place in parcels.items() if place == lobe))


def segmenter_volumes(segmenter: UNetSegmenter, path: Path, home: Path) -> dict[str, float]:
    """What the segmenter reads in native mL."""
    aligned = align(path, "3mm", home)
    read = segmenter.segment(Scan(path.name, "", aligned.image, aligned.affine, 30.0, "F", "control")).volumes
    volumes = {name: read[name] / aligned.scale for name in (*LOBE_NAMES, "white_matter", "ventricles")}
    return volumes | {"cortex": cortex_of(volumes)}


def table(rows: list[dict[str, float]]) -> str:
    """Markdown of the log-ratios."""
    frame = pd.DataFrame(rows)
    lines = ["| region | MeshNet mL | difference % | s.d. % | r |", "|---|---|---|---|---|"]
    for name in [column.removeprefix("mesh ") for column in frame.columns if column.startswith("mesh ")]:
        ours, theirs = np.log(frame[name]), np.log(frame[f"mesh {name}"])
        ratio, r = 100 * (ours - theirs), np.corrcoef(ours, theirs)[0, 1]
        lines.append(
            f"| {name} | {frame[f'mesh {name}'].mean():.1f} | {ratio.mean():+.1f} | {ratio.std():.1f} | {r:.2f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Read, write, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="folder of MeshNet's weights")
    parser.add_argument("--cohort", type=Path, required=True, help="BIDS folder of skull-stripped scans")
    parser.add_argument("--out", type=Path, required=True, help="for the label maps; those that are there are kept")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="of the segmenter")
    parser.add_argument("--leave-out", nargs="*", default=[], help="people (sub-01) that are not compared")
    parser.add_argument("--people", type=int, default=None, help="how many scans, from the first on")
    parser.add_argument("--home", type=Path, default=None, help="keeps aligned scans; default: pcgm-bench's home")
    given = parser.parse_args()
    model, segmenter, rows = read_model(given.model), UNetSegmenter(given.weights), []
    given.out.mkdir(parents=True, exist_ok=True)
    paths = sorted(given.cohort.rglob("*_T1w.nii.gz"))
    for path in paths[: given.people]:
        name = path.name.removesuffix("_T1w.nii.gz")
        kept = given.out / f"{name}_dseg.nii.gz"
        if not kept.exists():
            nib.save(label_map(model, path), kept)
        if name.split("_")[0] in given.leave_out:
            continue
        theirs = dict(volumes_of(np.asarray(nib.load(kept).dataobj).astype(np.int64)))
        ours = segmenter_volumes(segmenter, path, default_home(given.home))
        rows.append({**{k: ours[k] for k in theirs}, **{f"mesh {k}": v for k, v in theirs.items()}})
        print(f"{name}: " + ", ".join(f"{k} {ours[k]:.0f}/{v:.0f}" for k, v in theirs.items()), flush=True)
    print(f"\n{segmenter.identity}, {len(rows)} scans of {given.cohort.name}\n\n{table(rows)}")


if __name__ == "__main__":
    main()
