"""Any share of any step that makes files, from the plan of a run: what processes beside this one do."""

from __future__ import annotations

from pathlib import Path

from pcgm_bench.contracts import silent
from pcgm_bench.runner.executors.interface import Step
from pcgm_bench.runner.images import make_images
from pcgm_bench.runner.people import find_people
from pcgm_bench.runner.people import plan_people
from pcgm_bench.runner.people import segment_people
from pcgm_bench.runner.plan import check_code
from pcgm_bench.runner.plan import read_plan
from pcgm_bench.runner.request import Share
from pcgm_bench.runner.resolve import resolve
from pcgm_bench.runner.rows import identity_of
from pcgm_bench.runner.rows import row_places
from pcgm_bench.runner.segmentation import segment_share
from pcgm_bench.runner.threads import pinned_threads
from pcgm_bench.store import RunFolder


def make_share(plan: Path, step: str, number: int, of: int) -> None:
    """Make what is missing of a share of a step. No lock is held: who makes a file cannot be seen in it.

    Before images, every segmentation is needed: those that other shares have not made yet are made here too.

    Args:
        plan: the plan's file.
        step: people, segmentations or images.
        number: which share, from 0.
        of: number of shares.

    Raises:
        UserError: as `pcgm_bench.runner.run.run`; or the code is not the plan's.
        PluginError: the segmenter fails. A generator that fails leaves its row to the last step, which says why.
    """
    request, code = read_plan(plan)
    setup = resolve(request)
    check_code(setup, code, plan)
    share = Share(number, of)
    with pinned_threads(request.threads):
        people = find_people(setup, silent)
        if step == Step.SEGMENTATIONS:
            segment_share(people.cohort, people.ruler, lambda: None, share)
        elif step == Step.IMAGES:
            identity = identity_of(people.setup, people.cohort, people.ruler)
            people, cohort, _poor = segment_people(people, silent)
            folds, _remarks = plan_people(people, cohort, check=False)
            folder = RunFolder.open(request.home, identity)
            folder.check_environment(setup.environment)
            places = row_places(people.setup, people.cohort, people.ruler, folds, folder)
            make_images(people, cohort, places, share)
