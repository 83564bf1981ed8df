"""An edit of any source file that can change a number gives a new key: no such file is in no key."""

from __future__ import annotations

from pathlib import Path

import pcgm_bench
from pcgm_bench import registry
from pcgm_bench.cohort.bids_source import BidsSource
from pcgm_bench.runner import counterfactuals
from pcgm_bench.runner import evidence
from pcgm_bench.runner import samples
from pcgm_bench.runner import segmentation
from pcgm_bench.runner import volume_rows
from pcgm_bench.runner.scoring import scoring_code
from pcgm_bench.store.closure import closure_files

PACKAGE = Path(pcgm_bench.__file__).parent
SHOWN_ONLY = ("board/", "cli/", "report/", "api.py", "doctor.py", "progress.py", "allocator.py", "__main__.py")
"""What is shown, and how a command is given: no stored number depends on it."""
LOOKED_AT = ("runner/verify.py",)
"""Compares what is stored; makes nothing."""
SHARED_OUT = ("runner/tasks.py", "runner/reader_pools.py")
"""Who makes a share; which stored images readers are shown."""
TRAINING = ("segmenters/unet/fitting/", "methods/pcgm/fitting/")
"""Makes the weights of the segmenter and of `pcgm`, whose content is in the keys."""
OTHER_SIZES = ("methods/pcgm/mgd/paper.py", "methods/pcgm/cmg/voxels.py")
"""The paper's sizes and its rule voxel by voxel: nothing that ships uses them."""


def files_in_keys() -> set[Path]:
    """Of every plugin that ships, and of the harness where it makes images or measures them."""
    objects = [plugin.load() for kind in registry.KINDS for plugin in registry.plugins(kind) if plugin.is_own]
    harness = [segmentation, evidence, counterfactuals, samples, volume_rows, scoring_code, BidsSource]
    return {path.resolve() for thing in [*objects, *harness] for path in closure_files(thing)}


def test_every_file_that_changes_a_number_is_in_a_key() -> None:
    left_out = (*SHOWN_ONLY, *LOOKED_AT, *SHARED_OUT, *TRAINING, *OTHER_SIZES)
    known = files_in_keys()
    rooms = [PACKAGE, *(PACKAGE / name for name in ("methods", "metrics", "studies"))]
    sources = {path: path.relative_to(PACKAGE).as_posix() for room in rooms for path in room.rglob("*.py")}
    assert len(sources) > 300
    lost = sorted(
        name for path, name in sources.items() if path.resolve() not in known and not name.startswith(left_out)
    )
    assert lost == []
