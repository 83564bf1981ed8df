"""Notes of every process that worked on a run, in its manifest."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pcgm_bench.runner.resolve import Setup
from pcgm_bench.store import RunFolder
from pcgm_bench.store.manifest import Session
from pcgm_bench.store.manifest import peak_rss_mib
from pcgm_bench.store.manifest import start_session


@dataclass(frozen=True)
class Started:
    """A session that has begun.

    Attributes:
        session: what is known of it already.
        clock: monotonic seconds when it began.
        workers: processes that it uses.
    """

    session: Session
    clock: float
    workers: int


def start(setup: Setup, clock: float, workers: int) -> Started:
    """A session of this process that began at ``clock`` (monotonic seconds)."""
    return Started(start_session(setup.request.device), clock, workers)


def note_session(
    folder: RunFolder, started: Started, setup: Setup, places: Mapping[str, Path], *, made: int, complete: bool
) -> None:
    """Add a session to the manifest of a run, and what the run stands on.

    Args:
        folder: of the run.
        started: the session.
        setup: of the run.
        places: row -> folder of its images.
        made: images that the session made.
        complete: whether it reached the scores.
    """
    session = started.session.model_copy(
        update={
            "made": made,
            "complete": complete,
            "wall_seconds": round(time.monotonic() - started.clock, 2),
            "peak_rss_mib": round(peak_rss_mib(started.workers), 1),
        }
    )
    manifest, identity = folder.manifest, folder.identity
    generators = {row: spec.digest for row, spec in setup.specs.items()}
    update = {
        "sessions": [*manifest.sessions, session],
        "hashes": {"cohort": identity.cohort_hash, "segmenter": identity.segmenter},
        "generators": generators,
        "instructions": setup.environment.instructions,
        "folders": {**manifest.folders, **{row: str(place) for row, place in places.items()}},
        "packages": {row: spec.origin for row, spec in setup.specs.items()},
    }
    folder.write_manifest(manifest.model_copy(update=update))
