"""Settings of `pcgm-aligned`: the networks of `pcgm` with twice the mask channels, and no guidance."""

from __future__ import annotations

import dataclasses

from pcgm_bench.methods.pcgm.mgd.config import CONTROL_CHANNELS
from pcgm_bench.methods.pcgm.mgd.config import ControlConfig
from pcgm_bench.methods.pcgm.mgd.config import SamplerConfig
from pcgm_bench.methods.pcgm.mgd.phantom import PHANTOM

ALIGNED = dataclasses.replace(
    PHANTOM,
    name="aligned",
    control=ControlConfig(mask_channels=2 * len(CONTROL_CHANNELS)),
    sampler=SamplerConfig(shift_times=(0.1, 0.2)),
    decoder_sampler=dataclasses.replace(PHANTOM.decoder_sampler, carry_defects=True),
)
