"""``pcgm-bench reader``: a blinded reader study out of a run, and its scores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from typing import Annotated

import typer

from pcgm_bench.cli import options

if TYPE_CHECKING:
    from pcgm_bench.contracts import ReadingStudy

reader = typer.Typer(
    help="Let people tell made brains from real ones: write a blinded study, score the answers.", no_args_is_help=True
)


@reader.command("export")
def export(
    run: Annotated[str, typer.Argument(help="A run: its folder, or the first digits of its key.")],
    out: Annotated[Path, typer.Argument(help="Folder to write; new or empty.")],
    readers: Annotated[int, typer.Option("--readers", help="How many people will read.")] = 3,
    cases: Annotated[int, typer.Option("--cases", help="Real cases, and as many made ones.")] = 50,
    rule: Annotated[
        str,
        typer.Option("--rule", help="nearest: the made image most like each real one, as in the paper; or random."),
    ] = "nearest",
    repeats: Annotated[float, typer.Option("--repeats", help="Share of cases shown twice.")] = 0.1,
    catch: Annotated[int, typer.Option("--catch", help="Obvious fakes, to see who is awake.")] = 4,
    row: Annotated[
        str | None, typer.Option("--row", help="Whose images.", show_default="the method of the run")
    ] = None,
    real: Annotated[
        Path | None, typer.Option("--real", help="Folder of real *_T1w.nii.gz.", show_default="the run's cohort")
    ] = None,
    seed: options.Seed = 0,
    home: options.Home = None,
) -> None:
    """Write a blinded study: cases, answer sheets and instructions for every reader, and the sealed key apart.

    Give each reader the folder reader-N, and nobody the folder sealed. The images open in ITK-SNAP, FSLeyes or any
    viewer of NIfTI files. The key's SHA-256 is printed and stands beside the cases: keep it, it proves that the key
    was not changed afterwards.
    """
    from pcgm_bench.contracts import ReaderRequest
    from pcgm_bench.runner.reader_pools import pools
    from pcgm_bench.store import RunFolder

    place = options.home_folder(home)
    folder = RunFolder.find(place, run)
    study = _reader_study()
    theirs, ours, origin = pools(folder, place, row, real)
    request = ReaderRequest(readers=readers, cases=cases, rule=rule, repeats=repeats, catch=catch, seed=seed)
    made = study.export(theirs, ours, out, origin, request)
    for note in made.notes:
        print(f"note: {note}")
    print(f"{made.folder}: {readers} readers, {made.files} images each, {made.mebibytes:.0f} MiB in all")
    print(f"key: {made.key}  SHA-256 {made.sha256}")


@reader.command("score")
def score(
    key: Annotated[Path, typer.Argument(help="sealed/key.json of the study.")],
    sheets: Annotated[list[Path], typer.Argument(help="Filled-in answers.csv of the readers.")],
    out: Annotated[Path | None, typer.Option("--out", help="Folder for scores.json and the tables.")] = None,
    seed: options.Seed = 0,
) -> None:
    """Score answer sheets: Table 2 beside the paper's own, intervals, d', agreement, equivalence to chance, conclusion.

    Sheets that are incomplete, double, or of another study are refused by name.
    """
    from pcgm_bench.board.paper import reference_tables
    from pcgm_bench.cli.printing import console
    from pcgm_bench.cli.printing import print_sentences
    from pcgm_bench.cli.printing import print_warnings
    from pcgm_bench.results.scores import Scores
    from pcgm_bench.results.scores import write_scores
    from pcgm_bench.store import atomic

    study = _reader_study()
    records = study.score(key, sheets, seed)
    tables, warnings = [*study.tables(records), *reference_tables("reader")], list(study.warnings(records))
    printer = console()
    for table in tables:
        printer.print(table.rich())
        printer.print()
    if out is not None:
        for table in tables:
            atomic.write_text(out / f"{table.name}.csv", table.csv())
            atomic.write_text(out / f"{table.name}.md", table.markdown() + "\n")
        scores = Scores(
            scored_by="",
            study=study.name,
            study_version=study.version,
            is_phantom=False,
            warnings=warnings,
            records=list(records),
        )
        write_scores(out / "scores.json", scores)
        print(f"scores: {out}")
    print_warnings(warnings)
    print_sentences(study.conclusion(records))


def _reader_study() -> ReadingStudy:
    from pcgm_bench import registry
    from pcgm_bench.contracts import ReadingStudy

    study = registry.get("studies", "reader")()
    if not isinstance(study, ReadingStudy):
        raise options.user_error("the study 'reader' is not one that people carry out; uninstall its package")
    return study
