"""Metrics of interventions in a row, for studies that have chains: nothing asked again and again, there and back."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from pcgm_bench.contracts import ChainEstimate
from pcgm_bench.contracts import Changes
from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import ImageSets
from pcgm_bench.contracts import RoundTrips
from pcgm_bench.runner.fold_plan import Chain
from pcgm_bench.runner.fold_plan import FoldPlan
from pcgm_bench.runner.images_of import factual_images
from pcgm_bench.runner.images_of import made_images
from pcgm_bench.runner.lazy_images import Images
from pcgm_bench.runner.metric_uses import OpenMetric
from pcgm_bench.runner.metric_uses import OpenMetrics
from pcgm_bench.runner.segmented_cohort import SegmentedCohort
from pcgm_bench.store import DerivativeFolder
from pcgm_bench.store import RunFolder
from pcgm_bench.store import atomic
from pcgm_bench.store import digest


@dataclass(frozen=True)
class RowChains:
    """The chains of one row, and where their images are.

    Attributes:
        cohort: the factual scans.
        folder: of the row.
        chains: interventions in a row; every image must be there.
        seed: of bootstraps.
    """

    cohort: SegmentedCohort
    folder: DerivativeFolder
    chains: Sequence[Chain]
    seed: int

    def before(self, chain: Chain, region: str) -> float:
        """Volume (mL) of a region in the factual scan."""
        return self.cohort.stored[self.cohort.rows[chain[0].index]].volumes.get(region, 0.0)

    def after(self, chain: Chain, link: int, region: str) -> float:
        """Volume (mL) of a region in the image of a link, counted from 1."""
        return self.folder.read_volumes(chain[link - 1].key).volumes.get(region, 0.0)

    def images(self, chains: Sequence[Chain], links: Sequence[int]) -> list[Images]:
        """Factual images, and those of each of these links."""
        factual = factual_images(self.cohort, [chain[0].index for chain in chains])
        return [factual, *(made_images(self.folder, [chain[link - 1] for chain in chains]) for link in links)]


def chain_estimates(
    metrics: OpenMetrics,
    regions: Sequence[str],
    cohort: SegmentedCohort,
    plans: Mapping[str, Sequence[FoldPlan]],
    folders: Mapping[str, DerivativeFolder],
    seed: int,
) -> list[ChainEstimate]:
    """What the metrics of chains say of every row; a null metric after one cycle, and after all.

    Args:
        metrics: of the run: its ``nulls`` and ``round_trips``.
        regions: that are looked at under null interventions.
        cohort: the factual scans.
        plans: row -> what was asked; every image must be there.
        folders: rows with images.
        seed: of the bootstraps.
    """
    estimates = []
    for row, folder in folders.items():
        chains = [chain for fold in plans[row] for chain in fold.chains]
        work = RowChains(cohort, folder, chains, seed)
        nulls = [chain for chain in chains if not any(task.do for task in chain)]
        trips = [chain for chain in chains if chain[0].do and len(chain) == 2 and not chain[1].whole]
        for metric in metrics.nulls if nulls else ():
            for cycles in sorted({1, max(map(len, nulls))}):
                longer = [chain for chain in nulls if len(chain) >= cycles]
                estimate = _nulls(metric, work, longer, cycles, regions)
                estimates.append(ChainEstimate(row, metric.name, cycles, estimate))
        for metric in metrics.round_trips if trips else ():
            estimates.append(ChainEstimate(row, metric.name, 0, _trips(metric, work, trips)))
    return estimates


def write_chains(
    folder: RunFolder, plans: Mapping[str, Sequence[FoldPlan]], folders: Mapping[str, DerivativeFolder]
) -> str:
    """Store the volumes of all chains in ``chains.tsv`` (floats whole); returns its hash, or nothing without chains.

    The first link of a chain is an image of the measurements too.
    """
    rows = [
        {
            "row": row,
            "subject": task.key.subject,
            "session": task.key.session,
            "desc": task.key.description,
            "link": number,
            "do": " ".join(f"{name}={factor!r}" for name, factor in task.do.items()),
            **images.read_volumes(task.key).volumes,
        }
        for row, images in folders.items()
        for fold in plans[row]
        for chain in fold.chains
        for number, task in enumerate(chain, 1)
    ]
    if not rows:
        return ""
    text = pd.DataFrame(rows).to_csv(sep="\t", index=False, lineterminator="\n", na_rep="n/a")
    if not folder.chains_file.exists() or folder.chains_file.read_text("utf-8") != text:
        atomic.write_text(folder.chains_file, text)
    return digest(text.encode())


def _nulls(
    metric: OpenMetric, work: RowChains, chains: Sequence[Chain], cycles: int, regions: Sequence[str]
) -> Estimate:
    """One metric after this many null interventions."""
    if metric.metric.inputs is ImageSets:
        factual, made = work.images(chains, (cycles,))
        return metric.measure(ImageSets(factual, made), work.seed)
    rows = [
        {f"before_{name}": work.before(chain, name) for name in regions}
        | {f"after_{name}": work.after(chain, cycles, name) for name in regions}
        for chain in chains
    ]
    return _of_changes(metric, rows, chains, work.seed)


def _trips(metric: OpenMetric, work: RowChains, chains: Sequence[Chain]) -> Estimate:
    if metric.metric.inputs is RoundTrips:
        factual, there, back = work.images(chains, (1, 2))
        return metric.measure(RoundTrips(factual, there, back), work.seed)
    rows = []
    for chain in chains:
        (region,) = chain[0].do
        rows.append(
            {
                "before_asked region": work.before(chain, region),
                "there_asked region": work.after(chain, 1, region),
                "after_asked region": work.after(chain, 2, region),
            }
        )
    return _of_changes(metric, rows, chains, work.seed)


def _of_changes(
    metric: OpenMetric, rows: Sequence[Mapping[str, float]], chains: Sequence[Chain], seed: int
) -> Estimate:
    """A metric of a table of volumes; a reason and no value where a region has gone (log-change: infinite)."""
    frame = pd.DataFrame(rows)
    gone = frame <= 0
    if gone.to_numpy().any():
        where = sorted({str(name).split("_", 1)[1] for name in frame.columns[gone.any()]})
        reason = f"{', '.join(where)} reads 0 mL in {int(gone.any(axis=1).sum())} of {len(frame)} images"
        return Estimate(n=len({chain[0].key.subject for chain in chains}), reason=reason)
    return metric.measure(Changes(frame.assign(subject=[chain[0].key.subject for chain in chains])), seed)
