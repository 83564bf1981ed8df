"""A folder of scans as a source of people: whatever ``--cohort`` names that is not a registered cohort."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pcgm_bench.cohort import bids
from pcgm_bench.cohort.options import refuse_others
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import CohortRequest
from pcgm_bench.contracts import CohortSource
from pcgm_bench.contracts import Progress
from pcgm_bench.contracts import UserError


class BidsSource(CohortSource):
    """A BIDS folder, named by its path. The same people are read for a study and for training."""

    name: ClassVar[str] = "BIDS folder"
    title: ClassVar[str] = "a folder of scans"
    options: ClassVar[frozenset[str]] = frozenset({"maps", "grid"})

    def open(self, request: CohortRequest, home: Path, seed: int, quick: bool, progress: Progress) -> Cohort:
        """Read the folder ``request.name``; everybody in it, whatever ``seed`` and ``quick`` say.

        Raises:
            UserError: no such folder, the first fault in it, or an option that a folder cannot honour.
        """
        folder = Path(request.name).expanduser()
        if not folder.is_dir():
            raise UserError(f"{folder}: no such folder: give the one that holds participants.tsv")
        refuse_others(request, self.options)
        return bids.read(folder, request.maps, home, grid=request.grid, progress=progress)

    def open_training(self, request: CohortRequest, home: Path, progress: Progress) -> Cohort:
        """The folder's people; raises as `open`."""
        return self.open(request, home, 0, False, progress)
