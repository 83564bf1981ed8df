"""What a script or a notebook calls; reached as ``import pcgm_bench as pb``."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import pandas as pd

from pcgm_bench import registry
from pcgm_bench.cohort import bids
from pcgm_bench.contracts import CohortRequest
from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import Metric
from pcgm_bench.contracts import Progress
from pcgm_bench.contracts import Segmentation
from pcgm_bench.contracts import settings_of
from pcgm_bench.contracts import silent
from pcgm_bench.runner.grid_check import check_grid_of_segmenter
from pcgm_bench.runner.one_off import Person
from pcgm_bench.runner.one_off import changed_image
from pcgm_bench.runner.one_off import ruler_of
from pcgm_bench.runner.request import ImageFolder
from pcgm_bench.runner.request import MethodRequest
from pcgm_bench.runner.request import RunRequest
from pcgm_bench.runner.run import RunResult
from pcgm_bench.runner.run import run as run_request
from pcgm_bench.runner.threads import pinned_threads
from pcgm_bench.store import default_home

Place = str | Path | None


def run(
    method: str,
    study: str,
    *,
    cohort: str = "phantom",
    maps: Sequence[str] = (),
    effect: str | None = None,
    mechanism: str | None = None,
    scanner: str | None = None,
    per_group: int | None = None,
    anatomies: Place = None,
    grid: str = "3mm",
    seed: int = 0,
    quick: bool = False,
    segmenter: str = "unet",
    segmentations: Place = None,
    weights: Place = None,
    metrics: Sequence[str] = (),
    features: Sequence[str] = (),
    expect: str = "",
    keep_poor_scans: bool = False,
    device: str = "cpu",
    threads: int = 1,
    workers: int = 1,
    settings: Mapping[str, str] | None = None,
    home: Place = None,
    progress: Progress = silent,
) -> RunResult:
    """A method through a study; from the store if it has been run before.

    Args:
        method: registered name, see `list_methods`.
        study: registered name: ``aud``, ``aging``, ``synthesis``, ``recovery``.
        cohort: a registered cohort, or a BIDS folder.
        maps: where a BIDS folder keeps a column: ``diagnosis=group:depr/control``.
        effect: planted effect of a simulated cohort; None: its default.
        mechanism: how the effect moves the anatomy; None: its default.
        scanner: what simulated people were scanned by; None: its default.
        per_group: simulated people in each group; None: its default.
        anatomies: folder of label maps that simulated people are made from; None: its own anatomy.
        grid: ``3mm``, ``2mm`` or ``1mm``.
        seed: of everything random.
        quick: few people: to see it work, not to believe it.
        segmenter: registered name; ``folder`` or ``table`` with ``segmentations``.
        segmentations: label maps or a table of volumes, made elsewhere.
        weights: folder of weights instead of the installed ones.
        metrics: registered metrics to add to the study's.
        features: registered feature spaces to add to the study's.
        expect: what counts as right: ``aud`` or ``cohort`` in the aud study; empty: the study's choice.
        keep_poor_scans: real scans below the quality bars stay in; else they are left out, and named.
        device: ``cpu`` or ``cuda``.
        threads: of a tensor operation; part of the run's key.
        workers: processes that make images side by side; no number depends on it.
        settings: of the method, as text: ``{"cmg": "proportional"}``; `list_methods` names them.
        home: where everything is kept; None: ``PCGM_BENCH_HOME``, else ``~/.cache/pcgm-bench``.
        progress: told (what, done, total).

    Returns:
        The result: ``to_frame()`` gives all numbers, ``people()`` those of single people, ``tables`` what is printed.

    Raises:
        UserError: anything you can mend; the message says how.
        PluginError: a plugin fails.
    """
    request = RunRequest(
        method=method,
        study=study,
        home=_home(home),
        cohort=CohortRequest.of(
            cohort,
            maps,
            effect=effect,
            mechanism=mechanism,
            grid=grid,
            scanner=scanner,
            per_group=per_group,
            anatomies=anatomies,
        ),
        seed=seed,
        quick=quick,
        segmenter=segmenter,
        segmentations=_path(segmentations),
        weights=_path(weights),
        device=device,
        threads=threads,
        metrics=tuple(metrics),
        features=tuple(features),
        expect=expect,
        keep_poor_scans=keep_poor_scans,
        settings=dict(settings or {}),
    )
    return run_request(request, progress, workers)


def score(
    images: str | Path,
    study: str,
    *,
    name: str | None = None,
    real: str = "phantom",
    maps: Sequence[str] = (),
    effect: str | None = None,
    mechanism: str | None = None,
    scanner: str | None = None,
    per_group: int | None = None,
    anatomies: Place = None,
    grid: str = "3mm",
    seed: int = 0,
    quick: bool = False,
    allow_missing: bool = False,
    segmenter: str = "unet",
    segmentations: Place = None,
    metrics: Sequence[str] = (),
    features: Sequence[str] = (),
    expect: str = "",
    keep_poor_scans: bool = False,
    workers: int = 1,
    home: Place = None,
    progress: Progress = silent,
) -> RunResult:
    """Images made elsewhere through a study: the same tables as a plugin gets.

    Args:
        images: folder of NIfTI files (``sub-001_desc-cfAUD_T1w.nii.gz``), or a manifest.
        study: registered name.
        name: what the row is called; the folder's name without.
        real: the real scans that the images are made from: a registered cohort, or a BIDS folder.
        maps: as in `run`.
        effect: as in `run`.
        mechanism: as in `run`.
        scanner: as in `run`.
        per_group: as in `run`.
        anatomies: as in `run`.
        grid: as in `run`.
        seed: as in `run`.
        quick: the small phantom.
        allow_missing: score the images that are there.
        segmenter: as in `run`.
        segmentations: as in `run`.
        metrics: as in `run`.
        features: as in `run`.
        expect: as in `run`.
        keep_poor_scans: as in `run`.
        workers: as in `run`.
        home: as in `run`.
        progress: as in `run`.

    Raises:
        UserError: missing, damaged or misplaced images, by name.
    """
    source = Path(images)
    request = RunRequest(
        method=name or source.resolve().name.split(".")[0],
        study=study,
        home=_home(home),
        cohort=CohortRequest.of(
            real,
            maps,
            effect=effect,
            mechanism=mechanism,
            grid=grid,
            scanner=scanner,
            per_group=per_group,
            anatomies=anatomies,
        ),
        seed=seed,
        quick=quick,
        segmenter=segmenter,
        segmentations=_path(segmentations),
        metrics=tuple(metrics),
        features=tuple(features),
        expect=expect,
        keep_poor_scans=keep_poor_scans,
        image_folder=ImageFolder(source, allow_missing),
    )
    return run_request(request, progress, workers)


def segment(
    image: str | Path, *, segmenter: str = "unet", grid: str = "3mm", device: str = "cpu", home: Place = None
) -> Segmentation:
    """Measure one skull-stripped T1w image.

    Args:
        image: a NIfTI file.
        segmenter: registered name.
        grid: that the image is brought to.
        device: ``cpu`` or ``cuda``.
        home: as in `run`.

    Returns:
        Fractions and labels on the grid; volumes (mL) of the person's own head.
    """
    request = MethodRequest(method="", home=_home(home), segmenter=segmenter, device=device)
    with pinned_threads(request.threads):
        check_grid_of_segmenter(grid, segmenter)
        # The segmenter sees the image alone: who it is does not matter.
        scan, _back = bids.load_scan(Path(image), 50.0, "F", "control", request.home, grid=grid)
        return ruler_of(request).measure(scan, voxels=True)


def counterfactual(
    scan: str | Path,
    do: Intervention,
    *,
    method: str = "pcgm",
    age: float = 50.0,
    sex: str = "F",
    diagnosis: str = "control",
    cohort: str = "phantom",
    maps: Sequence[str] = (),
    seed: int = 0,
    device: str = "cpu",
    settings: Mapping[str, str] | None = None,
    home: Place = None,
    progress: Progress = silent,
) -> nib.Nifti1Image:
    """The same person, had ``do`` been true.

    Args:
        scan: a skull-stripped T1w NIfTI file.
        do: ``{"diagnosis": "AUD"}``, ``{"age": 71.5}``.
        method: registered name.
        age: of the person, years.
        sex: ``F`` or ``M``.
        diagnosis: of the person as they are.
        cohort: whom the method learns from what a diagnosis does.
        maps: as in `run`.
        seed: of everything random.
        device: ``cpu`` or ``cuda``.
        settings: as in `run`.
        home: as in `run`.
        progress: as in `run`.

    Returns:
        The image, on the grid of the scan.
    """
    people = CohortRequest(cohort, tuple(maps))
    request = MethodRequest(
        method=method, home=_home(home), cohort=people, seed=seed, device=device, settings=dict(settings or {})
    )
    return changed_image(request, Path(scan), do, Person(age, sex, diagnosis), progress)


def metric(name: str) -> Metric[Any]:
    """A metric, to be called with arrays: ``metric("fid")(real, made)``; raises UserError for an unknown name."""
    instance: Metric[Any] = registry.get("metrics", name)()
    return instance


def leaderboard(home: Place = None, study: str | None = None) -> pd.DataFrame:
    """The leaderboard's cells of all runs of a home folder, one a row; of one study, or of all."""
    from pcgm_bench.board.collect import from_home

    frames = []
    for result in from_home(_home(home), study).results:
        label = result.label
        frame = pd.DataFrame(
            [
                [label.shown(r.row), r.kind.value, r.column, r.estimate, r.low, r.high, r.n, r.target, r.rule]
                for r in result.records
            ],
            columns=["row", "kind", "column", "estimate", "low", "high", "n", "target", "rule"],
        )
        frames.append(frame.assign(study=label.study, cohort=label.cohort, seed=label.seed, run=label.key))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def list_methods() -> pd.DataFrame:
    """Every installed method: name, title, jobs, settings, whether it is a control, package; or what is wrong."""
    rows = []
    for plugin in registry.plugins("methods"):
        if problem := plugin.problem():
            rows.append([plugin.name, "", "", "", False, plugin.origin, problem])
            continue
        loaded = plugin.load()
        card, settings = loaded.card, [str(setting) for setting in settings_of(loaded.settings_type)]
        jobs = ", ".join(sorted(card.jobs))
        rows.append([plugin.name, card.title, jobs, "; ".join(settings), card.is_control, plugin.origin, ""])
    return pd.DataFrame(rows, columns=["name", "title", "jobs", "settings", "is_control", "package", "problem"])


def _home(home: Place) -> Path:
    return default_home(_path(home))


def _path(place: Place) -> Path | None:
    return None if place is None else Path(place)
