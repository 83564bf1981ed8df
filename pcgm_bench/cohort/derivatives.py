"""Scans that are not one kind, or not in their person's own space, as their file names say.

In a template's space every brain has the template's size: its mL are not the person's. Half a cohort preprocessed and
half not differs by the preprocessing.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path

OWN_SPACES = frozenset(
    {"", "T1w", "T2w", "orig", "native", "individual", "subject", "scanner", "anat", "ACPC", "fsnative"}
)
"""Values of ``space-`` in which a brain keeps its size (BIDS, fMRIPrep, FreeSurfer)."""
PROCESSING = ("space", "desc")
"""Entities that say what was done to a scan."""


def derivative_faults(paths: Sequence[Path]) -> Iterator[str]:
    """A line for each scan that lies in a template's space, or one where scans are of several kinds.

    Args:
        paths: T1w files, one a visit.
    """
    templates = [path for path in paths if entity(path, "space") not in OWN_SPACES]
    for path in templates:
        yield (
            f"{path}: lies in space-{entity(path, 'space')}, a template's: volumes there are not the person's own mL; "
            "give the scan in its own space (without space-, or space-T1w)"
        )
    kinds: dict[tuple[str, ...], list[Path]] = {}
    for path in paths:
        kinds.setdefault(tuple(entity(path, name) for name in PROCESSING), []).append(path)
    if len(kinds) > 1 and not templates:
        told = ", ".join(f"{len(files)} {_kind(kind)} ({files[0].name})" for kind, files in sorted(kinds.items()))
        yield f"scans of {len(kinds)} kinds: {told}: give everybody's in one kind, or the kinds differ as groups would"


def entity(path: Path, name: str) -> str:
    """The value of a BIDS entity of a file's name; empty without it.

    >>> entity(Path("sub-01_space-T1w_desc-preproc_T1w.nii.gz"), "desc")
    'preproc'
    """
    pieces = (piece.partition("-") for piece in path.name.split(".")[0].split("_"))
    return next((value for key, dash, value in pieces if dash and key == name), "")


def _kind(values: tuple[str, ...]) -> str:
    told = "_".join(f"{name}-{value}" for name, value in zip(PROCESSING, values, strict=True) if value)
    return f"with {told}" if told else f"without {' or '.join(f'{name}-' for name in PROCESSING)}"
