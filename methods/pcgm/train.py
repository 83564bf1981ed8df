"""Training of MGD's four networks, each resumable: encoder, then UNet, ControlNet and decoder on its latents.

Every function takes a `TrainingData`, a `TrainSettings` and a folder; leaves there ``{name}_state.pt`` (checkpoint),
``{name}_loss.tsv`` and the shipped ``{name}-IofN.safetensors``; and returns the network with the weights as rounded to
fp16 in those files, so that what is trained on a network sees what users will get. Called again on a finished folder it
returns at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch import nn
from torch.func import functional_call
from torch.nn import functional as nnf

from pcgm_bench.contracts import UserError
from pcgm_bench.methods.pcgm.causal_encoder import PLANE_ORDERS
from pcgm_bench.methods.pcgm.causal_encoder import CausalEncoder
from pcgm_bench.methods.pcgm.causal_encoder import encoder_loss
from pcgm_bench.methods.pcgm.causal_encoder import permute_planes
from pcgm_bench.methods.pcgm.config import MGDConfig
from pcgm_bench.methods.pcgm.config import Shape
from pcgm_bench.methods.pcgm.controlnet import ControlNet
from pcgm_bench.methods.pcgm.controlnet import denoiser_loss
from pcgm_bench.methods.pcgm.controlnet import random_drop
from pcgm_bench.methods.pcgm.decoder import DiffusionDecoder
from pcgm_bench.methods.pcgm.decoder import decoder_loss
from pcgm_bench.methods.pcgm.decoder import upsample_latent
from pcgm_bench.methods.pcgm.training_loop import TrainSettings
from pcgm_bench.methods.pcgm.training_loop import train_network
from pcgm_bench.methods.pcgm.unet import DenoisingUNet
from pcgm_bench.methods.pcgm.weights import round_to_half
from pcgm_bench.methods.pcgm.weights import save_weights
from pcgm_bench.methods.pcgm.weights import set_layout

UINT8_PER_UNIT = 200.0
"""Grey levels a unit of `Scan.image` where images are stored as uint8 (0 to 1.275)."""

Report = Callable[[str], None]


@dataclass(frozen=True)
class TrainingData:
    """Training scans in memory or memory-mapped.

    Attributes:
        images: ``(N, 1, X, Y, Z)`` in `Scan.image` units: float16, float32, or uint8 holding `UINT8_PER_UNIT` x image.
        conditions: ``(N, 4)`` of `pcgm_bench.methods.pcgm.mgd.encode_condition`.
        masks: ``(N, 8, X, Y, Z)`` uint8 (occupancy x 255) or float in [0, 1]; only the ControlNet needs them.
    """

    images: np.ndarray
    conditions: np.ndarray
    masks: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.images)

    def check(self, config: MGDConfig) -> None:
        """Raises `UserError` where shapes do not fit the configuration or each other."""
        n = len(self.images)
        if self.images.shape[1:] != (1, *config.shape):
            raise UserError(f"training images {self.images.shape} do not fit: need (N, 1, *{config.shape})")
        if self.conditions.shape != (n, 4):
            raise UserError(f"training conditions {self.conditions.shape}: need ({n}, 4)")
        wanted = (n, config.control.mask_channels, *config.shape)
        if self.masks is not None and self.masks.shape != wanted:
            raise UserError(f"training masks {self.masks.shape}: need {wanted}")

    def identity(self) -> str:
        """Hash over the shape, the conditions, and every 97th voxel of up to 16 scans."""
        digest = hashlib.sha256(repr((self.images.shape, str(self.images.dtype))).encode())
        digest.update(np.ascontiguousarray(self.conditions, np.float32).tobytes())
        for i in np.linspace(0, len(self) - 1, min(16, len(self))).astype(int):
            digest.update(np.ascontiguousarray(self.images[i].reshape(-1)[::97]).tobytes())
        return digest.hexdigest()[:16]

    def image(self, i: int, config: MGDConfig) -> Tensor:
        """Scan ``(1, X, Y, Z)`` in [-1, 1]."""
        scale = 1 / UINT8_PER_UNIT if self.images.dtype == np.uint8 else 1.0
        return torch.from_numpy(self.images[i].astype(np.float32)) * (2 * scale / config.image_range) - 1

    def mask(self, i: int) -> Tensor:
        """Mask ``(8, X, Y, Z)`` in [0, 1]."""
        if self.masks is None:
            raise UserError("the ControlNet needs masks: give TrainingData(masks=...)")
        scale = 1 / 255 if self.masks.dtype == np.uint8 else 1.0
        return torch.from_numpy(self.masks[i].astype(np.float32)) * scale


def _layout(items: list[Tensor], settings: TrainSettings) -> Tensor:
    return torch.stack(items).to(settings.device).contiguous(memory_format=torch.channels_last_3d)


def _pick(generator: torch.Generator, n: int, settings: TrainSettings) -> list[tuple[int, bool]]:
    """Items of one batch and whether each is mirrored."""
    indices = torch.randint(n, (settings.batch,), generator=generator).tolist()
    coins = torch.rand(settings.batch, generator=generator).tolist()
    return [(i, settings.flip and coin < 0.5) for i, coin in zip(indices, coins, strict=True)]


def _mirror(x: Tensor, flip: bool) -> Tensor:
    return x.flip(1) if flip else x


def _crop(generator: torch.Generator, volume: Tensor, edge: int | None, steps: Shape = (1, 1, 1)) -> Tensor:
    """A random cube of ``(C, X, Y, Z)`` that starts at multiples of ``steps``; the whole volume with ``edge`` None."""
    if edge is None:
        return volume
    for axis, step in enumerate(steps, 1):
        start = step * int(torch.randint((volume.shape[axis] - edge) // step + 1, (1,), generator=generator))
        volume = volume.narrow(axis, start, edge)
    return volume


def _times(generator: torch.Generator, batch: int, device: str) -> Tensor:
    """Stratified uniform times, away from 0 where there is nothing to learn."""
    u = (torch.arange(batch) + torch.rand(batch, generator=generator)) / batch
    return (0.005 + 0.995 * u).to(device)


def _noise_like(generator: torch.Generator, x: Tensor) -> Tensor:
    noise = torch.randn(x.shape, generator=generator).to(x.device)
    return noise.contiguous(memory_format=torch.channels_last_3d)


def _finish(name: str, network: nn.Module, config: MGDConfig, folder: Path) -> None:
    round_to_half(network)
    save_weights(network, folder, name, config)


def _build(constructor: Callable[[], nn.Module], settings: TrainSettings) -> nn.Module:
    """A network whose first weights depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        return set_layout(constructor(), settings.device)


def _adversarial(discriminator: nn.Module, fake: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """Hinge losses of generator and discriminator on 2-D slices.

    One backward pass serves both: the generator's term sees the discriminator's parameters detached.
    """
    planes, targets = (x.transpose(1, 2).flatten(0, 1) for x in (fake, real))
    fixed = {key: value.detach() for key, value in discriminator.named_parameters()}
    generator_loss = -functional_call(discriminator, fixed, (planes,))[-1].mean()
    judged_real, judged_fake = discriminator(targets)[-1], discriminator(planes.detach())[-1]
    return generator_loss, 0.5 * (nnf.relu(1 - judged_real).mean() + nnf.relu(1 + judged_fake).mean())


def train_encoder(
    data: TrainingData, config: MGDConfig, settings: TrainSettings, folder: Path, report: Report = print
) -> CausalEncoder:
    """Causal VAE, on items whose plane order is permuted at random (and cropped to cubes of ``settings.crop``).

    Batches of more than one need a crop, as permuted volumes differ in shape. With ``adversarial_weight`` > 0 a 2-D
    PatchGAN joins from step ``adversarial_start``, with a fixed weight (the released code adapts it).
    """
    data.check(config)
    if settings.crop is None and settings.batch > 1:
        raise UserError("train_encoder: plane orders differ within a batch; set crop, or batch to 1")
    e = config.encoder
    networks = nn.ModuleDict({"encoder": _build(lambda: CausalEncoder(config), settings)})
    if e.adversarial_weight > 0:
        from monai.networks.nets import PatchDiscriminator

        networks["discriminator"] = _build(
            lambda: PatchDiscriminator(
                spatial_dims=2, channels=e.discriminator_width, in_channels=1, num_layers_d=3, norm="INSTANCE"
            ),
            settings,
        )

    encoder: CausalEncoder = networks["encoder"]  # type: ignore[assignment]

    def loss(generator: torch.Generator, step: int) -> dict[str, Tensor]:
        items = []
        for i, flip in _pick(generator, len(data), settings):
            order = PLANE_ORDERS[int(torch.randint(len(PLANE_ORDERS), (1,), generator=generator))]
            volume = permute_planes(_mirror(data.image(i, config), flip), order)
            items.append(_crop(generator, volume, settings.crop))
        x = _layout(items, settings)
        noise = torch.randn(
            len(items), e.latent_channels, *(-(-n // s) for n, s in zip(x.shape[2:], config.patch, strict=True)),
            generator=generator,
        )  # fmt: skip
        terms, reconstruction = encoder_loss(encoder, config, x, noise.to(settings.device))
        if e.adversarial_weight > 0 and step + 1 >= e.adversarial_start:
            terms["generator"], terms["discriminator"] = _adversarial(networks["discriminator"], reconstruction, x)
            terms["loss"] = terms["loss"] + e.adversarial_weight * terms["generator"] + terms["discriminator"]
        return terms

    train_network("encoder", networks, loss, config, settings, folder, data.identity(), report)
    with torch.inference_mode():
        chosen = np.linspace(0, len(data) - 1, min(32, len(data))).astype(int)
        raw = [encoder.posterior(_layout([data.image(int(i), config)], settings))[0] for i in chosen]
        encoder.calibrate(torch.cat(raw))
    _finish("encoder", encoder, config, folder)
    return encoder.requires_grad_(False)


@torch.inference_mode()
def encode_dataset(
    encoder: CausalEncoder, data: TrainingData, config: MGDConfig, settings: TrainSettings, folder: Path
) -> Tensor:
    """Latents ``(M, C, *latent_shape)`` float16 of all scans in canonical order, kept in ``folder``.

    M is N; with ``settings.flip`` 2 N, the mirrored scans behind.
    """
    digest = hashlib.sha256(data.identity().encode())
    for value in encoder.state_dict().values():
        digest.update(value.cpu().contiguous().numpy().tobytes())
    stamp, path = digest.hexdigest()[:16], folder / f"latents{'-flip' if settings.flip else ''}.safetensors"
    if path.exists():
        with safe_open(path, framework="pt") as handle:
            if (handle.metadata() or {}).get("stamp") == stamp:
                return handle.get_tensor("latents")
    latents = [
        encoder.encode(_layout([_mirror(data.image(i, config), flip)], settings)).half().cpu().contiguous()
        for flip in ((False, True) if settings.flip else (False,))
        for i in range(len(data))
    ]
    stacked = torch.cat(latents)
    save_file({"latents": stacked}, path, metadata={"stamp": stamp})
    return stacked


def _latent_batch(
    generator: torch.Generator, latents: Tensor, data: TrainingData, config: MGDConfig, settings: TrainSettings
) -> tuple[list[tuple[int, bool]], Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Items, latents, noise, times, conditions and drops of one batch."""
    items = _pick(generator, len(data), settings)
    z = _layout([latents[i + len(data) * flip].float() for i, flip in items], settings)
    noise = _noise_like(generator, z)
    t = _times(generator, len(items), settings.device)
    condition = torch.from_numpy(np.stack([data.conditions[i] for i, _ in items]).astype(np.float32))
    drop = random_drop(generator, config, len(items))
    return items, z, noise, t, condition.to(settings.device), drop.to(settings.device)


def train_unet(
    data: TrainingData,
    encoder: CausalEncoder,
    config: MGDConfig,
    settings: TrainSettings,
    folder: Path,
    report: Report = print,
) -> DenoisingUNet:
    """Denoising UNet on the latents, metadata dropped for classifier-free guidance."""
    data.check(config)
    latents = encode_dataset(encoder, data, config, settings, folder)
    unet: DenoisingUNet = _build(lambda: DenoisingUNet(config), settings)  # type: ignore[assignment]

    def loss(generator: torch.Generator, _step: int) -> dict[str, Tensor]:
        _, z, noise, t, condition, drop = _latent_batch(generator, latents, data, config, settings)
        return {"loss": denoiser_loss(unet, None, z, noise, t, condition, drop)}

    train_network("unet", unet, loss, config, settings, folder, data.identity(), report)
    _finish("unet", unet, config, folder)
    return unet.requires_grad_(False)


def train_controlnet(
    data: TrainingData,
    encoder: CausalEncoder,
    unet: DenoisingUNet,
    config: MGDConfig,
    settings: TrainSettings,
    folder: Path,
    report: Report = print,
) -> ControlNet:
    """ControlNet from the UNet's weights; the UNet stays frozen. Masks are zeroed in ``drop_mask`` of the items."""
    data.check(config)
    data.mask(0)
    latents = encode_dataset(encoder, data, config, settings, folder)
    unet.requires_grad_(False)
    controlnet: ControlNet = _build(lambda: ControlNet(config, unet), settings)  # type: ignore[assignment]

    def loss(generator: torch.Generator, _step: int) -> dict[str, Tensor]:
        items, z, noise, t, condition, drop = _latent_batch(generator, latents, data, config, settings)
        masks = _layout([_mirror(data.mask(i), flip) for i, flip in items], settings)
        kept = torch.rand(len(items), generator=generator) >= config.control.drop_mask
        masks = masks * kept.to(masks)[:, None, None, None, None]
        return {"loss": denoiser_loss(unet, controlnet, z, noise, t, condition, drop, masks)}

    train_network("controlnet", controlnet, loss, config, settings, folder, data.identity(), report)
    _finish("controlnet", controlnet, config, folder)
    return controlnet.requires_grad_(False)


def train_decoder(
    data: TrainingData,
    encoder: CausalEncoder,
    config: MGDConfig,
    settings: TrainSettings,
    folder: Path,
    report: Report = print,
) -> DiffusionDecoder:
    """Diffusion decoder on crops (or whole volumes); the latent gets noise of s.d. up to ``latent_noise``.

    Crops begin where the decoder's coarsest voxels do: which of the voxels of a patch is which, it can know by nothing
    but their place in its own strides.
    """
    data.check(config)
    steps: Shape = tuple(np.prod(config.decoder.strides, axis=0).tolist())
    latents = encode_dataset(encoder, data, config, settings, folder)
    decoder: DiffusionDecoder = _build(lambda: DiffusionDecoder(config), settings)  # type: ignore[assignment]

    def loss(generator: torch.Generator, _step: int) -> dict[str, Tensor]:
        crops = []
        for i, flip in _pick(generator, len(data), settings):
            z = latents[i + len(data) * flip].float()
            strength = config.decoder.latent_noise * float(torch.rand(1, generator=generator))
            z = z + strength * torch.randn(z.shape, generator=generator)
            pair = torch.cat([_mirror(data.image(i, config), flip), upsample_latent(z[None], config)[0]])
            crops.append(_crop(generator, pair, settings.crop, steps))
        batch = _layout(crops, settings)
        x0, latent = batch[:, :1].contiguous(memory_format=torch.channels_last_3d), batch[:, 1:]
        t = _times(generator, len(crops), settings.device)
        return {"loss": decoder_loss(decoder, x0, latent, _noise_like(generator, x0), t)}

    train_network("decoder", decoder, loss, config, settings, folder, data.identity(), report)
    _finish("decoder", decoder, config, folder)
    return decoder.requires_grad_(False)
