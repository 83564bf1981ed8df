"""How long a network is trained: steps at most, and minutes at most where a wall-clock budget is set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """Steps and minutes; training ends with whichever is spent first.

    Attributes:
        steps: optimiser steps at most.
        minutes: wall time at most, over all restarts; None for no limit.
    """

    steps: int
    minutes: float | None = None

    def progress(self, step: int, elapsed: float) -> float:
        """Share of the budget that is spent after ``step`` steps and ``elapsed`` seconds: of what is nearer its end."""
        progress = step / self.steps
        if self.minutes is not None:
            progress = max(progress, elapsed / (60 * self.minutes))
        return progress

    def is_spent(self, step: int, elapsed: float) -> bool:
        """Whether training ends here."""
        return step >= self.steps or (self.minutes is not None and elapsed >= 60 * self.minutes)

    def shortfall(self, step: int) -> str:
        """One line for a training that the clock ended before its steps were done; empty if all steps were done.

        >>> Budget(steps=3000, minutes=20).shortfall(750)
        'undertrained: the 20 minutes were over after 750 of 3000 steps (25 %); use a faster or an idle machine'
        """
        if step >= self.steps:
            return ""
        share = f"{step} of {self.steps} steps ({step / self.steps:.0%})".replace("%", " %")
        return f"undertrained: the {self.minutes:g} minutes were over after {share}; use a faster or an idle machine"


def divide_minutes(minutes: float, shares: Mapping[str, float]) -> dict[str, float]:
    """Minutes of every network, or phase of a method, from those of the whole training.

    >>> divide_minutes(60, {"autoencoder": 1, "denoiser": 2})
    {'autoencoder': 20.0, 'denoiser': 40.0}
    """
    total = sum(shares.values())
    return {name: minutes * share / total for name, share in shares.items()}
