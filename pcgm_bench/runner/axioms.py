"""Metrics of interventions in a row, for studies that have `chains`: nothing asked again and again, there and back."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from pcgm_bench.runner.generate import Chain
from pcgm_bench.runner.generate import Fold
from pcgm_bench.runner.image_set import Images
from pcgm_bench.runner.images import ImageMetric
from pcgm_bench.runner.images import image_of
from pcgm_bench.runner.images import named_metrics
from pcgm_bench.runner.readings import ReadCohort
from pcgm_bench.store import RunFolder
from pcgm_bench.store import Stage
from pcgm_bench.store import atomic
from pcgm_bench.store import digest


@dataclass(frozen=True)
class Axioms:
    """What a study wants to know of its chains.

    Attributes:
        nulls: metrics of null interventions in a row, from the study's ``null_metrics``; each takes ``changes``
            (``before_`` and ``after_<region>``) or ``images`` (factual, made).
        trips: metrics of there and back, from its ``round_trip_metrics``; each takes ``changes`` (``before_``,
            ``there_`` and ``after_``, of the region that was asked about) or ``round trips`` (factual, there, back).
        regions: what is looked at under null interventions, from its ``chain_regions``.
    """

    nulls: Sequence[ImageMetric] = ()
    trips: Sequence[ImageMetric] = ()
    regions: Sequence[str] = ()

    @property
    def metrics(self) -> list[ImageMetric]:
        """All of them."""
        return [*self.nulls, *self.trips]

    def scores(
        self, cohort: ReadCohort, plans: Mapping[str, Sequence[Fold]], stages: Mapping[str, Stage], seed: int
    ) -> dict[str, dict[str, Any]]:
        """Row -> metric -> its value; a null metric's by number of cycles (one, and all).

        Args:
            cohort: the factual scans.
            plans: row -> what was asked; every image must be there.
            stages: rows with images.
            seed: of the bootstraps.
        """
        found: dict[str, dict[str, Any]] = {}
        for row, stage in stages.items():
            chains = [chain for fold in plans[row] for chain in fold.chains]
            nulls = [chain for chain in chains if not any(ask.do for ask in chain)]
            trips = [chain for chain in chains if chain[0].do and len(chain) == 2 and not chain[1].whole]
            scores: dict[str, Any] = {}
            if nulls:
                for one in self.nulls:
                    scores[one.name] = {
                        str(k): _nulls(one, [c for c in nulls if len(c) >= k], k, self.regions, cohort, stage, seed)
                        for k in sorted({1, max(map(len, nulls))})
                    }
            if trips:
                scores |= {one.name: _trips(one, trips, cohort, stage, seed) for one in self.trips}
            if scores:
                found[row] = scores
        return found


def axioms_of(study: Any) -> Axioms:
    """What a study names; nothing for one without chains."""
    if not hasattr(study, "chains"):
        return Axioms()
    return Axioms(named_metrics(study.null_metrics), named_metrics(study.round_trip_metrics), study.chain_regions)


def write_chains(folder: RunFolder, plans: Mapping[str, Sequence[Fold]], stages: Mapping[str, Stage]) -> dict[str, str]:
    """Store the readings of all chains in ``chains.tsv`` (floats whole); their hash as ``chains``, if there are any.

    The first link of a chain is an image of the measurements too.
    """
    rows = [
        {
            "row": row,
            "subject": ask.unit.subject,
            "session": ask.unit.session,
            "desc": ask.unit.description,
            "link": number,
            "do": " ".join(f"{name}={factor!r}" for name, factor in ask.do.items()),
            **stage.read_reading(ask.unit).volumes,
        }
        for row, stage in stages.items()
        for fold in plans[row]
        for chain in fold.chains
        for number, ask in enumerate(chain, 1)
    ]
    if not rows:
        return {}
    text = pd.DataFrame(rows).to_csv(sep="\t", index=False, lineterminator="\n", na_rep="n/a")
    if not folder.chains_file.exists() or folder.chains_file.read_text() != text:
        atomic.write_text(folder.chains_file, text)
    return {"chains": digest(text.encode())}


def _nulls(
    one: ImageMetric,
    chains: Sequence[Chain],
    cycles: int,
    regions: Sequence[str],
    cohort: ReadCohort,
    stage: Stage,
    seed: int,
) -> dict[str, Any]:
    """One metric after this many null interventions."""
    if one.metric.record.inputs == "images":
        return dict(one.metric()(*_images(chains, (cycles,), cohort, stage), seed=seed))
    rows = [
        {f"before_{name}": _before(cohort, chain, name) for name in regions}
        | {f"after_{name}": stage.read_reading(chain[cycles - 1].unit).volumes.get(name, 0.0) for name in regions}
        for chain in chains
    ]
    return _of_changes(one, rows, chains, seed)


def _trips(one: ImageMetric, chains: Sequence[Chain], cohort: ReadCohort, stage: Stage, seed: int) -> dict[str, Any]:
    if one.metric.record.inputs == "round trips":
        return dict(one.metric()(*_images(chains, (1, 2), cohort, stage), seed=seed))
    rows = []
    for chain in chains:
        (region,) = chain[0].do
        there, after = (stage.read_reading(ask.unit).volumes.get(region, 0.0) for ask in chain)
        rows.append(
            {
                "before_asked region": _before(cohort, chain, region),
                "there_asked region": there,
                "after_asked region": after,
            }
        )
    return _of_changes(one, rows, chains, seed)


def _of_changes(
    one: ImageMetric, rows: Sequence[Mapping[str, float]], chains: Sequence[Chain], seed: int
) -> dict[str, Any]:
    """A metric of a table of volumes; a ``reason`` and no value where a region has gone (log-change: infinite)."""
    frame = pd.DataFrame(rows)
    gone = frame <= 0
    if gone.to_numpy().any():
        where = sorted({str(name).split("_", 1)[1] for name in frame.columns[gone.any()]})
        reason = f"{', '.join(where)} reads 0 mL in {int(gone.any(axis=1).sum())} of {len(frame)} images"
        nothing = dict.fromkeys(("value", "low", "high"), float("nan"))
        return {**nothing, "n": len({chain[0].unit.subject for chain in chains}), "reason": reason}
    found = one.metric()(frame.assign(subject=[chain[0].unit.subject for chain in chains]), seed=seed)
    return {name: value for name, value in found.items() if name != "cycles"}


def _images(chains: Sequence[Chain], links: Sequence[int], cohort: ReadCohort, stage: Stage) -> list[Images]:
    """Factual images, and those of each of these links (counted from 1)."""
    factual = Images([partial(image_of, cohort, chain[0].index) for chain in chains])
    return [factual, *(Images([partial(stage.read_image, chain[k - 1].unit) for chain in chains]) for k in links)]


def _before(cohort: ReadCohort, chain: Chain, region: str) -> float:
    return cohort.readings[cohort.rows[chain[0].index]].volumes.get(region, 0.0)
