"""MGD, mask-guided diffusion: from a scan, two masks and two sets of metadata to the counterfactual scan.

    z     = encode(image)
    z_k   = DDIM inversion of z under the OLD metadata and mask, to index k
    z'    = DDIM from exactly index k under the NEW metadata and mask, with guidance
    x_K   = DDIM inversion of the image itself by the decoder, given z          (or noise from the seed)
    image' = decoder's DDIM from x_K, given z'

The first three lines are section 3.4 of the paper. The fourth is not in the paper: with random start noise the
decoder's sampling noise is larger than a disease effect. With the same condition on both sides and converged
inversions, the last state is the input image: the null intervention changes nothing, without pasting anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pcgm_bench.methods.pcgm.causal_encoder import CausalEncoder
from pcgm_bench.methods.pcgm.config import MGDConfig
from pcgm_bench.methods.pcgm.controlnet import ControlNet
from pcgm_bench.methods.pcgm.controlnet import lobe_weights
from pcgm_bench.methods.pcgm.decoder import DiffusionDecoder
from pcgm_bench.methods.pcgm.decoder import upsample_latent
from pcgm_bench.methods.pcgm.diffusion import Denoiser
from pcgm_bench.methods.pcgm.diffusion import Inverted
from pcgm_bench.methods.pcgm.diffusion import ddim_grid
from pcgm_bench.methods.pcgm.diffusion import generate
from pcgm_bench.methods.pcgm.diffusion import guided
from pcgm_bench.methods.pcgm.diffusion import invert
from pcgm_bench.methods.pcgm.diffusion import start_index
from pcgm_bench.methods.pcgm.unet import FIELDS
from pcgm_bench.methods.pcgm.unet import DenoisingUNet
from pcgm_bench.methods.pcgm.weights import load_weights
from pcgm_bench.methods.pcgm.weights import save_weights
from pcgm_bench.methods.pcgm.weights import set_layout

NETWORKS: tuple[str, ...] = ("encoder", "unet", "controlnet", "decoder")


def to_model(image: np.ndarray, config: MGDConfig) -> np.ndarray:
    """`Scan.image` (0 to about 1.2) -> the networks' [-1, 1]; values beyond are not clipped."""
    return np.asarray(image, np.float32) * np.float32(2 / config.image_range) - np.float32(1)


def from_model(image: np.ndarray, config: MGDConfig) -> np.ndarray:
    """Inverse of `to_model`."""
    return (np.asarray(image, np.float32) + np.float32(1)) * np.float32(config.image_range / 2)


def encode_condition(age: float, sex: str, diagnosis: str, head_size: float, config: MGDConfig) -> np.ndarray:
    """Metadata as the networks see them: ``(4,)`` float32 in the order of `FIELDS`; NaN (the learnt null) if unknown.

    Args:
        age: Years.
        sex: ``F`` (-1) or ``M`` (+1).
        diagnosis: One of ``config.diagnoses``, else null.
        head_size: mL.
        config: Gives the scales.
    """
    (age_mean, age_sd), (head_mean, head_sd) = config.age_scale, config.head_scale
    return np.array(
        [
            (age - age_mean) / age_sd,
            {"F": -1.0, "M": 1.0}.get(sex, np.nan),
            dict(config.diagnoses).get(diagnosis, np.nan),
            (head_size - head_mean) / head_sd,
        ],
        np.float32,
    )


def comparable(old: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two conditions ``(4,)`` in which a field that one does not know is unknown (NaN) in both.

    Weights trained on controls know what a control is and not what a patient is. Moving from one to the null token is
    then no step towards a patient, but it is a step, and would show in the image.

    >>> comparable(np.array([0.5, np.nan]), np.array([0.7, 1.0]))
    (array([0.5, nan]), array([0.7, nan]))
    """
    unknown = np.isnan(old) | np.isnan(new)
    return np.where(unknown, np.nan, old), np.where(unknown, np.nan, new)


class MGD:
    """The four networks and how they make an image. Images and masks are NumPy on the cohort's grid; CPU in fp32.

    A *condition* is the ``(4,)`` array of `encode_condition`; a *mask* the ``(8, X, Y, Z)`` array of
    `pcgm_bench.methods.pcgm.controlnet.control_mask`, or None: then the ControlNet is not used at all.
    """

    def __init__(
        self,
        config: MGDConfig,
        encoder: CausalEncoder,
        unet: DenoisingUNet,
        controlnet: ControlNet,
        decoder: DiffusionDecoder,
        device: str = "cpu",
    ) -> None:
        self.config = config
        self.device = device
        self.encoder, self.unet, self.controlnet, self.decoder = encoder, unet, controlnet, decoder
        for network in (encoder, unet, controlnet, decoder):
            set_layout(network, device).eval().requires_grad_(False)

    @classmethod
    def build(cls, config: MGDConfig, seed: int = 0, device: str = "cpu") -> MGD:
        """Untrained networks with weights drawn from ``seed``."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            unet = DenoisingUNet(config)
            return cls(config, CausalEncoder(config), unet, ControlNet(config, unet), DiffusionDecoder(config), device)

    @classmethod
    def load(cls, folder: Path, config: MGDConfig, device: str = "cpu") -> MGD:
        """Networks with the weights that `save`, or training, left in ``folder``.

        Raises:
            UserError: Missing, unreadable or foreign weights.
        """
        mgd = cls.build(config, device=device)
        for name in NETWORKS:
            load_weights(getattr(mgd, name), folder, name, config)
        return mgd

    def save(self, folder: Path) -> list[Path]:
        """Write fp16 safetensors, at most 4 MiB a file, into an existing folder."""
        return [path for name in NETWORKS for path in save_weights(getattr(self, name), folder, name, self.config)]

    def _tensor(self, array: np.ndarray) -> Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(array, np.float32))[None].to(self.device)
        return tensor.to(memory_format=torch.channels_last_3d) if tensor.ndim == 5 else tensor

    def _time(self, t: float) -> Tensor:
        return torch.full((1,), t, dtype=torch.float32, device=self.device)

    def _latent_denoiser(self, condition: np.ndarray, mask: np.ndarray | None) -> Denoiser:
        metadata = self._tensor(condition)
        hint = None if mask is None else self.controlnet.hint(self._tensor(mask))

        def predict(x: Tensor, t: float) -> Tensor:
            time = self._time(t)
            control = None if hint is None else self.controlnet(x, time, metadata, hint)
            return self.unet.to_x0(self.unet(x, time, metadata, control=control), x, time)

        return predict

    def _guided(
        self,
        condition: np.ndarray,
        mask: np.ndarray | None,
        old: tuple[np.ndarray, np.ndarray | None],
        weight: float | Tensor,
    ) -> Denoiser:
        conditional = self._latent_denoiser(condition, mask)
        if not isinstance(weight, Tensor) and weight == 1:
            return conditional
        null = np.full(len(FIELDS), np.nan, np.float32)
        branch = {
            "old": old,
            "null_metadata": (null, mask),
            "null": (null, None if mask is None else np.zeros_like(mask)),
        }[self.config.sampler.unconditional]
        return guided(conditional, self._latent_denoiser(*branch), weight)

    def _image_denoiser(self, z: Tensor) -> Denoiser:
        latent = upsample_latent(z, self.config)

        def predict(x: Tensor, t: float) -> Tensor:
            time = self._time(t)
            return self.decoder.to_x0(self.decoder(x, latent, time), x, time)

        return predict

    @torch.inference_mode()
    def encode(self, image: np.ndarray) -> Tensor:
        """Image ``(X, Y, Z)`` -> standardised latent ``(1, C, *latent_shape)``: the posterior mean."""
        return self.encoder.encode(self._tensor(to_model(image, self.config)[None]))

    @torch.inference_mode()
    def invert(self, z: Tensor, condition: np.ndarray, mask: np.ndarray | None) -> Inverted:
        """Latent state at index ``k = round(s S)`` on the DDIM trajectory of ``z`` under what is factual."""
        s = self.config.sampler
        predict = self._guided(condition, mask, (condition, mask), s.inversion_guidance)
        grid, k = ddim_grid(s.steps, s.t_min), start_index(s.strength, s.steps)
        return invert(predict, z, grid, k, s.n_fixed_point, s.carry_defects)

    @torch.inference_mode()
    def regenerate(
        self,
        z_k: Inverted,
        condition: np.ndarray,
        mask: np.ndarray | None,
        old_condition: np.ndarray,
        old_mask: np.ndarray | None,
    ) -> Tensor:
        """Clean latent from the state at index k under the new condition and mask.

        The old ones serve guidance: as the branch to move away from with ``unconditional = "old"``, and the old mask
        says where which lobe's weight holds.
        """
        s = self.config.sampler
        weight: float | Tensor = s.guidance
        if s.lobe_guidance and old_mask is not None:
            weight = lobe_weights(self._tensor(old_mask), s.lobe_guidance, s.guidance, self.config.latent_shape)
        predict = self._guided(condition, mask, (old_condition, old_mask), weight)
        return generate(predict, z_k, ddim_grid(s.steps, s.t_min), start_index(s.strength, s.steps))

    @torch.inference_mode()
    def invert_image(self, image: np.ndarray, z: Tensor) -> Inverted:
        """The decoder's start state that belongs to an image, given its own latent."""
        d = self.config.decoder_sampler
        x = self._tensor(to_model(image, self.config)[None])
        grid, k = ddim_grid(d.steps, d.t_min), start_index(d.strength, d.steps)
        return invert(self._image_denoiser(z), x, grid, k, d.n_fixed_point, d.carry_defects)

    @torch.inference_mode()
    def decode(self, z: Tensor, start: Inverted | None = None, seed: int = 0) -> np.ndarray:
        """Image ``(X, Y, Z)`` float32 from a latent.

        Args:
            z: Standardised latent ``(1, C, *latent_shape)``.
            start: From `invert_image`; None draws the start noise from ``seed`` and takes ``drawing.decoder_steps``.
            seed: Of the noise.
        """
        d, predict = self.config.decoder_sampler, self._image_denoiser(z)
        if start is None:
            steps = self.config.drawing.decoder_steps
            noise = self._noise((1, 1, *self.config.shape), seed)
            image = generate(predict, Inverted(noise), ddim_grid(steps, d.t_min), steps, denoise_last=True)
        else:
            image = generate(predict, start, ddim_grid(d.steps, d.t_min), start_index(d.strength, d.steps))
        return from_model(image[0, 0].cpu().numpy(), self.config)

    @torch.inference_mode()
    def sample(self, condition: np.ndarray, mask: np.ndarray | None, seed: int) -> np.ndarray:
        """A new brain from noise, under ``condition`` (all NaN: unconditional) and ``mask``."""
        steps = self.config.drawing.steps
        shape = (1, self.config.encoder.latent_channels, *self.config.latent_shape)
        grid, noise = ddim_grid(steps, self.config.sampler.t_min), Inverted(self._noise(shape, seed))
        z = generate(self._latent_denoiser(condition, mask), noise, grid, steps, denoise_last=True)
        return self.decode(z, seed=seed + 1)

    def draw(self, people: np.ndarray, n: int, seed: int, first: int = 0) -> Iterator[np.ndarray]:
        """New brains ``first`` to ``first + n - 1`` of people like these, ``(X, Y, Z)`` each.

        Brain i has the metadata of one of ``people`` ``(N, 4)``, drawn by ``(seed, i)``, and anatomy from noise.
        """
        for i in range(first, first + n):
            rng = np.random.default_rng([seed, i])
            condition = people[rng.integers(len(people))]
            yield np.maximum(self.sample(condition, None, int(rng.integers(2**31))), 0)

    def _noise(self, shape: tuple[int, ...], seed: int) -> Tensor:
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
        return noise.to(self.device).to(memory_format=torch.channels_last_3d)

    def counterfactual(
        self,
        image: np.ndarray,
        old_condition: np.ndarray,
        old_mask: np.ndarray | None,
        new_condition: np.ndarray,
        new_mask: np.ndarray | None,
        seed: int,
    ) -> np.ndarray:
        """The scan under the new metadata and mask.

        Args:
            image: Factual `Scan.image` ``(X, Y, Z)``.
            old_condition: Factual `encode_condition`.
            old_mask: Factual `control_mask`.
            new_condition: Counterfactual metadata.
            new_mask: Mask from the CMG.
            seed: Of the decoder's start noise; without effect where it is inverted.

        Returns:
            ``(X, Y, Z)`` float32 in the intensities of ``image``.
        """
        z = self.encode(image)
        z_k = self.invert(z, old_condition, old_mask)
        z_new = self.regenerate(z_k, new_condition, new_mask, old_condition, old_mask)
        inverted = self.config.decoder_sampler.start == "inverted"
        return self.decode(z_new, self.invert_image(image, z) if inverted else None, seed)
