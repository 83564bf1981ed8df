"""What a cohort source honours of a request; the rest is refused, never ignored."""

from __future__ import annotations

from collections.abc import Collection

from pcgm_bench.contracts import CohortRequest
from pcgm_bench.contracts import UserError

FLAGS = {
    "maps": "--map",
    "effect": "--effect",
    "mechanism": "--mechanism",
    "grid": "--grid",
    "scanner": "--scanner",
    "per_group": "--per-group",
    "anatomies": "--anatomies",
}
"""Field of a request -> the option that sets it."""


def given_options(request: CohortRequest) -> dict[str, str]:
    """Field -> what the user gave, of the options that differ from what they are when nothing is said.

    A population is not looked at: a study names the one that it is about, and that does not bind other people's scans.

    >>> given_options(CohortRequest("my-folder", ("sex=gender", "age=years"), per_group=50))
    {'maps': 'sex=gender age=years', 'per_group': '50'}
    """
    said = {
        "maps": " ".join(request.maps),
        "effect": request.effect,
        "mechanism": request.mechanism,
        "grid": None if request.grid == CohortRequest().grid else request.grid,
        "scanner": request.scanner,
        "per_group": request.per_group,
        "anatomies": request.anatomies,
    }
    return {name: str(value) for name, value in said.items() if value}


def refuse_others(request: CohortRequest, honoured: Collection[str]) -> None:
    """Refuse what a source of people cannot honour.

    Args:
        request: what the user says about the people.
        honoured: fields of the request.

    Raises:
        UserError: something else is given; names the option.

    >>> refuse_others(CohortRequest("my-folder", effect="null"), {"maps"})
    Traceback (most recent call last):
    pcgm_bench.contracts.errors.UserError: --effect null: my-folder has no such choice; leave the option out
    """
    for name, value in given_options(request).items():
        if name not in honoured:
            raise UserError(f"{FLAGS[name]} {value}: {request.name} has no such choice; leave the option out")
