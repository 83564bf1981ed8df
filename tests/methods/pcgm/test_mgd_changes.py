"""What each part does to a counterfactual: the old state is inverted, the new one drawn, and nothing is left idle."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from mgd_tiny import TINY
from mgd_tiny import awaken
from mgd_tiny import tiny_data

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.methods.pcgm.cmg.fractional import counterfactual_fractions
from pcgm_bench.methods.pcgm.mgd.controlnet import ControlNet
from pcgm_bench.methods.pcgm.mgd.fit.encoder import encoder_batch
from pcgm_bench.methods.pcgm.mgd.fit.job import Job
from pcgm_bench.methods.pcgm.mgd.fit.job import LatentBatch
from pcgm_bench.methods.pcgm.mgd.losses import denoiser_loss
from pcgm_bench.methods.pcgm.mgd.model import MGD
from pcgm_bench.methods.pcgm.mgd.unet import DenoisingUNet
from pcgm_bench.training.data import ScanBank
from pcgm_bench.training.distributed import Processes
from pcgm_bench.training.optimise import Step
from pcgm_bench.training.settings import Settings
from pcgm_bench.training.settings import step_generator

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def mgd() -> MGD:
    sampler = replace(TINY.sampler, steps=4, t_min=0.2, strength=0.75, n_fixed_point=2)
    model = MGD.build(replace(TINY, sampler=sampler), seed=1)
    for network in model.networks.values():
        awaken(network, size=0.3)
    return model


@pytest.fixture(scope="module")
def latents() -> tuple[torch.Tensor, ...]:
    """Latents, noise, times, metadata of three items."""
    generator = torch.Generator().manual_seed(0)
    z, noise = (torch.randn(3, TINY.encoder.latent_channels, *TINY.latent_shape, generator=generator) for _ in range(2))
    return z, noise, torch.rand(3, generator=generator), torch.randn(3, 4, generator=generator)


def test_the_old_state_is_inverted_under_the_old_mask_and_metadata(mgd: MGD) -> None:
    rng = np.random.default_rng(5)
    image = rng.random(TINY.shape).astype(np.float32)
    old, new = (rng.normal(size=4).astype(np.float32) for _ in range(2))
    old_mask, new_mask = (rng.random((8, *TINY.shape)).astype(np.float32) for _ in range(2))
    z = mgd.encode(image)

    def composed(inverted: tuple[np.ndarray, np.ndarray], drawn: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """Inverted under one metadata and mask, drawn under another."""
        z_new = mgd.regenerate(mgd.invert(z, *inverted), *drawn, old, old_mask)
        return mgd.decode(z_new, mgd.invert_image(image, z))

    result = mgd.counterfactual(image, old, old_mask, new, new_mask, 0)
    np.testing.assert_array_equal(result, composed((old, old_mask), (new, new_mask)))
    for wrong in ((old, new_mask), (new, old_mask)):
        assert np.abs(result - composed(wrong, (new, new_mask))).max() > 1e-4
    for wrong in ((old, new_mask), (new, old_mask)):
        assert np.abs(result - composed((old, old_mask), wrong)).max() > 1e-4


def test_every_residual_of_the_controlnet_reaches_the_image(mgd: MGD, latents: tuple[torch.Tensor, ...]) -> None:
    z, _, t, condition = latents
    hint = mgd.controlnet.hint(torch.rand(3, 8, *TINY.shape, generator=torch.Generator().manual_seed(1)))
    skips, mid = mgd.controlnet(z, t, condition, hint)
    nothing = ([torch.zeros_like(skip) for skip in skips], torch.zeros_like(mid))
    plain = mgd.unet(z, t, condition, control=nothing)
    torch.testing.assert_close(plain, mgd.unet(z, t, condition))
    alone = [([skip if i == k else torch.zeros_like(skip) for i, skip in enumerate(skips)], nothing[1])
             for k in range(len(skips))]  # fmt: skip
    for control in [*alone, (nothing[0], mid)]:
        assert float((mgd.unet(z, t, condition, control=control) - plain).abs().max()) > 1e-4


def test_every_zero_convolution_of_the_controlnet_learns(latents: tuple[torch.Tensor, ...]) -> None:
    unet = awaken(DenoisingUNet(TINY)).requires_grad_(False)
    controlnet = ControlNet(TINY, unet)
    masks = torch.rand(3, 8, *TINY.shape)
    denoiser_loss(unet, controlnet, *latents, torch.zeros(3, 4, dtype=torch.bool), masks).backward()
    for layer in controlnet.zeros:
        assert float(layer.weight.grad.abs().max()) > 0


def test_dropped_metadata_do_not_reach_the_loss(mgd: MGD, latents: tuple[torch.Tensor, ...]) -> None:
    z, noise, t, condition = latents
    masks = torch.rand(3, 8, *TINY.shape)
    for controlnet in (None, mgd.controlnet):
        losses = [
            float(denoiser_loss(mgd.unet, controlnet, z, noise, t, values, torch.full((3, 4), dropped), masks))
            for dropped in (False, True)
            for values in (condition, condition + 1)
        ]
        assert losses[0] != losses[1]
        assert losses[2] == losses[3]


def test_metadata_are_dropped_in_training_as_often_as_configured(tmp_path: Path) -> None:
    job, settings = Job(tiny_data(), TINY, tmp_path), Settings(steps=1, batch=8)
    z = torch.zeros(3, TINY.encoder.latent_channels, *TINY.latent_shape)
    steps = (Step(number, 0.0, step_generator(0, number), Processes()) for number in range(300))
    drops = torch.cat([LatentBatch.draw(step, z, job, settings).drop for step in steps]).float()
    wanted = 1 - (1 - TINY.unet.drop_all) * (1 - TINY.unet.drop_field)
    assert float(drops.mean()) == pytest.approx(wanted, abs=0.02)
    assert float(drops.all(dim=1).float().mean()) == pytest.approx(TINY.unet.drop_all, abs=0.02)


@pytest.mark.parametrize("ratio", [1.04, 0.96])
def test_the_rank_tilts_the_shares_towards_the_likelier_voxels(ratio: float) -> None:
    """Two equal halves; in one, the posterior says that the border belongs to what it is to become."""
    frontal, csf, background = (CHANNELS.index(name) for name in ("frontal", "csf", "background"))
    fractions = np.zeros((len(CHANNELS), 10, 5, 5))
    fractions[frontal, :, :, :2] = 1
    fractions[frontal, :, :, 2], fractions[csf, :, :, 2] = 0.5, 0.5
    fractions[csf, :, :, 3:] = 1
    fractions[:, 4:6] = 0
    fractions[background, 4:6] = 1
    posteriors = fractions.copy()
    toward, away = (frontal, csf) if ratio > 1 else (csf, frontal)
    border = fractions[frontal, :4] * fractions[csf, :4] > 0
    posteriors[toward, :4][border], posteriors[away, :4][border] = 1.0, 0.0
    new = counterfactual_fractions(
        fractions, {"frontal": ratio}, allocation="proportional", posteriors=posteriors
    ).fractions
    moved = np.abs(new[frontal] - fractions[frontal])[..., 2]
    assert moved[:4].sum() / moved[6:].sum() == pytest.approx(1.1, rel=1e-6)


def test_every_axis_plays_the_slices_in_the_encoder_s_training(tmp_path: Path) -> None:
    """The scan is a ramp along its first axis; after a permutation the ramp may lie along any."""
    ramp = np.broadcast_to(np.linspace(0, 1, 8, dtype=np.float32)[:, None, None], TINY.shape)
    job = Job(ScanBank(ramp[None, None].copy(), np.zeros((1, 4), np.float32)), TINY, tmp_path)
    settings = Settings(steps=1, batch=8, crop=8)
    x = torch.cat([encoder_batch(step_generator(0, step), job, settings)[0] for step in range(6)])
    spread = torch.stack([x.diff(dim=axis).abs().mean(dim=(1, 2, 3, 4)) for axis in (2, 3, 4)])
    assert set(spread.argmax(dim=0).tolist()) == {0, 1, 2}
