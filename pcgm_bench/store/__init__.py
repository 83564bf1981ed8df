"""The run store: typed folders, atomic files, resumable images, and a manifest to believe a number by."""

from pcgm_bench.store.derivative_folder import DerivativeFolder
from pcgm_bench.store.derivative_folder import ImageRequest
from pcgm_bench.store.home import default_home
from pcgm_bench.store.identity import Identity
from pcgm_bench.store.identity import digest
from pcgm_bench.store.image_key import ImageKey
from pcgm_bench.store.manifest import Manifest
from pcgm_bench.store.run_folder import RunFolder
from pcgm_bench.store.segmentation_store import SegmentationStore
from pcgm_bench.store.volumes_table import StoredVolumes

__all__ = [
    "DerivativeFolder",
    "Identity",
    "ImageKey",
    "ImageRequest",
    "Manifest",
    "RunFolder",
    "SegmentationStore",
    "StoredVolumes",
    "default_home",
    "digest",
]
