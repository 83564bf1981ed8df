"""A toy method that lets a user set something, and says what it learnt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from typing import Literal

import fakes
import numpy as np
from pydantic import Field

from pcgm_bench.contracts import Card
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import Job
from pcgm_bench.contracts import Scan


@dataclass(frozen=True)
class TunedSettings:
    """Of `Tuned`."""

    gain: Annotated[float, Field(gt=0, description="what the change is multiplied by")] = 1.0
    rule: Annotated[Literal["soft", "hard"], Field(description="nothing much")] = "soft"
    sharp: Annotated[bool, Field(description="nothing much")] = True
    level: Annotated[float | None, Field(ge=0, le=1, description="brightness of new brains")] = None
    size: Annotated[Literal["small", "large"], Field(description="of the networks")] = "small"


class Tuned(fakes.Shifter):
    """A shifter with a gain."""

    card = Card(
        "tuned", "Tuned", "1", "none", "Apache-2.0", frozenset({Job.COUNTERFACTUAL, Job.VOLUMES}), notes="a toy"
    )
    settings_type = TunedSettings
    settings = TunedSettings()

    def configure(self, settings: TunedSettings) -> None:
        self.settings = settings

    def notes(self) -> Mapping[str, str]:
        return {"means": f"{self.means['control']:.3f} of controls"}

    def counterfactual(self, scan: Scan, do: Intervention, seed: int) -> np.ndarray:
        return self.settings.gain * super().counterfactual(scan, do, seed)


class Spoken(Tuned):
    """Its notes are no texts."""

    card = Card("spoken", "Spoken", "1", "none", "Apache-2.0", frozenset({Job.COUNTERFACTUAL, Job.VOLUMES}))

    def notes(self) -> Mapping[str, str]:
        return {"means": 3.0}  # type: ignore[dict-item]


class Trained(fakes.Sampler):
    """A sampler whose networks have two sizes."""

    card = Card("trained", "Trained", "1", "none", "Apache-2.0", frozenset({Job.SAMPLE}), needs_weights=True)
    settings_type = TunedSettings
    training_settings = frozenset({"size"})

    def configure(self, settings: TunedSettings) -> None:
        self.settings = settings

    def fit(self, cohort: Cohort, context: Context) -> None:
        self.level = {"small": 0.25, "large": 0.75}[self.settings.size]

    def save(self, folder: Path) -> None:
        (folder / "level.txt").write_text(repr(self.level))
