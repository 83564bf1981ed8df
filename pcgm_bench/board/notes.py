"""What a reader must know of a section as a whole."""

from __future__ import annotations

from collections.abc import Sequence

from pcgm_bench.board.groups import Key
from pcgm_bench.board.result import Result


def standing(results: Sequence[Result]) -> list[str]:
    """Facts about the cohort, warnings, what was not measured, and on which processors."""
    notes = list(dict.fromkeys(fact for result in results for fact in result.facts))
    notes += dict.fromkeys(f"Warning: {warning}." for result in results for warning in result.warnings)
    for result in results:
        if result.hidden_warnings:
            plural = "warnings name" if result.hidden_warnings > 1 else "warning names"
            notes.append(
                f"Warning: {result.hidden_warnings} more {plural} people or files; "
                f"`pcgm-bench show {result.key}` prints them where the run was made."
            )
    notes += dict.fromkeys(
        f"{metric}: not measured: {reason}." for result in results for metric, reason in result.unmeasured.items()
    )
    return [*notes, *_processors(results)]


def _processors(results: Sequence[Result]) -> list[str]:
    methods: dict[str, list[str]] = {}
    for result in results:
        if result.label.instructions:
            methods.setdefault(result.label.instructions, []).append(result.label.method)
    if len(methods) < 2:
        return []
    which = "; ".join(f"{name}: {', '.join(dict.fromkeys(rows))}" for name, rows in sorted(methods.items()))
    return [f"Made on several instruction sets ({which}). They can be compared: numbers differ in the eighth digit."]


def old_note(key: Key) -> list[str]:
    """Which version made an old section; nothing for a section of this version."""
    if not key.old_version:
        return []
    return [
        f"All rows of this section were made by pcgm-bench {key.old_version}. They are never compared with rows that a "
        "later version made."
    ]
