"""The step that measures factual scans: made once per cohort and segmenter, shared by all runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from pcgm_bench import __version__
from pcgm_bench.cohort.quality.measures import image_quality
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import PoorScanError
from pcgm_bench.contracts import Progress
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import Segmentation
from pcgm_bench.contracts import Segmenter
from pcgm_bench.registry import Plugin
from pcgm_bench.runner.calling import calling
from pcgm_bench.runner.request import EVERYTHING
from pcgm_bench.runner.request import Share
from pcgm_bench.runner.segmented_cohort import SegmentedCohort
from pcgm_bench.runner.segmented_cohort import keys_of
from pcgm_bench.store import DerivativeFolder
from pcgm_bench.store import ImageKey
from pcgm_bench.store import ImageRequest
from pcgm_bench.store import SegmentationStore
from pcgm_bench.store import digest
from pcgm_bench.store.identity import safe_filename
from pcgm_bench.store.parts import sweep


@dataclass(frozen=True)
class Ruler:
    """The segmenter of a run, and what it has measured before.

    Attributes:
        segmenter: measures images.
        plugin: where it comes from.
        digest: its identity and its code: part of every run's key.
        environment: hash of libraries and processor; with the digest, it names the folders of what was measured.
        home: where everything is kept.
    """

    segmenter: Segmenter
    plugin: Plugin
    digest: str
    environment: str
    home: Path

    @property
    def place(self) -> str:
        """Name of the folders of what it measured: what two environments measure is not mixed."""
        return f"{safe_filename(self.digest)}-{self.environment}"

    def measure(self, scan: Scan, *, voxels: bool = False) -> Segmentation:
        """The segmentation of a scan, with volumes in the person's own mL (not of the head registered to the grid).

        An image that has been measured before is not measured again, unless ``voxels`` are wanted (fractions are not
        kept).

        Raises:
            UserError: the segmenter wants something of the user: a label map that is not there.
            PluginError: the segmenter fails; names the scan.
        """
        store = self._store()
        # A segmenter may write into what it is given; the image that names the file must not change.
        given = dataclasses.replace(scan, image=np.array(scan.image), affine=np.array(scan.affine))
        before = None if store is None or voxels else store.read(scan.image, scan.affine)
        if before is not None:
            return in_native_ml(before, scan)
        name = f"{scan.key}_desc-{scan.description}" if scan.description else scan.key
        with calling(self.plugin, f"segmenting {name}"):
            segmentation = self.segmenter.segment(given)
            if not isinstance(segmentation, Segmentation):
                raise TypeError(f"segment returned {type(segmentation).__name__}, not a Segmentation")
        if store is not None:
            store.write(scan.image, scan.affine, segmentation)
        return in_native_ml(segmentation, scan)

    def _store(self) -> SegmentationStore | None:
        if not self.segmenter.depends_on_image_alone:
            return None
        return SegmentationStore(self.by_content)

    @property
    def by_content(self) -> Path:
        """Where segmentations by content of the image lie."""
        return self.home / "segmentations" / "by-content" / self.place


def segmentation_folder(cohort: Cohort, ruler: Ruler) -> DerivativeFolder:
    """``<home>/segmentations/<cohort>--<key>``, the key made of the cohort's content and the segmenter's digest."""
    key = digest([cohort.content_hash, ruler.place])[:12]
    return DerivativeFolder(ruler.home / "segmentations" / f"{safe_filename(cohort.name)}--{key}")


def segment_cohort(
    cohort: Cohort,
    ruler: Ruler,
    progress: Progress,
    helped: Callable[[Callable[[], object]], AbstractContextManager[Share]] | None = None,
) -> SegmentedCohort:
    """Measure every scan that has not been measured yet, one atomic file a scan.

    Args:
        cohort: the scans.
        ruler: measures them.
        progress: told (what, done, total).
        helped: given a function to call while waiting, starts processes that do `segment_share` of the same cohort.

    Raises:
        UserError: a scan cannot be read (named), or the folder cannot be written to; what was measured stays.
        PluginError: the segmenter fails.
    """
    folder = segmentation_folder(cohort, ruler)
    wanted = [ImageRequest(key) for key in keys_of(cohort.table)]
    reported = [-1]
    waiting = list(wanted)

    def count() -> int:
        # What is done stays done: it need not be looked at again.
        waiting[:] = [request for request in waiting if not folder.is_done(request)]
        done = len(wanted) - len(waiting)
        if done != reported[0]:
            progress("segment scans", done, len(wanted))
        reported[0] = done
        return done

    # Complete segmentations are only ever read, so that many runs, and a read-only home, can share them.
    if count() < len(wanted):
        sweep(folder.root)
        sweep(ruler.by_content)
        if helped is not None:
            with helped(count) as share:
                segment_share(cohort, ruler, count, share)
        segment_share(cohort, ruler, count)
    stored = tuple(folder.read_volumes(request.key) for request in wanted)
    return SegmentedCohort(cohort, folder, stored, tuple(range(len(wanted))))


def segment_share(cohort: Cohort, ruler: Ruler, count: Callable[[], object], share: Share = EVERYTHING) -> None:
    """Measure what is missing of a share of the scans; ``count`` is called after each. Raises as `segment_cohort`.

    No lock is needed: the files of a scan are the same, whoever writes them.
    """
    folder = segmentation_folder(cohort, ruler)
    title = f"{cohort.name}, segmented by {ruler.segmenter.title}"
    folder.describe_dataset(title, {"Name": "pcgm-bench", "Version": __version__})
    for index, key in enumerate(keys_of(cohort.table)):
        if share.takes(index) and not folder.is_done(ImageRequest(key)):
            _segment(cohort, index, ruler, folder, key)
            count()


def _segment(cohort: Cohort, index: int, ruler: Ruler, folder: DerivativeFolder, key: ImageKey) -> None:
    """Measure one factual scan and its quality. One that cannot be used is stored without volumes, for the gate."""
    try:
        scan = cohort[index]
    except PoorScanError:
        nothing = Segmentation.of_volumes({}, float("nan"), float("nan"))
        folder.write_segmentation(key, nothing, np.eye(4))
        return
    quality = image_quality(scan.image, scan.affine).as_mapping()
    folder.write_segmentation(key, ruler.measure(scan, voxels=True), scan.affine, keep_fractions=True, quality=quality)


def in_native_ml(segmentation: Segmentation, scan: Scan) -> Segmentation:
    """The same segmentation with volumes in the person's own mL, not in those of the head registered to the grid."""
    if scan.scale == 1:
        return segmentation
    volumes = {name: volume / scan.scale for name, volume in segmentation.volumes.items()}
    return dataclasses.replace(segmentation, volumes=volumes, head_size=segmentation.head_size / scan.scale)


class NotMeasured(Segmenter):
    """Measures nothing: for images that the run's segmenter cannot know, since it was run elsewhere before."""

    name: ClassVar[str] = "not-measured"
    title: ClassVar[str] = "not measured"
    identity: ClassVar[str] = "not-measured"

    def segment(self, scan: Scan) -> Segmentation:
        """No volumes, no voxels, no quality."""
        return Segmentation.of_volumes({}, float("nan"), float("nan"))
