"""The shipped segmenter: its window, its quality score, what it refuses, its weights."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import SegmenterOptions
from pcgm_bench.contracts import UserError
from pcgm_bench.segmenters.unet.atlas import ATLAS
from pcgm_bench.segmenters.unet.atlas import CELL_MM
from pcgm_bench.segmenters.unet.atlas import load_atlas
from pcgm_bench.segmenters.unet.network import build
from pcgm_bench.segmenters.unet.network import window
from pcgm_bench.segmenters.unet.segmenter import UNetSegmenter
from pcgm_bench.segmenters.unet.weight_files import WEIGHTS

AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])


def scan(image: np.ndarray, subject: str = "01") -> Scan:
    return Scan(subject, "", image.astype(np.float32), AFFINE, 40.0, "F", "control")


@pytest.fixture(scope="module")
def average_head() -> np.ndarray:
    """The shipped average brain as a T1w image on the 3 mm grid."""
    tissue = load_atlas(WEIGHTS / ATLAS).tissue
    levels = torch.tensor([0.2, 1.0, 0.8, 0.8, 0.65])
    image = torch.tensordot(levels, tissue, 1)[None, None]
    sides = [round(side * CELL_MM / 3) for side in image.shape[2:]]
    small = torch.nn.functional.interpolate(image, sides, mode="trilinear", antialias=False)[0, 0].numpy()
    grid = np.zeros((56, 64, 56), np.float32)
    grid[2:54, :, :] = small[:52, :64, :56]
    return grid


def test_window_holds_the_head() -> None:
    image = torch.full((56, 64, 56), -0.5)
    image[5:50, 4:60, 6:50] = 1.0
    box = window(image > 0)
    assert [b.stop - b.start for b in box] == [48, 56, 48]
    assert all(b.start <= low and b.stop >= high for b, low, high in zip(box, (5, 4, 6), (50, 60, 50), strict=True))
    image[2:54] = 1.0
    assert window(image > 0)[0] == slice(0, 56)


@pytest.mark.parametrize("haze", [0.01, 0.03])
def test_noise_around_the_head_does_not_move_it(average_head: np.ndarray, haze: float) -> None:
    rng = np.random.default_rng(5)
    one, other = (haze * rng.standard_normal(average_head.shape) for _ in range(2))
    segmenter = UNetSegmenter()
    clean, noisy = (segmenter.segment(scan(image)) for image in (average_head, np.hypot(average_head + one, other)))
    for lobe in LOBE_NAMES:
        assert noisy.volumes[lobe] == pytest.approx(clean.volumes[lobe], rel=0.06), lobe
    assert noisy.qc > 0.65


def test_quality_knows_a_brain_from_what_is_none(average_head: np.ndarray) -> None:
    segmenter = UNetSegmenter()
    noise = np.abs(np.random.default_rng(6).standard_normal(average_head.shape))
    assert segmenter.segment(scan(average_head)).qc > 0.9
    assert segmenter.segment(scan(average_head[:, :, ::-1].copy())).qc < 0.3
    assert segmenter.segment(scan(noise)).qc < 0.3
    assert segmenter.segment(scan((noise > 3.5).astype(float))).qc == 0, "no voxel belongs to a head"


def test_unet_refuses_what_it_cannot_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no weights"):
        UNetSegmenter(tmp_path)
    segmenter = UNetSegmenter()
    with pytest.raises(UserError, match="sides dividing by 8"):
        segmenter.segment(scan(np.ones((20, 24, 24))))
    with pytest.raises(UserError, match="sides dividing by 8"):
        segmenter.segment(scan(np.ones((24, 8, 24))))
    with pytest.raises(UserError, match="sides dividing by 12 at 2 mm"):
        segmenter.segment(replace(scan(np.ones((32, 24, 24))), affine=np.diag([2.0, 2.0, 2.0, 1.0])))
    for spacing in ([1.0, 1.0, 1.0], [2.0, 2.0, 3.0]):
        shown = " x ".join(f"{side:g}" for side in spacing)
        with pytest.raises(UserError, match=f"reads voxels of 3 or 2 mm, not {shown} mm"):
            segmenter.segment(replace(scan(np.ones((24, 24, 24))), affine=np.diag([*spacing, 1.0])))
    with pytest.raises(UserError, match="empty or has values"):
        segmenter.segment(scan(np.full((24, 24, 24), np.nan)))


def test_shipped_weights_fit_the_code() -> None:
    segmenter = UNetSegmenter()
    assert segmenter.identity.startswith("unet-")
    assert segmenter.identity != UNetSegmenter(raw=True).identity
    assert sum(p.numel() for p in build(load_atlas(WEIGHTS / ATLAS)).parameters()) < 2**21


def test_reading_imports_nothing_of_the_training() -> None:
    """A key hashes what the class imports: what does not affect a reading must not be there."""
    code = (
        "import sys; import pcgm_bench.segmenters.unet.segmenter\n"
        "print([name for name in sys.modules if '.fitting' in name or name.startswith('pcgm_bench.cohort')])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_it_is_opened_with_the_runs_threads(average_head: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    segmenter = UNetSegmenter.open(SegmenterOptions(home=Path(), threads=3))
    segmenter.segment(scan(average_head))
    assert asked[0] == 3
    assert segmenter.depends_on_image_alone


def test_it_is_opened_on_the_runs_device() -> None:
    """Torch's device without data runs the whole network, and fails where the result is copied out."""
    with pytest.raises(NotImplementedError, match="copy out of meta tensor"):
        UNetSegmenter.open(SegmenterOptions(home=Path(), device="meta")).segment(scan(np.ones((48, 56, 48))))
