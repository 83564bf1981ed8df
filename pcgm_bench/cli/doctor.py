"""``pcgm-bench doctor``: versions, devices, disk, FreeSurfer."""

from __future__ import annotations

import typer

from pcgm_bench.cli import options


def doctor(home: options.Home = None) -> None:
    """Say what this machine has, what is missing, and how to get it. Exit code 1 if something needed is missing."""
    from pcgm_bench.cli.printing import console
    from pcgm_bench.doctor import examine

    findings = examine(options.home_folder(home))
    width = max(len(finding.what) for finding in findings)
    out = console()
    for finding in findings:
        line = f"{finding.level:7}  {finding.what:{width}}  {finding.found}"
        out.print(line, markup=False, highlight=False, soft_wrap=True)
        if finding.remedy:
            out.print(f"{'':7}  {'':{width}}  -> {finding.remedy}", markup=False, highlight=False, soft_wrap=True)
    if any(finding.level == "missing" for finding in findings):
        raise typer.Exit(1)
