"""`pcgm-aligned`: what its networks are told, how they are trained, and that the null intervention changes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from mgd_tiny import TINY
from mgd_tiny import awaken
from mgd_tiny import tiny_people
from mgd_tiny import tiny_scan
from safetensors.torch import load_file

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import UserError
from pcgm_bench.methods.pcgm.aligned.change import GAIN
from pcgm_bench.methods.pcgm.aligned.change import told
from pcgm_bench.methods.pcgm.aligned.config import ALIGNED
from pcgm_bench.methods.pcgm.aligned.generator import PCGMAligned
from pcgm_bench.methods.pcgm.fitting import disagreement
from pcgm_bench.methods.pcgm.fitting import make
from pcgm_bench.methods.pcgm.fitting.pairs import PairBank
from pcgm_bench.methods.pcgm.mgd.controlnet import ControlNet
from pcgm_bench.methods.pcgm.mgd.controlnet import control_mask
from pcgm_bench.methods.pcgm.mgd.fit.job import Job
from pcgm_bench.methods.pcgm.mgd.model import MGD
from pcgm_bench.methods.pcgm.mgd.unet import DenoisingUNet
from pcgm_bench.training.settings import Settings

torch.set_num_threads(1)

WIDE = replace(
    TINY,
    name="tiny-aligned",
    control=replace(TINY.control, mask_channels=16),
    sampler=ALIGNED.sampler,
    decoder_sampler=replace(TINY.decoder_sampler, steps=2, n_fixed_point=0, carry_defects=True),
)
LOBE = CHANNELS.index("frontal")


def bank(pairs: int = 3) -> PairBank:
    """Blobs of frontal cortex in fluid, larger in the second state; the images show them."""
    rng = np.random.default_rng(0)
    fractions = np.zeros((2 * pairs, len(CHANNELS), *TINY.shape), np.uint8)
    fractions[:, LOBE, 2:6, 4:12, 2:6] = 200
    fractions[1::2, LOBE, 2:6, 4:12, 2:6] = 220
    fractions[:, CHANNELS.index("csf")] = 255 - fractions[:, LOBE]
    images = fractions[:, LOBE, None] / 255 + 0.02 * rng.random((2 * pairs, 1, *TINY.shape))
    masks = np.stack([control_mask(shares.astype(np.float32)) for shares in fractions])
    return PairBank(
        images=images.astype(np.float16),
        conditions=rng.normal(size=(2 * pairs, 4)).astype(np.float32),
        fractions=fractions,
        moved=(masks[1::2] - masks[::2]).astype(np.int8),
    )


@pytest.mark.parametrize(("i", "share"), [(0, 1.0), (0, 0.5), (1, 1.0)])
def test_the_mask_is_told_to_go_to_the_other_state(i: int, share: float) -> None:
    asked = disagreement.changed(bank(), i, share)
    before = control_mask(bank().read(i))
    ratio = float(asked[0].sum() / before[0].sum())
    wanted = 1 + share * ((1 / 1.1 if i else 1.1) - 1)
    assert ratio == pytest.approx(wanted, abs=0.005)
    np.testing.assert_allclose(asked[8:] / GAIN, asked[:8] - before, atol=1e-6)


def test_nothing_is_told_where_nothing_is_to_change() -> None:
    asked = disagreement.changed(bank(), 0, 0.0)
    assert not asked[8:].any()
    np.testing.assert_array_equal(asked[:8], control_mask(bank().read(0)))


def test_a_tenth_asks_for_no_change_and_half_for_all_of_it() -> None:
    generator, material = torch.Generator().manual_seed(0), bank()
    items = [disagreement.draw(material, generator) for _ in range(200)]
    assert 0.04 < np.mean([item.share == 0 for item in items]) < 0.18
    assert 0.4 < np.mean([item.share == 1 for item in items]) < 0.6
    assert {item.first ^ item.second for item in items} == {1}


def test_training_covers_the_noise_that_images_are_made_at() -> None:
    t = disagreement.times(torch.Generator().manual_seed(0), 400)
    assert 0.01 < float(t.min()) < min(ALIGNED.sampler.shift_times)
    assert max(ALIGNED.sampler.shift_times) < float(t.max()) < 0.37


def test_the_widened_controlnet_starts_as_the_narrow_one() -> None:
    unet = DenoisingUNet(TINY)
    narrow = awaken(ControlNet(TINY, unet))
    wide = disagreement.widened(narrow, WIDE, unet)
    old, new = (torch.rand(1, 8, *TINY.shape) for _ in range(2))
    torch.testing.assert_close(wide.hint(torch.cat([new, new - old], 1)), narrow.hint(new))


def test_voxels_count_more_where_the_mask_changes() -> None:
    mask = torch.zeros(1, 16, *TINY.shape)
    mask[:, 8, :2, :2, :2] = GAIN * 0.1
    mask[:, 15, :2, :2, :2] = -GAIN * 0.1
    weights = disagreement.weights(mask, TINY.latent_shape)
    assert float(weights[0, 0, 0, 0, 0]) == pytest.approx(1 + disagreement.WEIGHT, rel=0.01)
    assert float(weights[0, 0, 3, 7, 3]) == 1


def trained(folder: Path) -> dict[str, bytes]:
    """Weight files of tiny networks after 40 steps."""
    folder.mkdir(exist_ok=True)
    material, settings = bank(), Settings(steps=40, batch=4, lr=3e-3, warmup=1, save_every=5, log_every=10)
    torch.manual_seed(0)
    mgd = MGD.build(TINY)
    job = Job(material, WIDE, folder)
    latents = job.latents(mgd.encoder, settings)
    disagreement.train_aligned(job, material, latents, (mgd.unet, mgd.controlnet), settings)
    return {path.name: path.read_bytes() for path in folder.glob("*-1of1.safetensors")}


def test_the_loss_falls_and_a_killed_training_goes_on_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = trained(tmp_path / "whole")
    losses = np.loadtxt(tmp_path / "whole" / "aligned_loss.tsv", skiprows=1, usecols=3)
    assert losses[-1] < 0.7 * losses[0]
    drawn, draw = [0], disagreement.draw

    def killed(material: PairBank, generator: torch.Generator) -> disagreement.Asked:
        drawn[0] += 1
        if drawn[0] > 4 * 23:
            raise KeyboardInterrupt
        return draw(material, generator)

    with monkeypatch.context() as patch:
        patch.setattr(disagreement, "draw", killed)
        with pytest.raises(KeyboardInterrupt):
            trained(tmp_path / "killed")
    assert set(whole) == {"unet-1of1.safetensors", "controlnet-1of1.safetensors"}
    assert trained(tmp_path / "killed") == whole


def test_the_null_intervention_is_exact() -> None:
    torch.manual_seed(0)
    mgd = MGD.build(WIDE)
    for network in (mgd.unet, mgd.controlnet):
        awaken(network)
    scan = tiny_scan(0)
    assert scan.segmentation is not None
    mask = control_mask(scan.segmentation.fractions)
    condition, same = np.zeros(4, np.float32), told(mask, mask)
    z = mgd.encode(scan.image)
    torch.testing.assert_close(mgd.shift(z, condition, same, condition, same, 3), z, atol=0, rtol=0)
    image = mgd.counterfactual(scan.image, condition, same, condition, same, 0)
    np.testing.assert_allclose(image, scan.image, atol=1e-3)
    other = mgd.shift(z, condition, same, condition, told(mask, mask[::-1].copy()), 3)
    assert float((other - z).abs().max()) > 1e-3


class Told:
    """A denoiser whose estimate is half of the state's signal plus what it is told."""

    def __init__(self, change: float) -> None:
        self.change = change

    def __call__(self, x: torch.Tensor, t: float) -> torch.Tensor:
        return 0.5 * x + self.change * (1 + t)


def test_the_shift_is_the_mean_difference_of_two_estimates(monkeypatch: pytest.MonkeyPatch) -> None:
    mgd = MGD.build(replace(WIDE, sampler=replace(WIDE.sampler, shift_times=(0.1, 0.3))))
    denoisers = {0.0: Told(0.0), 1.0: Told(2.0)}
    monkeypatch.setattr(mgd, "_latent_denoiser", lambda condition, _mask: denoisers[float(condition[0])])
    z = torch.ones(1, WIDE.encoder.latent_channels, *WIDE.latent_shape)
    old, new = np.zeros(4, np.float32), np.ones(4, np.float32)
    shifted = mgd.shift(z, old, None, new, None, 0)
    torch.testing.assert_close(shifted - z, torch.full_like(z, 2.0 * 1.2), atol=1e-5, rtol=0)


def test_a_cohort_cannot_train_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"fitting\.make"):
        PCGMAligned().fit(tiny_people(), Context(work=tmp_path))


def test_the_last_training_can_be_given_minutes_of_its_own(tmp_path: Path) -> None:
    plan = make.Plan(tmp_path, tmp_path, None, 56.0, 0, 1)
    longer = replace(plan, aligned=40.0)
    assert plan.settings()["aligned"].minutes == pytest.approx(27)
    assert longer.settings() == {**plan.settings(), "aligned": replace(plan.settings()["aligned"], minutes=40.0)}


def test_all_five_trainings_leave_weights_that_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make, "PHANTOM", TINY)
    monkeypatch.setattr(make, "ALIGNED", WIDE)
    quick = Settings(steps=2, batch=1, crop=8, save_every=1)
    monkeypatch.setattr(make, "SETTINGS", dict.fromkeys(make.SETTINGS, quick))
    first, again = (make.Plan(tmp_path / name, tmp_path / "work", None, 60.0, 0, 1) for name in ("one", "two"))
    make.train_all(first, bank())
    make.train_all(again, bank())  # all is done: read from the checkpoints
    for part, config in (("pcgm", TINY), ("aligned", WIDE)):
        files = sorted(path.name for path in (first.out / part).iterdir())
        assert files == sorted(path.name for path in (again.out / part).iterdir())
        for name in files:
            assert (first.out / part / name).read_bytes() == (again.out / part / name).read_bytes()
        MGD.load(first.out / part, config)
    for name in ("encoder", "decoder"):
        one, other = (load_file(first.out / part / f"{name}-1of1.safetensors") for part in ("pcgm", "aligned"))
        assert all(bool((one[key] == other[key]).all()) for key in one)
    started = make.Plan(tmp_path / "three", tmp_path / "work3", first.out / "pcgm", 60.0, 0, 1)
    make.train_all(started, bank())
    one, other = (load_file(plan.out / "pcgm" / "unet-1of1.safetensors") for plan in (first, started))
    assert any(bool((one[key] != other[key]).any()) for key in one)
