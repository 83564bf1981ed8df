"""What a cohort source honours of a request; the rest is refused, never ignored."""

from __future__ import annotations

from collections.abc import Collection

from pcgm_bench.contracts import CohortRequest
from pcgm_bench.contracts import UserError


def refuse_others(request: CohortRequest, honoured: Collection[str]) -> None:
    """Refuse what a source of people cannot honour.

    A population is not looked at: a study names the one that it is about, and that does not bind other people's scans.

    Args:
        request: what the user says about the people.
        honoured: of ``maps``, ``effect`` and ``mechanism``.

    Raises:
        UserError: something else is given; names the option.

    >>> refuse_others(CohortRequest("my-folder", effect="null"), {"maps"})
    Traceback (most recent call last):
    pcgm_bench.contracts.errors.UserError: --effect null: my-folder has no such choice; leave the option out
    """
    given = {"maps": " ".join(request.maps), "effect": request.effect, "mechanism": request.mechanism}
    for name, value in given.items():
        if value and name not in honoured:
            option = "--map" if name == "maps" else f"--{name}"
            raise UserError(f"{option} {value}: {request.name} has no such choice; leave the option out")
