"""Names of plugins and rows become names of folders and files: which may be used, and which are taken."""

from __future__ import annotations

import re

SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
RESERVED = frozenset({"real", "cohort"})
"""The row of real scans, and the folder of the cohort: no method and no folder of images can have such a name."""


def fault(name: str, *, is_row: bool) -> str:
    """What is wrong with a name; empty where nothing is.

    Args:
        name: of a plugin, or of images made elsewhere.
        is_row: whether it becomes a row of a table: then reserved names are wrong too.

    >>> fault("pcgm", is_row=True), fault("real", is_row=True)
    ('', "the name 'real' is reserved; rename it")
    """
    if not SAFE.fullmatch(name):
        return f"{name!r} is no name: use letters, digits, '.', '_' and '-', a letter or digit first"
    if is_row and name.lower() in RESERVED:
        return f"the name {name!r} is reserved; rename it"
    return ""


def folder(row: str) -> str:
    """What two rows of one run must not share: the folder's name, on file systems that ignore case as well.

    >>> folder("copy input") == folder("Copy-Input")
    True
    """
    # Imported here because the store imports NumPy, and listing plugins must not.
    from pcgm_bench.store.identity import safe_filename

    return safe_filename(row).lower()
