"""A run's plan: a file that never changes, named by the hash of its content, from which any process can make a share.

``<home>/plans/<hash>.json`` holds the request, and a hash of the code that will carry it out. A task that meets other
code (an edit, another version on a node) refuses to work.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter
from pydantic import ValidationError

from pcgm_bench.contracts import UserError
from pcgm_bench.runner.request import RunRequest
from pcgm_bench.runner.resolve import Setup
from pcgm_bench.store import digest
from pcgm_bench.store.schema import read_versioned
from pcgm_bench.store.schema import write_versioned

SCHEMA = 1
_REQUEST = TypeAdapter(RunRequest)


def write_plan(setup: Setup) -> Path:
    """Write the plan of a run, if it is not there; returns its file. Raises UserError where it cannot be written."""
    request = _REQUEST.dump_python(setup.request, mode="json")
    content = {"request": request, "code": setup.code}
    path = setup.request.home / "plans" / f"{digest(content)[:16]}.json"
    try:
        read_plan(path)
    except UserError:  # not there, or damaged
        write_versioned(path, SCHEMA, content)
    return path


def read_plan(path: Path) -> tuple[RunRequest, str]:
    """The request of a plan, and the hash of the code that wrote it; raises UserError where it is damaged."""
    content = read_versioned(path, SCHEMA, "the plan of a run", "give the run's command again")
    try:
        return _REQUEST.validate_python(content["request"]), str(content["code"])
    except ValidationError as error:
        raise UserError(f"{path}: not a plan of this version; give the run's command again") from error


def check_code(setup: Setup, code: str, path: Path) -> None:
    """Refuse a plan that other code wrote.

    Raises:
        UserError: a generator, the study or the harness is not what it was.
    """
    if setup.code != code:
        raise UserError(f"{path}: the code has changed since this plan was made; give the run's command again")
