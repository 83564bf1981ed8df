"""A stored piece that is not what was stored is made again, with a line that names it; it is never used."""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Iterable
from typing import TypeVar

from pcgm_bench.store import DerivativeFolder
from pcgm_bench.store.derivative_folder import DamagedFileError
from pcgm_bench.store.folder_check import damages
from pcgm_bench.store.folder_check import make_again

log = logging.getLogger(__name__)
T = TypeVar("T")


def mended(work: Callable[[], T], folders: Callable[[], Iterable[DerivativeFolder]]) -> T:
    """Do a piece of work; where it meets a damaged file, forget all that are damaged, and do it again.

    Work that makes what is missing makes those pieces anew, from the same seeds: the same bytes. Whole folders are
    looked through only when something was found.

    Args:
        work: makes what is missing, then uses it.
        folders: where the work's pieces lie, as far as that is known when it stops.

    Raises:
        DamagedFileError: a piece is damaged again as soon as it was made, or its folder cannot be written to.
    """
    known = set()
    while True:
        try:
            return work()
        except DamagedFileError as error:
            if error.file in known:
                raise
            for damage in [error, *(each for folder in folders() for each in damages(folder))]:
                if damage.file not in known:
                    known.add(damage.file)
                    make_again(damage)
                    log.warning("%s: %s; it is made again", damage.file, damage.problem)
