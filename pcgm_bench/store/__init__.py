"""The run store: typed folders, atomic files, resumable units, and a manifest to believe a number by."""

from pcgm_bench.store.home import default_home
from pcgm_bench.store.identity import Identity
from pcgm_bench.store.identity import digest
from pcgm_bench.store.identity import source_digest
from pcgm_bench.store.manifest import Manifest
from pcgm_bench.store.run_folder import RunFolder
from pcgm_bench.store.stage import Reading
from pcgm_bench.store.stage import Stage
from pcgm_bench.store.stage import Unit

__all__ = [
    "Identity",
    "Manifest",
    "Reading",
    "RunFolder",
    "Stage",
    "Unit",
    "default_home",
    "digest",
    "source_digest",
]
