"""Options that several verbs share, and what they mean."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated
from typing import Any

import typer

MOST_YEARS = 120.0

Home = Annotated[
    Path | None,
    typer.Option(
        "--home",
        help="Where runs, cohorts and weights are kept.",
        envvar="PCGM_BENCH_HOME",
        show_default="~/.cache/pcgm-bench",
    ),
]
Method = Annotated[str, typer.Option("--method", "-m", help="Generator; see `pcgm-bench list methods`.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of everything random.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Plain lines instead of progress bars.")]
Device = Annotated[str, typer.Option("--device", help="cpu, cuda, or auto (cuda if there is one).")]
Threads = Annotated[
    int, typer.Option("--threads", min=1, max=1024, help="Threads a tensor operation uses; part of the run's key.")
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        help="Processes that make images side by side; the result does not depend on it.",
        show_default="as many as there are processors, at most 4",
    ),
]
AddedMetrics = Annotated[
    list[str] | None, typer.Option("--metrics", help="A metric to add to the study's: +NAME. Repeat for more.")
]
AddedFeatures = Annotated[
    list[str] | None, typer.Option("--features", help="A feature space to add to the study's: +NAME. Repeat for more.")
]
Shard = Annotated[
    str | None,
    typer.Option("--shard", help="Make share i of N (i/N) without scoring, for any scheduler.", show_default="all"),
]
ExecutorName = Annotated[str, typer.Option("--executor", help="local, or slurm: jobs of a cluster.")]
Jobs = Annotated[int, typer.Option("--jobs", min=1, help="SLURM: tasks of a step at most.")]
Partition = Annotated[str, typer.Option("--partition", help="SLURM: where to run.", show_default="the cluster's")]
GpusPerTask = Annotated[int, typer.Option("--gpus-per-task", min=0, help="SLURM: graphics cards of a task.")]
Constraint = Annotated[
    str,
    typer.Option("--constraint", help="SLURM: a feature that nodes must have.", show_default="none"),
]
Minutes = Annotated[int, typer.Option("--time", min=1, help="SLURM: minutes that a task may take.")]
Memory = Annotated[str, typer.Option("--mem", help="SLURM: memory of a task.")]
SegmenterName = Annotated[str, typer.Option("--segmenter", help="See `pcgm-bench list segmenters`.")]
Segmentations = Annotated[
    Path | None,
    typer.Option(
        "--segmentations",
        help="Label maps made elsewhere (a folder), or volumes (a CSV or TSV: subject, session, desc, and regions in "
        "mL, see docs/concepts/segmenter.md) of the real scans; for `score`, of the images too. QC scores stand in the "
        "table, or in qc.csv in the folder; a column's name says whose they are: SynthSeg's own names, qc_synthseg, "
        "euler. A column qc alone is judged by nobody.",
    ),
]
QCThreshold = Annotated[
    float | None,
    typer.Option(
        "--qc-threshold",
        help="What an image's QC score must reach; needed for Euler numbers.",
        show_default="0.65 for SynthSeg's score and ours",
    ),
]
KeepPoorScans = Annotated[
    bool,
    typer.Option(
        "--keep-poor-scans",
        help="Keep real scans that are below the quality bars (`pcgm-bench cohort check --quality` names them).",
        show_default="they are left out, and named",
    ),
]
Weights = Annotated[Path | None, typer.Option("--weights", help="Folder of weights instead of those found.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="A setting of the method: cmg=proportional, guidance=1. Repeat for more; `pcgm-bench list methods "
        "--settings` names them.",
    ),
]
Config = Annotated[
    str | None,
    typer.Option(
        "--config", help="Configuration of the method: the same as --set config=NAME.", show_default="its own"
    ),
]
CohortName = Annotated[str, typer.Option("--cohort", help="phantom, or a BIDS folder of T1w scans.")]
Real = Annotated[
    str, typer.Option("--real", help="The real scans that the images are made from: phantom, or a BIDS folder.")
]
QuickPhantom = Annotated[bool, typer.Option("--quick", help="The small phantom: few people.")]
Maps = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        help="Where a BIDS folder keeps a column: diagnosis=group:depr/control (patients/controls), sex=gender.",
    ),
]
Effect = Annotated[
    str | None,
    typer.Option("--effect", help="Planted effect of the phantom: demo, literature or null.", show_default="demo"),
]
Mechanism = Annotated[
    str | None,
    typer.Option("--mechanism", help="Which surface the phantom's losses move: pial or mixed.", show_default="pial"),
]
Scanner = Annotated[
    str | None,
    typer.Option(
        "--scanner",
        help="What the phantom's people were scanned by: default, A (soft, noisy, little contrast), B (uneven, slight "
        "motion), C (slices of 5 mm), or mix (half of each group by A, half by B).",
        show_default="default",
    ),
]
PerGroup = Annotated[
    int | None,
    typer.Option(
        "-n", "--per-group", min=2, help="People in each group of the phantom.", show_default="100; 20 with --quick"
    ),
]
Expect = Annotated[
    str,
    typer.Option(
        "--expect",
        help="What counts as right in the aud study: aud (AUD's pattern of lobes), or cohort (what the cohort's own "
        "real groups show).",
        show_default="aud for the phantom and for patients called AUD, else cohort",
    ),
]
Anatomies = Annotated[
    Path | None,
    typer.Option(
        "--anatomies",
        help="Folder of label maps with FreeSurfer's numbers (aparc+aseg, aseg, SynthSeg; or SUBJECTS_DIR) that the "
        "phantom's people are made from; a minute and 400 MB in the home folder for each, once.",
        show_default="the built-in brain",
    ),
]
GridName = Annotated[
    str,
    typer.Option(
        "--grid",
        help="3mm, 2mm or 1mm; the shipped segmenter reads 3mm and 2mm, methods with shipped weights draw on 3mm.",
    ),
]


def assignments(texts: Sequence[str], option: str) -> dict[str, str]:
    """``["diagnosis=AUD"]`` as a mapping.

    Raises:
        UserError: no equals sign, an empty side, or a name given twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (name and equals and value):
            raise user_error(f"{option} {text}: write it as name=value, such as {option} diagnosis=AUD")
        if name in found:
            raise user_error(f"{option} {text}: {name} is given twice; give it once")
        found[name] = value
    return found


def settings(texts: Sequence[str] | None, config: str | None) -> dict[str, str]:
    """``["cmg=proportional"]`` as settings by name, with ``--config`` among them.

    Raises:
        UserError: as `assignments`, or the configuration is given twice.
    """
    given = [*(texts or ()), *([f"config={config}"] if config else [])]
    return assignments(given, "--set")


def intervention(texts: Sequence[str]) -> dict[str, Any]:
    """``["diagnosis=AUD", "age=71.5"]`` as a ``do``.

    Raises:
        UserError: not age, sex or diagnosis; an age that is no number; a sex that is neither F nor M.
    """
    do: dict[str, Any] = dict(assignments(texts, "--do"))
    if unknown := sorted(set(do) - {"age", "sex", "diagnosis"}):
        raise user_error(f"--do {unknown[0]}: only age, sex and diagnosis can be set")
    if "age" in do:
        from pcgm_bench.text_table import number

        try:
            do["age"] = number(do["age"])
        except ValueError as error:
            raise user_error(f"--do age={do['age']}: not a number of years ({error})") from error
        if not 0 < do["age"] <= MOST_YEARS:
            raise user_error(f"--do age={do['age']:g}: ages are more than 0 and at most {MOST_YEARS:g} years")
    if "sex" in do:
        do["sex"] = sex(do["sex"], "--do sex=")
    return do


def sex(text: str, option: str) -> str:
    """``F`` or ``M``; raises UserError for anything else."""
    letter = text.strip().upper()
    if letter not in {"F", "M"}:
        raise user_error(f"{option}{text}: write F or M")
    return letter


def ruler(segmenter: str, segmentations: Path | None) -> str:
    """The segmenter to use: ``folder`` where label maps are given, ``table`` where volumes are.

    Raises:
        UserError: neither a folder nor a table is there.
    """
    if segmentations is None:
        return segmenter
    if segmentations.is_dir():
        return "folder"
    if not segmentations.is_file():
        raise user_error(f"--segmentations {segmentations}: no such folder of label maps, or table of volumes")
    if segmentations.suffix not in {".csv", ".tsv"}:
        raise user_error(f"--segmentations {segmentations}: a table of volumes is called .csv or .tsv")
    return "table"


def added(names: Sequence[str] | None) -> tuple[str, ...]:
    """``["+mine", "+yours"]`` without the plus signs.

    Raises:
        UserError: a name without one: a study's own metrics cannot be replaced.
    """
    for name in names or ():
        if not name.startswith("+") or len(name) < 2:
            raise user_error(f"{name}: write +{name.lstrip('+') or 'NAME'}: it is added to those of the study")
    return tuple(name[1:] for name in names or ())


def home_folder(home: Path | None) -> Path:
    """Where everything is kept.

    Raises:
        UserError: a file stands where a folder of the path should.
    """
    from pcgm_bench.store.home import default_home

    place = default_home(home)
    if file := next((part for part in (place, *place.parents) if part.is_file()), None):
        raise user_error(f"{place}: {file} is a file; choose another place with --home or PCGM_BENCH_HOME")
    return place


def device_name(device: str) -> str:
    """``cpu`` or ``cuda``.

    Raises:
        UserError: another name, or a GPU that is not there.
    """
    if device == "cpu":
        return device
    if device not in {"cuda", "auto"}:
        raise user_error(f"--device {device}: use cpu, cuda or auto")
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if device == "cuda":
        raise user_error("--device cuda: torch sees no GPU; `pcgm-bench doctor` says why, or use --device cpu")
    return "cpu"


def user_error(text: str) -> Exception:
    """A `UserError`; imported here because the contracts import NumPy, and ``--help`` must not."""
    from pcgm_bench.contracts import UserError

    return UserError(text)
