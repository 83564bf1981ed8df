"""What a row's verdict is made from: one record for all parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field

from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import Row
from pcgm_bench.studies.aud.achieved import Achieved
from pcgm_bench.studies.aud.pattern import Pattern
from pcgm_bench.studies.aud.sample import Sample
from pcgm_bench.studies.aud.sound_rule import SoundScores
from pcgm_bench.studies.aud.truth_power import TruthPower


@dataclass(frozen=True)
class RowEvidence:
    """One row, beside everything that it is held against.

    Attributes:
        row: which one.
        sample: its people.
        sound: the sound rule on its own volumes.
        groups: the sound rule on the volumes that it asked for; on its own where it does not say.
        pattern: what is right.
        power: what the truth would show in ``groups`` at this n.
        change_power: what a right causal model's counterfactuals would show, person by person.
        achieved: lobe -> achieved over asked; empty where nothing was asked, or no image made.
        errors: lobe -> error to the truth, or to what was asked where the truth is not known.
        unchanged: lobe -> the same error of the unchanged scans.
        noise: lobe -> s.d. of what reading adds to both errors, in their unit; empty where the truth is not known.
        has_truth: whether ``errors`` are to the truth.
        nearest: share of images whose nearest factual scan is the person's own; None without images.
        images: metric -> what it says of the row's images.
        ceiling: the same of the true images; empty where there are none.
    """

    row: Row
    sample: Sample
    sound: SoundScores
    groups: SoundScores
    pattern: Pattern
    power: TruthPower
    change_power: TruthPower
    achieved: Mapping[str, Achieved] = field(default_factory=dict)
    errors: Mapping[str, Estimate] = field(default_factory=dict)
    unchanged: Mapping[str, Estimate] = field(default_factory=dict)
    noise: Mapping[str, float] = field(default_factory=dict)
    has_truth: bool = False
    nearest: Estimate | None = None
    images: Mapping[str, Estimate] = field(default_factory=dict)
    ceiling: Mapping[str, Estimate] = field(default_factory=dict)
