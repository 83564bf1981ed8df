"""What a study has its generators do: change scans, or draw new brains. The flow of a run is the same for both."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from functools import partial
from typing import Any

from pcgm_bench.contracts import Card
from pcgm_bench.contracts import Measurement
from pcgm_bench.contracts import UserError
from pcgm_bench.runner import samples
from pcgm_bench.runner import scoring
from pcgm_bench.runner.generate import Ask
from pcgm_bench.runner.generate import Fold
from pcgm_bench.runner.generate import make_row
from pcgm_bench.runner.generate import plan_study
from pcgm_bench.runner.readings import ReadCohort
from pcgm_bench.store import Stage


@dataclass(frozen=True)
class Work:
    """One of the two kinds of work.

    Attributes:
        what: for the progress bar.
        plan: what is asked of whom, fold by fold.
        make: makes every missing image of a share of a row; called as `generate.make_row` is.
        measurements: one an image of a row.
        examples: a few images to look at.
    """

    what: str
    plan: Callable[[ReadCohort], list[Fold]]
    make: Callable[..., None]
    measurements: Callable[[str, ReadCohort, Sequence[Fold], Stage], list[Measurement]]
    examples: Callable[[ReadCohort, Sequence[Fold], Mapping[str, Stage]], list[scoring.Example]]


def open_work(study: Any, seed: int, quick: bool) -> Work:
    """The kind of work that a study names in ``job``: ``counterfactual`` (the default) or ``sample``."""
    if job_of(study) == "sample":
        return Work(
            "new brains",
            partial(samples.plan_samples, study=study, seed=seed),
            samples.make_samples,
            samples.sample_measurements,
            partial(samples.sample_examples, study=study, seed=seed),
        )
    plan = partial(plan_study, study=study, seed=seed, quick=quick)
    return Work("counterfactuals", plan, make_row, scoring.image_measurements, scoring.examples)


def job_of(study: Any) -> str:
    """The job a generator must be able to do to run a study's image rows."""
    return str(getattr(study, "job", "counterfactual"))


def check_takes_images(study: Any) -> None:
    """Images made elsewhere can be scored by it, or else.

    Raises:
        UserError: they cannot.
    """
    if job_of(study) not in ("counterfactual", "sample"):
        raise UserError(f"{study.name} takes no images made elsewhere; see `pcgm-bench list studies`")


def possible(card: Card, study: Any, folds: Sequence[Fold]) -> list[Fold]:
    """Without what a generator cannot be asked: a study may name the job that a ``do`` needs in ``job_for(do)``."""
    if not hasattr(study, "job_for"):
        return list(folds)

    def can(*asks: Ask) -> bool:
        return all(study.job_for(ask.do) in card.jobs for ask in asks)

    return [
        replace(
            fold,
            asks=tuple(ask for ask in fold.asks if can(ask)),
            chains=tuple(chain for chain in fold.chains if can(*chain)),
        )
        for fold in folds
    ]


def cannot(card: Card, study: Any) -> str:
    """Why a generator cannot do a study's job; empty if it can."""
    needed = [job_of(study), *([study.needs_job] if hasattr(study, "needs_job") else [])]
    says = {
        "counterfactual": "does not make counterfactual images",
        "sample": "does not draw new brains",
        "regions": "cannot change the volume of a region on request",
        "reading": "cannot be run through a study that people read (see `pcgm-bench reader export --help`)",
    }
    for job in needed:
        if job not in card.jobs:
            does = ", ".join(sorted(card.jobs))
            return f"{card.name} {says.get(job, f'does not do the job {job!r}')} (it does: {does})"
    return ""
