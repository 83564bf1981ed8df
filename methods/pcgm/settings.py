"""What a user may set of PCGM: its configuration, its causal model, its mask rule, and ablations."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated
from typing import Literal

from pydantic import AfterValidator
from pydantic import Field

from pcgm_bench.contracts import UserError
from pcgm_bench.methods.pcgm.mask_settings import MaskSettings
from pcgm_bench.methods.pcgm.mask_settings import Rule
from pcgm_bench.methods.pcgm.mgd.config import MGDConfig
from pcgm_bench.methods.pcgm.mgd.paper import get_config

OWN = "phantom"


def _known(name: str) -> str:
    try:
        get_config(name)
    except UserError as error:
        raise ValueError(str(error)) from error
    return name


@dataclass(frozen=True)
class PCGMSettings(MaskSettings):
    """Settings of PCGM: those of its volumes and masks, the networks' and ablations; the mask rule is the paper's."""

    cmg: Rule = "ranked"
    config: Annotated[
        str, AfterValidator(_known), Field(description="sizes of networks and images; each has weights of its own")
    ] = OWN
    mask: Annotated[
        Literal["counterfactual", "factual"], Field(description="what the ControlNet is shown; factual: an ablation")
    ] = "counterfactual"
    controlnet: Annotated[bool, Field(description="off: no mask at all, an ablation")] = True
    metadata: Annotated[bool, Field(description="off: networks know neither person nor intervention")] = True
    guidance: Annotated[
        float | None, Field(ge=0, le=50, description="weight of guidance, in place of the configuration's; 1 is none")
    ] = None
    strength: Annotated[
        float | None, Field(gt=0, le=1, description="how far back regeneration starts: 1 is pure noise")
    ] = None

    def configured(self, own: MGDConfig) -> MGDConfig:
        """The configuration of the networks and their sampling.

        Args:
            own: of the generator's class.
        """
        config = own if self.config == OWN else get_config(self.config)
        sampler = config.sampler
        if self.guidance is not None:
            sampler = dataclasses.replace(sampler, guidance=self.guidance)
        if self.strength is not None:
            sampler = dataclasses.replace(sampler, strength=self.strength)
        return dataclasses.replace(config, sampler=sampler)
