"""Settings of MGD, the image half of PCGM; `phantom.PHANTOM` and `paper.PAPER` are two of them.

Everything that changes weights or images is a field of `MGDConfig`; a config is frozen, hashable and hashed by content.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from typing import Literal

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import UserError
from pcgm_bench.training.layers import Norm
from pcgm_bench.training.people import MetadataScale
from pcgm_bench.training.settings import Shape
from pcgm_bench.training.weights import Stamp
from pcgm_bench.training.weights import content_hash

Prediction = Literal["x0", "v"]
Unconditional = Literal["null", "null_metadata", "old"]
Merge = Literal["concat", "add"]
Start = Literal["inverted", "random"]

CONTROL_CHANNELS: tuple[str, ...] = (*LOBE_NAMES, "white_matter", "csf+ventricles")
"""Channels of the mask given to the ControlNet: soft occupancy in [0, 1] at full resolution."""


@dataclass(frozen=True)
class EncoderConfig:
    """Causal encoder.

    Attributes:
        strides: (slice, in-plane) factors between levels.
        blocks: ResBlocks a level.
        shortcut: add the voxels that a latent voxel stands for to its channels, and back in the head (the residual
            autoencoding of Chen et al. 2024, DC-AE): the networks learn what to change, not how to copy. Needs as
            many latent channels as voxels.
    """

    widths: tuple[int, ...] = (16, 32)
    blocks: tuple[int, ...] = (0, 2)
    strides: tuple[tuple[int, int], ...] = ((2, 2),)
    latent_channels: int = 4
    shortcut: bool = False
    kl_weight: float = 1e-6
    gradient_weight: float = 0.5
    adversarial_weight: float = 0.0
    adversarial_start: int = 2001
    discriminator_width: int = 64


@dataclass(frozen=True)
class UNetConfig:
    """Counterfactual denoising UNet: level widths, ResBlocks a level going down and up, and the mid stack."""

    widths: tuple[int, ...] = (32, 64, 96)
    down_blocks: tuple[int, ...] = (0, 1, 0)
    up_blocks: tuple[int, ...] = (1, 1)
    merge: Merge = "add"
    stem_kernel: int = 3
    down_kernel: int = 4
    mid_blocks: int = 4
    mid_hidden: int = 48
    heads: int = 4
    time_dim: int = 128
    time_tokens: int = 4
    token_dim: int = 64
    drop_all: float = 0.1
    drop_field: float = 0.1
    prediction: Prediction = "x0"


@dataclass(frozen=True)
class ControlConfig:
    """3-D ControlNet: channels of the mask and of the hint net's levels (one more than the encoder has strides)."""

    mask_channels: int = len(CONTROL_CHANNELS)
    hint_widths: tuple[int, ...] = (16, 48)
    drop_mask: float = 0.1


@dataclass(frozen=True)
class DecoderConfig:
    """3-D diffusion decoder. ``strides`` are the factors of every down step, one triple a step."""

    widths: tuple[int, ...] = (16, 32, 48)
    down_blocks: tuple[int, ...] = (0, 1, 2)
    up_blocks: tuple[int, ...] = (1, 2)
    strides: tuple[Shape, ...] = ((2, 2, 2), (2, 2, 2))
    time_dim: int = 64
    slice_attention: bool = False
    heads: int = 4
    latent_noise: float = 0.05
    prediction: Prediction = "x0"


@dataclass(frozen=True)
class SamplerConfig:
    """Sampling: the DDIM grid, how far to invert, guidance. Changing it needs no retraining.

    Attributes:
        steps: DDIM steps S between ``t_min`` and 1.
        strength: s in (0, 1]; inversion stops, and regeneration starts, at index ``k = round(s * S)``.
        t_min: The time that stands for the clean image; > 0, because an inversion cannot leave sigma = 0.
        guidance: Classifier-free guidance weight of the regeneration; 1 is none.
        inversion_guidance: The same for the inversion; anything but 1 accumulates error.
        unconditional: Branch that guidance moves away from: ``null`` (no metadata, no mask), ``null_metadata``
            (mask kept), ``old`` (the factual condition and mask: negative-prompt inversion).
        n_fixed_point: Picard iterations an inversion step; 0 is plain DDIM inversion. Each costs as much as a step.
        carry_defects: Measure by how much each inverted step misses under the old condition (one more evaluation) and
            add that in the regeneration, the step from ``t_min`` to the clean latent included: a null intervention is
            exact at any ``n_fixed_point``, and nothing of the old border remains in the noise (`ddim_sample`).
        shift_times: Noise levels of `MGD.shift`, which takes the place of inversion and regeneration; empty: those.
    """

    steps: int = 20
    strength: float = 0.6
    t_min: float = 0.03
    guidance: float = 1.0
    inversion_guidance: float = 1.0
    unconditional: Unconditional = "null"
    n_fixed_point: int = 3
    carry_defects: bool = False
    shift_times: tuple[float, ...] = ()


@dataclass(frozen=True)
class DecoderSamplerConfig:
    """The decoder's DDIM. ``start``: noise inverted from the factual image (not in the paper) or from the seed."""

    steps: int = 10
    strength: float = 1.0
    t_min: float = 0.03
    n_fixed_point: int = 2
    carry_defects: bool = False
    start: Start = "inverted"


@dataclass(frozen=True)
class DrawingConfig:
    """New brains: DDIM steps from noise to a latent, and from noise and latent to an image; no guidance."""

    steps: int = 20
    decoder_steps: int = 3


@dataclass(frozen=True)
class MGDConfig:
    """All of MGD.

    Attributes:
        shape: Voxels of the image. ``latent_shape`` follows from it.
        norm: ``group`` as in the released code, or ``voxel``: a layer norm over channels in every voxel, so that a
            change in one lobe cannot move the intensities of the rest through volume-wide statistics.
        groups: Groups of the group norm.
        image_range: Image intensity (`Scan.image`) that maps to +1; 0 maps to -1.
        age_scale: Mean and s.d. of age (years) that the network sees as 0 and 1; ``head_scale`` likewise (mL).
        diagnoses: Diagnoses that were in the training set, with their scalar. Any other diagnosis, like every
            unknown value, is the learnt null: weights trained on controls have never seen a patient.
    """

    name: str = "phantom"
    shape: Shape = (56, 64, 56)
    norm: Norm = "voxel"
    groups: int = 8
    image_range: float = 1.2
    age_scale: tuple[float, float] = (49.0, 27.0)
    head_scale: tuple[float, float] = (1450.0, 140.0)
    diagnoses: tuple[tuple[str, float], ...] = (("control", -1.0),)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    unet: UNetConfig = field(default_factory=UNetConfig)
    control: ControlConfig = field(default_factory=ControlConfig)
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    sampler: SamplerConfig = field(default_factory=SamplerConfig)
    decoder_sampler: DecoderSamplerConfig = field(default_factory=DecoderSamplerConfig)
    drawing: DrawingConfig = field(default_factory=DrawingConfig)

    @property
    def metadata(self) -> MetadataScale:
        """How metadata become numbers."""
        return MetadataScale(self.age_scale, self.head_scale, self.diagnoses)

    @property
    def patch(self) -> Shape:
        """Voxels of the image that a latent voxel stands for."""
        across = math.prod(across for _, across in self.encoder.strides)
        return math.prod(along for along, _ in self.encoder.strides), across, across

    @property
    def latent_shape(self) -> Shape:
        """Voxels of the latent: ``n`` slices give ``n / f`` (n divisible by f) or ``(n - 1) / f + 1`` (n = f m + 1)."""
        slices, plane, _ = self.patch
        first, second, third = self.shape
        if second % plane or third % plane or first % slices not in (0, 1 % slices):
            raise UserError(
                f"grid {self.shape} does not fit the encoder: axes 2 and 3 must divide by {plane}, "
                f"axis 1 must be a multiple of {slices} or one more; crop or pad the images"
            )
        return -(-first // slices), second // plane, third // plane


def weights_stamp(config: MGDConfig) -> Stamp:
    """Name, and hash over what weights depend on: all fields but how images are sampled."""
    sampling = ("sampler", "decoder_sampler", "drawing")
    return Stamp(config.name, content_hash({k: v for k, v in asdict(config).items() if k not in sampling}))
