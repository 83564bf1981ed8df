"""What a user may set of every method that has PCGM's volumes and masks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from typing import Literal

from pydantic import Field

Model = Annotated[
    Literal["auto", "flow", "linear"],
    Field(description="the causal model; auto takes the likelier one on held-out people"),
]
Rule = Annotated[
    Literal["ranked", "proportional"],
    Field(description="which border voxels change: the likeliest first, or each a share"),
]


@dataclass(frozen=True)
class MaskSettings:
    """Settings of the PGM and the CMG; `pcgm_bench.contracts.settings` reads them.

    The mask rule is the one that is nearer to the phantom's truth, so that a cheat is as good as it can be.
    """

    pgm: Model = "auto"
    cmg: Rule = "proportional"
