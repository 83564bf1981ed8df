"""MGD for the phantom cohort: 3 mm, on a CPU."""

from __future__ import annotations

from pcgm_bench.methods.pcgm.mgd.config import DecoderSamplerConfig
from pcgm_bench.methods.pcgm.mgd.config import EncoderConfig
from pcgm_bench.methods.pcgm.mgd.config import MGDConfig
from pcgm_bench.methods.pcgm.mgd.config import SamplerConfig

# Chosen on phantom seeds 12 and 13 with `tools/dose_response_check.py`. One step away from the image shows the old
# anatomy so well that a mask moves it by a third of what it asks; guidance away from the factual mask makes up for
# that, and does nothing where the two masks are the same. With one weight for all (4) the slopes are 0.93 to 1.19;
# hence one a lobe, for which the mean of two slopes is one: of a lobe's own change, and of a change of all lobes
# together. Starting further back costs time and tells the lobes further apart.
PHANTOM = MGDConfig(
    encoder=EncoderConfig(latent_channels=8, shortcut=True),
    sampler=SamplerConfig(
        steps=20,
        strength=0.05,
        n_fixed_point=1,
        guidance=3.5,
        lobe_guidance=(4.1, 4.15, 4.25, 3.95, 3.05, 3.75),
        unconditional="old",
    ),
    decoder_sampler=DecoderSamplerConfig(steps=3, strength=1.0, n_fixed_point=0),
)
