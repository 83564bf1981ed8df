"""MGD as in the paper (157 x 192 x 160 voxels, on a GPU), and all configurations by name."""

from __future__ import annotations

from pcgm_bench.contracts import UserError
from pcgm_bench.methods.pcgm.mgd.config import ControlConfig
from pcgm_bench.methods.pcgm.mgd.config import DecoderConfig
from pcgm_bench.methods.pcgm.mgd.config import DecoderSamplerConfig
from pcgm_bench.methods.pcgm.mgd.config import DrawingConfig
from pcgm_bench.methods.pcgm.mgd.config import EncoderConfig
from pcgm_bench.methods.pcgm.mgd.config import MGDConfig
from pcgm_bench.methods.pcgm.mgd.config import SamplerConfig
from pcgm_bench.methods.pcgm.mgd.config import UNetConfig
from pcgm_bench.methods.pcgm.mgd.phantom import PHANTOM

PAPER = MGDConfig(
    name="paper",
    shape=(157, 192, 160),
    norm="group",
    encoder=EncoderConfig(
        widths=(128, 256, 512, 512),
        blocks=(2, 2, 2, 2),
        strides=((1, 2), (2, 2), (2, 2)),
        adversarial_weight=0.5,
    ),
    unet=UNetConfig(
        widths=(256, 512, 1024),
        down_blocks=(2, 2, 2),
        up_blocks=(2, 2),
        merge="concat",
        stem_kernel=7,
        mid_hidden=1024,
        heads=8,
        time_dim=1024,
        token_dim=768,
    ),
    control=ControlConfig(hint_widths=(16, 32, 96, 256)),
    decoder=DecoderConfig(
        widths=(56, 112, 224, 448),
        down_blocks=(2, 2, 2, 2),
        up_blocks=(2, 2, 2),
        strides=((1, 2, 2), (1, 2, 2), (1, 2, 2)),
        time_dim=224,
        slice_attention=True,
    ),
    sampler=SamplerConfig(steps=50),
    decoder_sampler=DecoderSamplerConfig(steps=40),
    drawing=DrawingConfig(steps=50, decoder_steps=40),
)

CONFIGS: dict[str, MGDConfig] = {"phantom": PHANTOM, "paper": PAPER}


def get_config(name: str) -> MGDConfig:
    """A named configuration.

    Raises:
        UserError: Unknown name.
    """
    if name not in CONFIGS:
        raise UserError(f"no PCGM configuration {name!r}: choose one of {', '.join(sorted(CONFIGS))}")
    return CONFIGS[name]
