"""Cohorts around a cohort: they add something, and pass everything else on."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import AbstractContextManager
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import CohortSource
from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import Segmentation
from pcgm_bench.plugin_guard import WrongReturn
from pcgm_bench.registry import Plugin
from pcgm_bench.runner.calling import calling
from pcgm_bench.runner.plugin_code import plugin_code
from pcgm_bench.store import digest
from pcgm_bench.store.closure import code_digest


@dataclass
class WrappedCohort(Cohort):
    """A cohort that answers as its source does.

    Attributes:
        source: the cohort itself.
    """

    source: Cohort

    def __post_init__(self) -> None:
        self.name = self.source.name
        self.is_phantom = self.source.is_phantom

    @property
    def table(self) -> pd.DataFrame:
        """The source's."""
        return self.source.table

    @property
    def content_hash(self) -> str:
        """The source's."""
        return self.source.content_hash

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> Scan:
        return self.source[index]

    def subset(self, subjects: Sequence[str]) -> Cohort:
        """The source's."""
        return self.source.subset(subjects)

    @property
    def notes(self) -> Sequence[str]:
        """The source's."""
        return self.source.notes

    @property
    def planted(self) -> Mapping[str, float]:
        """The source's."""
        return self.source.planted

    @property
    def has_truth(self) -> bool:
        """The source's."""
        return self.source.has_truth

    @property
    def has_region_truth(self) -> bool:
        """The source's."""
        return self.source.has_region_truth

    def oracle(self, scan: Scan, do: Intervention, seed: int | None) -> np.ndarray:
        """The source's."""
        return self.source.oracle(scan, do, seed)

    def truth(self, scan: Scan, do: Intervention) -> Segmentation:
        """The source's."""
        return self.source.truth(scan, do)


@dataclass
class CodedCohort(WrappedCohort):
    """A cohort whose content hash says by which code it was made and read as well.

    Its own hash is of files or of a seed: an edit of the code that draws people, or of the code that brings scans onto
    the grid, would not show in it.

    Attributes:
        code: hash of that code.
        plugin: whose code it is, to name it where it fails; None for a BIDS folder.
    """

    code: str
    plugin: Plugin | None = None

    @property
    def table(self) -> pd.DataFrame:
        """The source's; raises PluginError where that fails."""
        with self._guarded("giving its table"):
            return self.source.table

    def __getitem__(self, index: int) -> Scan:
        with self._guarded(f"giving scan {index}"):
            scan = self.source[index]
            if not isinstance(scan, Scan):
                raise WrongReturn(f"it gave {type(scan).__name__}, not a Scan")
            return scan

    def _guarded(self, doing: str) -> AbstractContextManager[None]:
        return nullcontext() if self.plugin is None else calling(self.plugin, doing)

    @property
    def content_hash(self) -> str:
        """Of the source's content and of the code."""
        return digest([self.source.content_hash, self.code])


def coded(cohort: Cohort, source: CohortSource, plugin: Plugin | None) -> CodedCohort:
    """A cohort as its source has opened it, with the code of both in its hash."""
    code = code_digest(type(cohort), type(source))
    if plugin is not None:
        code = digest([code, plugin_code(plugin, type(source))])
    return CodedCohort(cohort, code, plugin)
