"""What may leave the machine: no absolute path of anybody's, and nothing that could name a person of a real cohort."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection

from pcgm_bench.board.result import Result
from pcgm_bench.contracts import Record

PATH = re.compile(r"(?<![\w./])(?:~\w*|[A-Za-z]:)?(?:\\|/(?!/))[^\s,;:'\"()\[\]][^,;:'\"()\[\]]*")
"""An absolute path, spaces in it and after it included: where it ends cannot be known, so more is taken away."""
TOKEN = re.compile(r"[\w.@-]*\w")
COUNTED = frozenset(
    ["%", "people", "scans", "images", "visits", "women", "men", "patients", "controls", "of", "ml", "years", "mm"]
)
"""Words after which a number of three digits or more is a count, and not somebody's label."""
LEADING = re.compile(r"\s*(\S+):\s")
SUBJECTS = frozenset({"phantom", "privacy", "qc-gate"})
"""Words before a colon at the start of a warning that are ours, and nobody's label."""
HIDDEN = "not said here, since it may name a person or a file; `pcgm-bench show {key}` says it"


def without_paths(text: str) -> str:
    """The text with every absolute path replaced.

    >>> without_paths("no weights in /home/jane/my runs/w; train it (fit)")
    'no weights in <path>; train it (fit)'
    """
    return PATH.sub("<path>", text)


def may_name_somebody(text: str, people: Collection[str] = ()) -> bool:
    """Whether a text may hold a label of a person, or a path. In doubt it may.

    Anything that mixes letters and digits counts, and so do long numbers that are no count, and a single word before
    a colon at the start, as in ``P022: left out``.

    Args:
        text: a warning or a reason.
        people: labels that are known.

    >>> may_name_somebody("the groups differ in sex (43 % and 31 % women)"), may_name_somebody("P022 was left out")
    (False, True)
    """
    if PATH.search(text):
        return True
    first = LEADING.match(text)
    if first and first[1].lower() not in SUBJECTS:
        return True
    labels = {label.lower() for label in people}
    for match in TOKEN.finditer(text):
        token = match[0].lower()
        if token in labels or token.startswith(("sub-", "ses-")) or "@" in token:
            return True
        if any(letter.isdigit() for letter in token):
            if any(letter.isalpha() for letter in token):
                return True
            after = text[match.end() :].split()
            if len(token) >= 3 and token.isdigit() and (not after or after[0].strip(".,;:()").lower() not in COUNTED):
                return True
    return False


def shareable(result: Result, people: Collection[str] = ()) -> Result:
    """The result as the leaderboard shows and exports it.

    Paths are taken out of all texts. On real cohorts a reason that may name somebody is replaced, and such warnings are
    counted.

    Args:
        result: of a run.
        people: labels of its cohort's people, as far as they are known.
    """
    known = {*people, *(unit for record in result.records for unit in record.by_unit)}
    names = {name.lower() for unit in known for name in (unit, unit.removeprefix("sub-"))}

    def said(reason: str) -> str:
        if result.is_phantom or not may_name_somebody(reason, names):
            return without_paths(reason)
        return HIDDEN.format(key=result.key)

    def told(record: Record) -> str:
        names_one = not result.is_phantom and names & {token.lower() for token in TOKEN.findall(record.text)}
        return HIDDEN.format(key=result.key) if names_one else without_paths(record.text)

    label, provenance = result.label, result.provenance
    settings = {name: without_paths(text) for name, text in label.settings.items()}
    safe = [text for text in result.warnings if not _is_private(text, result.is_phantom, names)]
    return result.model_copy(
        update={
            "label": label.model_copy(update={"settings": settings}),
            "provenance": provenance.model_copy(update={"started": "", "python": provenance.python.partition(" ")[0]}),
            "warnings": safe,
            "hidden_warnings": result.hidden_warnings + len(result.warnings) - len(safe),
            "missing": {row: said(reason) for row, reason in result.missing.items()},
            "unmeasured": {metric: said(reason) for metric, reason in result.unmeasured.items()},
            "records": [
                dataclasses.replace(record, reason=said(record.reason), text=told(record)) for record in result.records
            ],
        }
    )


def without_people(result: Result) -> Result:
    """The result without the values of single people: what leaves a real cohort's home are their means."""
    records: list[Record] = [dataclasses.replace(record, by_unit={}) for record in result.records]
    return result.model_copy(update={"records": records})


def _is_private(warning: str, is_phantom: bool, people: Collection[str]) -> bool:
    return PATH.search(warning) is not None or (not is_phantom and may_name_somebody(warning, people))
