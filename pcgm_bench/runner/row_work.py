"""What the makers of images are given: one row, its generator, and where its images go."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np

from pcgm_bench import __version__
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.cohort.intensity import impossible
from pcgm_bench.cohort.intensity import intensity_of
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Generator
from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import UserError
from pcgm_bench.plugin_guard import WrongReturn
from pcgm_bench.runner.fold_notes import write_fold_notes
from pcgm_bench.runner.fold_plan import REGIONS
from pcgm_bench.runner.fold_plan import FoldPlan
from pcgm_bench.runner.generators import GeneratorSpec
from pcgm_bench.runner.request import EVERYTHING
from pcgm_bench.runner.request import Share
from pcgm_bench.runner.segmentation import Ruler
from pcgm_bench.runner.segmented_cohort import SegmentedCohort
from pcgm_bench.store import DerivativeFolder


@dataclass(frozen=True)
class RowWork:
    """One row of a run with everything that making its images takes.

    Attributes:
        row: name in the tables; part of every image's seed.
        spec: of the generator.
        cohort: the factual scans, segmented.
        folds: what is asked, for this row.
        ruler: measures the images.
        folder: where they go.
        context: seed, device, threads, progress, and the oracle for a control that needs it.
        share: which of the images this process makes.
        count: called after each image.
    """

    row: str
    spec: GeneratorSpec
    cohort: SegmentedCohort
    folds: Sequence[FoldPlan]
    ruler: Ruler
    folder: DerivativeFolder
    context: Context
    share: Share = EVERYTHING
    count: Callable[[], object] = lambda: None

    def missing(self) -> bool:
        """Whether any image of the row, in whatever share, is not done."""
        return any(not self.folder.is_done(request) for fold in self.folds for request in fold.requests)

    def adapt(self, generator: Generator, fold: FoldPlan, number: int) -> None:
        """Let the generator learn from a fold, and keep what it says of that; raises PluginError."""
        with self.spec.guarded(f"adapting to fold {number + 1}"):
            generator.adapt(self.cohort.subset(fold.train), self.context)
            write_fold_notes(self.folder.root, number, generator.notes())

    @contextlib.contextmanager
    def making(self, what: str) -> Iterator[None]:
        """Name the image in what goes wrong inside; raises PluginError."""
        with self.spec.guarded(f"making {what}"):
            yield

    @property
    def provenance(self) -> dict[str, str]:
        """Who made the row, for its dataset description."""
        card = self.spec.card
        text = f"{card.name} of {self.spec.origin}, run by pcgm-bench {__version__}"
        return {"Name": card.title, "Version": card.version, "Description": text}


def draw(generator: Generator, seed: int, number: int, pattern: Scan) -> np.ndarray:
    """New brain ``number`` of a generator, as float32; raises as `checked`, or WrongReturn where there is none."""
    image = next(iter(generator.sample(1, seed, first=number)), None)
    if image is None:
        raise WrongReturn("sample gave nothing")
    return checked(image, pattern)


def checked(image: np.ndarray, scan: Scan) -> np.ndarray:
    """The generator's image as float32.

    Raises:
        WrongReturn: no array of floats, another shape or intensity scale than the scan's, not finite, or empty: the
            plugin's fault.
    """
    if not isinstance(image, np.ndarray):
        raise WrongReturn(f"the image is of type {type(image).__name__}, not a NumPy array")
    if image.dtype.kind != "f":
        # An integer image has another intensity scale than the scans, whose white matter is about 1.
        raise WrongReturn(f"the image has the type {image.dtype}; give floats, intensities as the scans have them")
    if image.shape != scan.image.shape:
        raise WrongReturn(f"the image has the shape {image.shape}, the scan has {scan.image.shape}")
    # Checked after the cast: 1e300 is infinite as float32, and 1e-300 is zero.
    with np.errstate(over="ignore"):
        single = image.astype(np.float32)
    if not np.isfinite(single).all():
        raise WrongReturn("the image has NaN or infinite voxels")
    if not single.any():
        raise WrongReturn("the image is zero everywhere")
    # Where a brain is drawn outside a study there is no scan to compare it with.
    if scan.image.any() and (fault := impossible(intensity_of(single), intensity_of(scan.image))):
        raise WrongReturn(fault)
    return single


def checked_volumes(volumes: object) -> dict[str, float]:
    """The volumes (mL) that a generator says, every lobe among them.

    Raises:
        WrongReturn: no mapping of names to numbers, or a lobe is missing, not finite or not positive.
    """
    if not isinstance(volumes, Mapping):
        raise WrongReturn(f"the volumes are of type {type(volumes).__name__}, not a mapping of regions to mL")
    if missing := [lobe for lobe in LOBE_NAMES if lobe not in volumes]:
        raise WrongReturn(f"the volumes lack {', '.join(missing)}")
    for name, volume in volumes.items():
        if not isinstance(volume, Real) or not math.isfinite(volume) or volume <= 0:
            raise WrongReturn(f"the volume of {name} is {volume!r}, not a positive number of mL")
    return {str(name): float(volume) for name, volume in volumes.items()}


def act(scan: Scan, do: Intervention) -> Scan:
    """The same scan with its metadata as ``do`` says: what a counterfactual image shows.

    Factors of regions (``{"frontal": 0.95}``) change the anatomy alone: the metadata stay.

    Raises:
        UserError: ``do`` names something a scan does not have.
    """
    known = ("age", "sex", "diagnosis", *REGIONS)
    if unknown := sorted(set(do) - set(known)):
        raise UserError(f"do {', '.join(unknown)}: only these can be set: {', '.join(known)}")
    changes: dict[str, float | str] = {name: str(do[name]) for name in ("sex", "diagnosis") if name in do}
    if "age" in do:
        changes["age"] = float(do["age"])
    return dataclasses.replace(scan, **changes)  # type: ignore[arg-type]
