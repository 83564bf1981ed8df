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

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch import nn

from pcgm_bench.methods.pcgm.mgd.causal_encoder import CausalEncoder
from pcgm_bench.methods.pcgm.mgd.config import MGDConfig
from pcgm_bench.methods.pcgm.mgd.config import weights_stamp
from pcgm_bench.methods.pcgm.mgd.controlnet import ControlNet
from pcgm_bench.methods.pcgm.mgd.decoder import DiffusionDecoder
from pcgm_bench.methods.pcgm.mgd.decoder import upsample_latent
from pcgm_bench.methods.pcgm.mgd.intensity import from_model
from pcgm_bench.methods.pcgm.mgd.intensity import to_model
from pcgm_bench.methods.pcgm.mgd.unet import DenoisingUNet
from pcgm_bench.training.diffusion import Denoiser
from pcgm_bench.training.diffusion import Inverted
from pcgm_bench.training.diffusion import classifier_free_guidance
from pcgm_bench.training.diffusion import coefficients
from pcgm_bench.training.diffusion import ddim_grid
from pcgm_bench.training.diffusion import ddim_invert
from pcgm_bench.training.diffusion import ddim_sample
from pcgm_bench.training.diffusion import start_index
from pcgm_bench.training.people import FIELDS
from pcgm_bench.training.weights import load_weights
from pcgm_bench.training.weights import save_weights
from pcgm_bench.training.weights import set_layout


class MGD:
    """The four networks and how they make an image. Images and masks are NumPy on the cohort's grid; CPU in fp32.

    A *condition* is the ``(4,)`` array of `pcgm_bench.training.people.encode_condition`; a *mask* is the
    ``(8, X, Y, Z)`` array of `pcgm_bench.methods.pcgm.mgd.controlnet.control_mask`, or None: then the ControlNet is not
    used at all.
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
        self.encoder, self.unet, self.controlnet, self.decoder = encoder, unet, controlnet, decoder
        self.to(device)
        for network in self.networks.values():
            network.eval().requires_grad_(False)

    @property
    def networks(self) -> dict[str, nn.Module]:
        """The four networks by the names of their files."""
        return {"encoder": self.encoder, "unet": self.unet, "controlnet": self.controlnet, "decoder": self.decoder}

    def to(self, device: str) -> None:
        """Move all networks to a device, in channels-last layout."""
        self.device = device
        for network in self.networks.values():
            set_layout(network, device)

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
        for name, network in mgd.networks.items():
            load_weights(network, folder, name, weights_stamp(config))
        return mgd

    def save(self, folder: Path) -> list[Path]:
        """Write fp16 safetensors, at most 4 MiB a file, into an existing folder."""
        stamp = weights_stamp(self.config)
        return [path for name, net in self.networks.items() for path in save_weights(net, folder, name, stamp)]

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
        weight: float,
    ) -> Denoiser:
        conditional = self._latent_denoiser(condition, mask)
        if weight == 1:
            return conditional
        null = np.full(len(FIELDS), np.nan, np.float32)
        branch = {
            "old": old,
            "null_metadata": (null, mask),
            "null": (null, None if mask is None else np.zeros_like(mask)),
        }[self.config.sampler.unconditional]
        return classifier_free_guidance(conditional, self._latent_denoiser(*branch), weight)

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
        return ddim_invert(predict, z, grid, k, s.n_fixed_point, s.carry_defects)

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

        The old ones are the branch that guidance moves away from, with ``unconditional = "old"``.
        """
        s = self.config.sampler
        predict = self._guided(condition, mask, (old_condition, old_mask), s.guidance)
        return ddim_sample(predict, z_k, ddim_grid(s.steps, s.t_min), start_index(s.strength, s.steps))

    @torch.inference_mode()
    def shift(
        self,
        z: Tensor,
        old_condition: np.ndarray,
        old_mask: np.ndarray | None,
        new_condition: np.ndarray,
        new_mask: np.ndarray | None,
        seed: int,
    ) -> Tensor:
        """A clean latent plus what the new condition changes in the denoiser's estimate of it.

        Both estimates see the same noisy state, so that what is wrong in both drops out, and with nothing asked the
        answer is ``z``. The difference is averaged over the noise levels ``sampler.shift_times``, each with noise of
        its own. (Hertz et al. 2023, delta denoising score, take this difference for the gradient of a loss.)

        Args:
            z: Factual latent ``(1, C, *latent_shape)``.
            old_condition: Factual metadata.
            old_mask: What the ControlNet is shown of the factual anatomy.
            new_condition: Counterfactual metadata.
            new_mask: What it is shown of the counterfactual one.
            seed: Of the noise.
        """
        before, after = self._latent_denoiser(old_condition, old_mask), self._latent_denoiser(new_condition, new_mask)
        times = self.config.sampler.shift_times
        change = torch.zeros_like(z)
        for number, t in enumerate(times):
            a, sigma = coefficients(t)
            x = a * z + sigma * self._noise(tuple(z.shape), seed + number)
            change += (after(x, t) - before(x, t)) / len(times)
        return z + change

    @torch.inference_mode()
    def invert_image(self, image: np.ndarray, z: Tensor) -> Inverted:
        """The decoder's start state that belongs to an image, given its own latent."""
        d = self.config.decoder_sampler
        x = self._tensor(to_model(image, self.config)[None])
        grid, k = ddim_grid(d.steps, d.t_min), start_index(d.strength, d.steps)
        return ddim_invert(self._image_denoiser(z), x, grid, k, d.n_fixed_point, d.carry_defects)

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
            image = ddim_sample(predict, Inverted(noise), ddim_grid(steps, d.t_min), steps, denoise_last=True)
        else:
            image = ddim_sample(predict, start, ddim_grid(d.steps, d.t_min), start_index(d.strength, d.steps))
        return from_model(image[0, 0].cpu().numpy(), self.config)

    @torch.inference_mode()
    def sample(self, condition: np.ndarray, mask: np.ndarray | None, seed: int) -> np.ndarray:
        """A new brain from noise, under ``condition`` (all NaN: unconditional) and ``mask``."""
        steps = self.config.drawing.steps
        shape = (1, self.config.encoder.latent_channels, *self.config.latent_shape)
        grid, noise = ddim_grid(steps, self.config.sampler.t_min), Inverted(self._noise(shape, seed))
        z = ddim_sample(self._latent_denoiser(condition, mask), noise, grid, steps, denoise_last=True)
        return self.decode(z, seed=seed + 1)

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
            seed: Of `shift`'s noise, and of the decoder's start noise where that is not inverted.

        Returns:
            ``(X, Y, Z)`` float32 in the intensities of ``image``.
        """
        z = self.encode(image)
        if self.config.sampler.shift_times:
            z_new = self.shift(z, old_condition, old_mask, new_condition, new_mask, seed)
        else:
            z_k = self.invert(z, old_condition, old_mask)
            z_new = self.regenerate(z_k, new_condition, new_mask, old_condition, old_mask)
        inverted = self.config.decoder_sampler.start == "inverted"
        return self.decode(z_new, self.invert_image(image, z) if inverted else None, seed)
