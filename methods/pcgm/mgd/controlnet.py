"""3-D ControlNet: a trainable copy of the UNet's encoder that reads the mask, joined through zero convolutions.

Section 3.3 of the paper and Zhang et al. 2023 (ControlNet): every skip, the finest included, and the mid output pass a
1 x 1 x 1 convolution that starts at zero, so that training starts from the frozen UNet. (The released code defines the
skips' zero convolutions but adds the raw features.)

The mask is the soft occupancy of `CONTROL_CHANNELS` at the image's full resolution, so that a boundary moving by a
fraction of a voxel is still in the input; the released code gives one channel for a random set of lobes.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor
from torch import nn

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.methods.pcgm.mgd.config import MGDConfig
from pcgm_bench.methods.pcgm.mgd.unet import DenoisingUNet
from pcgm_bench.methods.pcgm.mgd.unet import UNetEncoder
from pcgm_bench.training.layers import Conv3d
from pcgm_bench.training.layers import resize
from pcgm_bench.training.layers import zero


def control_mask(fractions: np.ndarray) -> np.ndarray:
    """`Segmentation.fractions` ``(12, X, Y, Z)`` -> the ControlNet's channels ``(8, X, Y, Z)`` float32 in [0, 1].

    Six lobes, white matter, and CSF with the ventricles.
    """
    lobes = fractions[[CHANNELS.index(name) for name in LOBE_NAMES]]
    white = fractions[CHANNELS.index("white_matter")]
    fluid = fractions[CHANNELS.index("csf")] + fractions[CHANNELS.index("ventricles")]
    return np.concatenate([lobes, white[None], fluid[None]]).astype(np.float32)


class HintNet(nn.Module):
    """Full-resolution mask -> features on the latent grid, through a last zero convolution."""

    def __init__(self, config: MGDConfig) -> None:
        super().__init__()
        widths = config.control.hint_widths
        layers: list[nn.Module] = [Conv3d(config.control.mask_channels, widths[0], 3, padding=1), nn.SiLU()]
        for i, (along, across) in enumerate(config.encoder.strides):
            layers += [
                Conv3d(widths[i], widths[i + 1], 3, stride=(along, across, across), padding=1),
                nn.SiLU(),
            ]
        layers += [Conv3d(widths[-1], widths[-1], 3, padding=1), nn.SiLU()]
        self.layers = nn.Sequential(*layers, zero(Conv3d(widths[-1], config.unet.widths[0], 1)))

    def forward(self, mask: Tensor) -> Tensor:
        return self.layers(mask)


class ControlNet(nn.Module):
    """Residuals for a frozen `DenoisingUNet`.

    Args:
        config: Configuration of both networks.
        unet: UNet whose encoder's weights are the starting point; None leaves a random one (before loading weights).
    """

    def __init__(self, config: MGDConfig, unet: DenoisingUNet | None = None) -> None:
        super().__init__()
        self.hint = HintNet(config)
        self.encoder = UNetEncoder(config)
        if unet is not None:
            self.encoder.load_state_dict(unet.encoder.state_dict())
        widths = config.unet.widths
        self.zeros = nn.ModuleList(zero(Conv3d(width, width, 1)) for width in widths)

    def forward(
        self, x: Tensor, t: Tensor, condition: Tensor, hint: Tensor, drop: Tensor | None = None
    ) -> tuple[list[Tensor], Tensor]:
        """Residuals for every skip and for the mid output.

        Args:
            x: Noisy latent ``(B, 4, D, H, W)``.
            t: Times ``(B,)``.
            condition: ``(B, 4)`` metadata. (The released code gives constant tokens.)
            hint: ``self.hint(mask)``, which depends on neither x nor t: compute it once a mask.
            drop: See `DenoisingUNet.forward`.
        """
        skips, mid, _ = self.encoder(x, t, condition, drop, resize(hint, x))
        residuals = [layer(h) for layer, h in zip(self.zeros[:-1], skips, strict=True)]
        return residuals, self.zeros[-1](mid)
