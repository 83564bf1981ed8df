"""Where the images of a row lie, and the hash of what they are made from.

The method's images lie in the run's folder. Those of controls lie in ``<home>/rows`` and are shared: every method that
is compared on one cohort has the same oracle.
"""

from __future__ import annotations

from collections.abc import Container
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace

from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Row
from pcgm_bench.runner.fold_plan import FoldPlan
from pcgm_bench.runner.fold_plan import for_row
from pcgm_bench.runner.fold_plan import without
from pcgm_bench.runner.harness_code import harness_digest
from pcgm_bench.runner.resolve import Setup
from pcgm_bench.runner.segmentation import Ruler
from pcgm_bench.store import DerivativeFolder
from pcgm_bench.store import Identity
from pcgm_bench.store import ImageKey
from pcgm_bench.store import RunFolder
from pcgm_bench.store import digest
from pcgm_bench.store.environment import Environment
from pcgm_bench.store.identity import safe_filename


@dataclass(frozen=True)
class RowPlace:
    """One row with images.

    Attributes:
        row: the row.
        plans: what it is asked.
        folder: where its images are.
    """

    row: Row
    plans: Sequence[FoldPlan]
    folder: DerivativeFolder

    def count_missing(self) -> int:
        """Images that are not done yet."""
        requests = [request for fold in self.plans for request in fold.requests]
        return len(requests) - self.folder.count_done(requests)

    def unknown(self) -> Mapping[ImageKey, str]:
        """Images of which the truth is not known -> why."""
        requests = [request for fold in self.plans for request in fold.requests]
        reasons = {request.key: self.folder.why_unknown(request) for request in requests}
        return {key: reason for key, reason in reasons.items() if reason}

    def without(self, images: Container[ImageKey]) -> RowPlace:
        """The same without some images, and without chains that one of them belongs to."""
        return replace(self, plans=without(self.plans, images))


def identity_of(setup: Setup, cohort: Cohort, ruler: Ruler) -> Identity:
    """What makes a run this run."""
    request = setup.request
    method = setup.method
    return Identity(
        method=request.method,
        generator=method.digest,
        study=request.study,
        study_version=f"{setup.study_plugin.distribution} {setup.study.version}",
        cohort=cohort.name,
        cohort_hash=cohort.content_hash,
        segmenter=ruler.digest,
        harness=harness_digest(),
        seed=request.seed,
        quick=request.quick,
        device=request.device.partition(":")[0],
        threads=request.threads,
        keep_poor_scans=request.keep_poor_scans,
        settings=dict(method.changed),
    )


def basis_of(setup: Setup, cohort: Cohort, ruler: Ruler, row: Row) -> str:
    """Hash of all that a row's images depend on, besides the people learnt from and what is asked."""
    request, spec = setup.request, setup.specs[row.name]
    return digest(
        {
            "row": row.name,
            "generator": spec.digest,
            "permuted": [row.fits_permuted, row.asks_permuted],
            "study": [setup.study_plugin.distribution, request.study, str(setup.study.version)],
            "cohort": cohort.content_hash,
            "segmenter": ruler.digest,
            "harness": harness_digest(),
            "seed": request.seed,
            "device": request.device.partition(":")[0],
            "threads": request.threads,
            "environment": Environment.current(request.device, spec.dependencies).model_dump(mode="json"),
        }
    )


def row_places(
    setup: Setup, cohort: Cohort, ruler: Ruler, folds: Sequence[FoldPlan], run: RunFolder
) -> dict[str, RowPlace]:
    """Row -> its place, of all rows with images, the method first."""
    places = {}
    for row in setup.image_rows:
        basis = basis_of(setup, cohort, ruler, row)
        plans = for_row(folds, basis, setup.specs[row.name].card, setup.study)
        if row.name == setup.request.method:
            folder = run.derivative(row.name)
        else:
            name = f"{safe_filename(row.name)}--{safe_filename(setup.request.study)}--{safe_filename(cohort.name)}"
            folder = DerivativeFolder(setup.request.home / "rows" / f"{name}--{basis[:12]}")
        places[row.name] = RowPlace(row, plans, folder)
    return places
