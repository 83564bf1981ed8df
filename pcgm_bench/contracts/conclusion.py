"""What a study concludes about the method of a run, in three sentences."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Conclusion:
    """Generated from a run's records; printed last.

    Attributes:
        asked: what was asked, of how many.
        shown: what the images show, with numbers and their intervals.
        follows: what follows from it, and what does not.
    """

    asked: str
    shown: str
    follows: str

    def lines(self) -> list[str]:
        """As printed.

        >>> Conclusion("Half of it.", "None of it.", "Nothing follows.").lines()[1]
        'Shown: None of it.'
        """
        return [f"Asked: {self.asked}", f"Shown: {self.shown}", f"It follows: {self.follows}"]
