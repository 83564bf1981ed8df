"""What MGD's networks minimise while they are trained."""

from __future__ import annotations

import torch
from torch import Tensor
from torch import nn
from torch.func import functional_call
from torch.nn import functional as nnf

from pcgm_bench.methods.pcgm.mgd.causal_encoder import CausalEncoder
from pcgm_bench.methods.pcgm.mgd.config import MGDConfig
from pcgm_bench.methods.pcgm.mgd.controlnet import ControlNet
from pcgm_bench.methods.pcgm.mgd.decoder import DiffusionDecoder
from pcgm_bench.methods.pcgm.mgd.unet import DenoisingUNet
from pcgm_bench.training.diffusion import add_noise


def encoder_loss(
    encoder: CausalEncoder, config: MGDConfig, x: Tensor, noise: Tensor
) -> tuple[dict[str, Tensor], Tensor]:
    """Loss of the VAE and its reconstruction of ``x`` ``(B, 1, D, H, W)``.

    Mean L1, plus ``gradient_weight`` x L1 of the slice and in-plane finite differences (in place of LPIPS, which needs
    downloaded weights), plus ``kl_weight`` x the KL summed over the latent and divided by the number of voxels (the
    released code sums both over the sample: the same ratio).

    Args:
        encoder: The network.
        config: Its configuration.
        x: Images in [-1, 1].
        noise: Standard normal, at least as large as the latent in every axis; trimmed to fit.
    """
    mean, log_variance = encoder.posterior(x)
    mean, log_variance = mean.float(), log_variance.float()
    trimmed = noise[..., : mean.shape[2], : mean.shape[3], : mean.shape[4]]
    reconstruction = encoder.reconstruct(mean + (0.5 * log_variance).exp() * trimmed, x.shape[2]).float()
    error = reconstruction - x
    l1 = error.abs().mean()
    gradient = torch.stack([error.diff(dim=axis).abs().mean() for axis in (2, 3, 4)]).mean()
    kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum() / x.numel()
    loss = l1 + config.encoder.gradient_weight * gradient + config.encoder.kl_weight * kl
    return {"loss": loss, "l1": l1, "gradient": gradient, "kl": kl}, reconstruction


def adversarial_losses(discriminator: nn.Module, fake: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """Hinge losses of generator and discriminator on 2-D slices.

    One backward pass serves both: the generator's term sees the discriminator's parameters detached.
    """
    planes, targets = (x.transpose(1, 2).flatten(0, 1) for x in (fake, real))
    fixed = {key: value.detach() for key, value in discriminator.named_parameters()}
    generator_loss = -functional_call(discriminator, fixed, (planes,))[-1].mean()
    judged_real, judged_fake = discriminator(targets)[-1], discriminator(planes.detach())[-1]
    return generator_loss, 0.5 * (nnf.relu(1 - judged_real).mean() + nnf.relu(1 + judged_fake).mean())


def denoiser_loss(
    unet: DenoisingUNet,
    controlnet: ControlNet | None,
    z: Tensor,
    noise: Tensor,
    t: Tensor,
    condition: Tensor,
    drop: Tensor,
    mask: Tensor | None = None,
) -> Tensor:
    """Mean squared error of the predicted clean latent, as in the paper; with a ControlNet, of the controlled one.

    Args:
        unet: The UNet (frozen by the caller where a ControlNet is trained).
        controlnet: None while the UNet itself is trained.
        z: Clean latents ``(B, 4, D, H, W)``.
        noise: Standard normal, like ``z``.
        t: Times ``(B,)``.
        condition: ``(B, 4)``.
        drop: ``(B, 4)``, see `DenoisingUNet.forward`.
        mask: ``(B, 8, *shape)`` soft occupancy; needed with a ControlNet.
    """
    x = add_noise(z, noise, t)
    control = None
    if controlnet is not None:
        if mask is None:
            raise ValueError("a ControlNet needs masks to be trained on")
        control = controlnet(x, t, condition, controlnet.hint(mask), drop)
    output = unet(x, t, condition, drop, control).float()
    return nnf.mse_loss(unet.to_x0(output, x, t), z)


def decoder_loss(decoder: DiffusionDecoder, x0: Tensor, latent: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """Mean squared error of the predicted clean image.

    Args:
        decoder: The network.
        x0: Images or crops ``(B, 1, D, H, W)`` in [-1, 1].
        latent: Upsampled latents of the same crops ``(B, C, D, H, W)``, augmentation noise added.
        noise: Standard normal, like ``x0``.
        t: Times ``(B,)``.
    """
    x = add_noise(x0, noise, t)
    return nnf.mse_loss(decoder.to_x0(decoder(x, latent, t).float(), x, t), x0)
