"""Write the report of a run into its folder."""

from __future__ import annotations

import os
from pathlib import Path

from pcgm_bench.report.page.content import Content
from pcgm_bench.report.page.content import content_of
from pcgm_bench.report.page.images import keep_images
from pcgm_bench.report.page.images import kept_images
from pcgm_bench.report.page.page import page
from pcgm_bench.report.page.people import best_median_worst
from pcgm_bench.runner.run import RunResult
from pcgm_bench.store import RunFolder
from pcgm_bench.store import atomic


def run_report(result: RunResult) -> Path | None:
    """The report of a run that has just ended, with the images of the best, the median and the worst person.

    None where nothing can be written: a finished run can be read there all the same.
    """
    if not os.access(result.folder.root, os.W_OK):
        return None
    content = content_of(result.folder)
    chosen = best_median_worst(content.people)
    keep_images(result.folder, chosen, result.images, result.folder.identity.method)
    return _write(result.folder, content)


def write_report(folder: RunFolder) -> Path:
    """Make ``report.html`` from what a run has stored, over an older one.

    Returns:
        The file.

    Raises:
        UserError: the run is not scored yet, a file of it is damaged, or the folder cannot be written to.
        PluginError: its study fails.
    """
    return _write(folder, content_of(folder))


def _write(folder: RunFolder, content: Content) -> Path:
    atomic.write_text(folder.report_file, page(content, kept_images(folder, content.people)))
    return folder.report_file
