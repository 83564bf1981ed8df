"""The four networks of MGD: shapes, causality, locality, zero initialisation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from describe_networks import describe
from describe_networks import description
from mgd_tiny import TINY
from mgd_tiny import awaken
from torch.nn import functional as nnf

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.contracts import UserError
from pcgm_bench.methods.pcgm.mgd.causal_encoder import PLANE_ORDERS
from pcgm_bench.methods.pcgm.mgd.causal_encoder import CausalEncoder
from pcgm_bench.methods.pcgm.mgd.causal_encoder import permute_planes
from pcgm_bench.methods.pcgm.mgd.config import MGDConfig
from pcgm_bench.methods.pcgm.mgd.config import weights_stamp
from pcgm_bench.methods.pcgm.mgd.controlnet import ControlNet
from pcgm_bench.methods.pcgm.mgd.controlnet import control_mask
from pcgm_bench.methods.pcgm.mgd.decoder import DiffusionDecoder
from pcgm_bench.methods.pcgm.mgd.decoder import upsample_latent
from pcgm_bench.methods.pcgm.mgd.paper import CONFIGS
from pcgm_bench.methods.pcgm.mgd.paper import PAPER
from pcgm_bench.methods.pcgm.mgd.paper import get_config
from pcgm_bench.methods.pcgm.mgd.phantom import PHANTOM
from pcgm_bench.methods.pcgm.mgd.unet import DenoisingUNet
from pcgm_bench.training.layers import Conv3d
from pcgm_bench.training.layers import ShuffleUp
from pcgm_bench.training.layers import VoxelNorm
from pcgm_bench.training.people import MetadataTokens

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


SHORT = replace(TINY, encoder=replace(TINY.encoder, latent_channels=8, shortcut=True))


@pytest.mark.parametrize("config", [TINY, SHORT], ids=["plain", "shortcut"])
@pytest.mark.parametrize("slices", [8, 9])
def test_encoder_never_looks_ahead(slices: int, config: MGDConfig):
    """A change in slice j reaches no latent slice that stands for earlier slices only."""
    encoder = CausalEncoder(config).eval()
    x = torch.randn(1, 1, slices, 8, 8)
    with torch.no_grad():
        before = encoder.encode(x)
        for j in range(slices):
            changed = x.clone()
            changed[:, :, j] += 1
            moved = (encoder.encode(changed) - before).abs().amax(dim=(0, 1, 3, 4)) > 0
            first = j // 2 if slices % 2 == 0 else (j + 1) // 2
            assert not moved[:first].any()
            assert moved[first]


@pytest.mark.parametrize(("slices", "latent"), [(8, 4), (9, 5), (56, 28), (57, 29)])
def test_encoder_shapes(slices: int, latent: int):
    encoder = CausalEncoder(TINY)
    with torch.no_grad():
        z = encoder.encode(torch.randn(1, 1, slices, 6, 4))
        assert z.shape == (1, 4, latent, 3, 2)
        assert encoder.decode(z, slices).shape == (1, 1, slices, 6, 4)


def test_an_even_stack_equals_the_odd_one_with_its_first_slice_repeated():
    encoder, x = CausalEncoder(TINY), torch.randn(1, 1, 8, 4, 4)
    with torch.no_grad():
        odd = encoder.encode(torch.cat([x[:, :, :1], x], dim=2))
        torch.testing.assert_close(encoder.encode(x), odd[:, :, 1:])


@pytest.mark.parametrize("slices", [8, 9])
def test_a_shortcut_alone_gives_the_image_back(slices: int):
    encoder, x = CausalEncoder(SHORT), torch.randn(2, 1, slices, 6, 4)
    for last in (encoder.down[-1], encoder.up[-1]):
        for parameter in last.parameters():
            torch.nn.init.zeros_(parameter)
    with torch.no_grad():
        assert torch.equal(encoder.reconstruct(encoder.posterior(x)[0], slices), x)


def test_a_shortcut_needs_a_channel_a_voxel():
    with pytest.raises(UserError, match="needs 8 latent channels"):
        CausalEncoder(replace(TINY, encoder=replace(TINY.encoder, shortcut=True)))


@pytest.mark.parametrize("slices", [8, 9])
def test_a_shortcuts_channels_reach_the_decoder_at_their_own_voxels(slices: int):
    config = replace(SHORT, shape=(slices, *SHORT.shape[1:]))
    x = torch.randn(1, 1, *config.shape)
    encoder = CausalEncoder(config)
    for parameter in encoder.down[-1].parameters():
        torch.nn.init.zeros_(parameter)
    with torch.no_grad():
        latent = upsample_latent(encoder.encode(x), config)
    assert latent.shape == (1, 9, *config.shape)
    assert torch.equal(latent[:, 8:], x)


def test_calibration_standardises():
    encoder = CausalEncoder(TINY)
    with torch.no_grad():
        x = torch.randn(4, 1, 8, 8, 8)
        encoder.calibrate(encoder.posterior(x)[0])
        z = encoder.encode(x)
    torch.testing.assert_close(z.mean(dim=(0, 2, 3, 4)), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(z.std(dim=(0, 2, 3, 4)), torch.ones(4), atol=1e-4, rtol=0)


def test_plane_orders():
    x = torch.arange(24.0).reshape(1, 2, 3, 4)
    assert len(set(PLANE_ORDERS)) == 6
    assert PLANE_ORDERS[0] == (0, 1, 2)
    assert permute_planes(x, (2, 0, 1)).shape == (1, 4, 2, 3)
    assert float(permute_planes(x, (2, 0, 1))[0, 3, 1, 2]) == float(x[0, 1, 2, 3])


def test_named_convolution_kernel_agrees_with_torch():
    conv, x = Conv3d(3, 5, 3, padding=1, stride=(1, 2, 2)), torch.randn(1, 3, 4, 6, 6)
    with torch.no_grad():
        fast = conv(x)
    torch.testing.assert_close(fast, nnf.conv3d(x, conv.weight, conv.bias, conv.stride, conv.padding))


@pytest.mark.parametrize("width", [2, 4])
def test_gradients_in_bf16_are_right_where_an_axis_is_shorter_than_the_kernel(width: int):
    conv = Conv3d(8, 8, 3, padding=1).to(memory_format=torch.channels_last_3d)
    gradients = []
    for mixed in (False, True):
        x = torch.randn(2, 8, 4, 4, width, generator=torch.Generator().manual_seed(0))
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            conv.zero_grad()
            conv(x.contiguous(memory_format=torch.channels_last_3d)).float().square().sum().backward()
        gradients.append(conv.weight.grad.clone())
    error = (gradients[0] - gradients[1]).norm() / gradients[0].norm()
    assert float(error) < 0.02


def test_shuffle_up_places_each_block():
    up = ShuffleUp(1, 1, (1, 2, 2))
    with torch.no_grad():
        up.conv.weight.zero_()
        up.conv.bias.copy_(torch.arange(4.0))
        y = up(torch.zeros(1, 1, 1, 2, 2))
    assert y[0, 0, 0].tolist() == [[0, 1, 0, 1], [2, 3, 2, 3]] * 2


def test_voxel_norm_is_local():
    norm, x = VoxelNorm(4), torch.randn(1, 4, 3, 3, 3)
    changed = x.clone()
    changed[..., 0, 0, 0] += torch.randn(4)
    moved = (norm(x) - norm(changed)).abs().amax(dim=1)[0] > 0
    assert moved.sum() == 1


def test_unknown_and_dropped_fields_are_the_same_null():
    tokens, condition = MetadataTokens(4, 8), torch.randn(1, 4)
    unknown, drop = condition.clone(), torch.zeros(1, 4, dtype=torch.bool)
    unknown[0, 1], drop[0, 1] = float("nan"), True
    torch.testing.assert_close(tokens(unknown), tokens(condition, drop))
    assert bool((tokens(unknown)[0, 1] != tokens(condition)[0, 1]).any())
    assert bool(tokens(unknown).isfinite().all())


def test_controlnet_starts_as_nothing_and_reaches_every_skip():
    unet = awaken(DenoisingUNet(TINY))
    control = ControlNet(TINY, unet)
    z, t, condition = torch.randn(2, 4, *TINY.latent_shape), torch.rand(2), torch.randn(2, 4)
    mask = torch.rand(2, 8, *TINY.shape)
    with torch.no_grad():
        plain = unet(z, t, condition)
        residuals = control(z, t, condition, control.hint(mask))
        torch.testing.assert_close(unet(z, t, condition, control=residuals), plain, rtol=0, atol=0)
        awaken(control)
        skips, mid = control(z, t, condition, control.hint(mask))
        other_skips, other_mid = control(z, t, condition, control.hint(mask.flip(2)))
        assert len(skips) == len(TINY.unet.widths) - 1
        for one, two in zip([*skips, mid], [*other_skips, other_mid], strict=True):
            assert float((one - two).abs().max()) > 1e-6
        assert float((unet(z, t, condition, control=(skips, mid)) - plain).abs().max()) > 1e-4


def test_unet_listens_to_metadata_and_time():
    unet = awaken(DenoisingUNet(TINY))
    z, t, condition = torch.randn(1, 4, *TINY.latent_shape), torch.tensor([0.3]), torch.randn(1, 4)
    with torch.no_grad():
        plain = unet(z, t, condition)
        for field in range(4):
            other = condition.clone()
            other[0, field] += 1
            assert float((unet(z, t, other) - plain).abs().max()) > 0
        assert float((unet(z, t + 0.3, condition) - plain).abs().max()) > 0


def test_decoder_uses_latent_and_keeps_shape():
    decoder = awaken(DiffusionDecoder(TINY))
    x, z, t = torch.randn(1, 1, *TINY.shape), torch.randn(1, 4, *TINY.latent_shape), torch.tensor([0.5])
    with torch.no_grad():
        one = decoder(x, upsample_latent(z, TINY), t)
        two = decoder(x, upsample_latent(z + 1, TINY), t)
    assert one.shape == x.shape
    assert float((one - two).abs().max()) > 1e-4


def test_control_mask_channels():
    fractions = np.random.default_rng(0).dirichlet(np.ones(len(CHANNELS)), size=(2, 2, 2)).transpose(3, 0, 1, 2)
    mask = control_mask(fractions)
    assert mask.shape == (8, 2, 2, 2)
    np.testing.assert_allclose(mask[5], fractions[CHANNELS.index("insula")], rtol=1e-6)
    np.testing.assert_allclose(mask[7], fractions[1] + fractions[2], rtol=1e-6)


def test_paper_configuration_runs_without_data():
    assert PAPER.latent_shape == (40, 24, 20)
    costs = {c.name: c for c in describe(PAPER)}
    assert costs["encoder"].output == (1, 1, 157, 192, 160)
    assert costs["unet"].output == (1, 4, 40, 24, 20)
    assert costs["controlnet"].output == (1, 1024, 10, 6, 5)
    assert costs["decoder"].output == (1, 1, 157, 192, 160)
    assert "paper: image 157 x 192 x 160, latent 4 x 40 x 24 x 20" in description(PAPER)


def test_phantom_configuration_fits_its_files():
    assert PHANTOM.latent_shape == (28, 32, 28)
    assert sum(c.parameters for c in describe(PHANTOM)) < 6.5e6


def test_hashes_and_names():
    sampler = replace(PHANTOM, sampler=replace(PHANTOM.sampler, steps=7))
    assert weights_stamp(sampler) == weights_stamp(PHANTOM) != weights_stamp(PAPER)
    assert get_config("paper") is CONFIGS["paper"]
    with pytest.raises(UserError, match="phantom"):
        get_config("papre")


def test_grid_that_does_not_fit_is_refused():
    with pytest.raises(UserError, match="multiple of 4 or one more"):
        _ = replace(PAPER, shape=(158, 192, 160)).latent_shape
