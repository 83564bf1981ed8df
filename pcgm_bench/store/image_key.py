"""Which image of a row: a visit of a person, and what was asked."""

from __future__ import annotations

from dataclasses import dataclass

from pcgm_bench.contracts import Intervention


@dataclass(frozen=True)
class ImageKey:
    """One image of a row.

    Attributes:
        subject: BIDS label.
        session: BIDS label; empty if there is none.
        description: ``cfAUD``; empty for the factual scan.
    """

    subject: str
    session: str
    description: str = ""

    @property
    def stem(self) -> str:
        """``sub-001_ses-01_desc-cfAUD``."""
        parts = [("sub", self.subject), ("ses", self.session), ("desc", self.description)]
        return "_".join(f"{name}-{value}" for name, value in parts if value)

    @property
    def folder(self) -> str:
        """``sub-001/ses-01/anat``."""
        return "/".join([f"sub-{self.subject}", *([f"ses-{self.session}"] if self.session else []), "anat"])


def description_of(do: Intervention) -> str:
    """An intervention as a BIDS label: letters and digits only, a diagnosis by its level, other keys by name.

    >>> description_of({"diagnosis": "AUD"}), description_of({"age": 71.5}), description_of({})
    ('cfAUD', 'cfAge71p5', 'cfNull')
    """
    parts = []
    for name, value in sorted(do.items()):
        text = f"{value:g}" if isinstance(value, float) else str(value)
        label = "".join(letter for letter in text.replace(".", "p").replace("-", "m") if letter.isalnum())
        parts.append(label if name == "diagnosis" else name.capitalize() + label)
    return "cf" + ("".join(parts) or "Null")
