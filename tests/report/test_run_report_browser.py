"""The report in a real browser: the viewer, the sort and the CSV buttons work, and nothing is fetched or complained of.

Skipped where there is no Chromium (Debian: ``apt-get install chromium``) or no playwright; a failure there with
``PCGM_BENCH_NEEDS_BROWSER=1``.
"""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from toy_report import examples
from toy_report import stored_run

from pcgm_bench.report.page.content import content_of
from pcgm_bench.report.page.images import keep_images
from pcgm_bench.report.page.people import best_median_worst
from pcgm_bench.report.page.write import write_report

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
PATIENCE = 120_000
"""Milliseconds: a machine without a graphics card draws slowly."""


def refuse(reason: str) -> None:
    if os.environ.get("PCGM_BENCH_NEEDS_BROWSER"):
        pytest.fail(reason)
    pytest.skip(f"THE REPORT WAS OPENED IN NO BROWSER: {reason}")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the toy run, with images of three people."""
    with pytest.MonkeyPatch.context() as patch:
        folder = stored_run(tmp_path_factory.mktemp("home"), patch)
        keep_images(folder, best_median_worst(content_of(folder).people), examples(), "mine")
        return write_report(folder)


@pytest.fixture(scope="module")
def page(report: Path) -> Iterator[Any]:
    """The report, opened from its file; whatever goes wrong in it fails the last test."""
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        refuse("playwright is not installed")
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        refuse(f"no {', '.join(BROWSERS)} on the PATH")
    wrong: list[str] = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=FLAGS, timeout=PATIENCE)
        opened = browser.new_page(viewport={"width": 1000, "height": 700})
        opened.set_default_timeout(PATIENCE)
        opened.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
        opened.on("pageerror", lambda error: wrong.append(str(error)))
        opened.on("request", lambda asked: wrong.append(asked.url) if asked.url.startswith("http") else None)
        opened.goto(report.as_uri())
        wait_for(opened, "1")
        yield opened
        browser.close()
    # A driver without a graphics card says that it reads pixels slowly; the page says nothing.
    assert [text for text in wrong if "GPU stall" not in text] == []


def wait_for(page: Any, rank: str) -> None:
    """Until the viewer shows that person; by a selector, since the page's own policy forbids to poll it by script."""
    page.wait_for_selector(f"#viewer[data-shown='{rank}']")


def colourfulness(page: Any, image: str) -> float:
    """Mean difference between the largest and the smallest of a canvas's three channels."""
    shot = page.locator(f"canvas[data-image={image}]").screenshot()
    pixels = np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"), int)
    assert pixels.max() > 150, "nothing is drawn"
    return float((pixels.max(axis=-1) - pixels.min(axis=-1)).mean())


def first_column(page: Any) -> list[str]:
    return [text.split()[0] for text in page.locator("#people-table tbody th").all_inner_texts()]


def test_the_viewer_shows_people_and_where_their_images_differ(page: Any) -> None:
    plain, made, truth = (colourfulness(page, image) for image in ("factual", "made", "truth"))
    assert min(made, truth) > plain + 3
    page.uncheck("#viewer-difference")
    assert colourfulness(page, "made") < made - 3
    page.check("#viewer-difference")
    page.click("#viewer button[data-rank='4']")
    wait_for(page, "4")
    assert page.get_attribute("#viewer button[data-rank='4']", "aria-pressed") == "true"
    assert page.get_attribute("#viewer button[data-rank='1']", "aria-pressed") == "false"
    page.select_option("#viewer-planes", "0")
    page.fill("input[data-axis='2']", "0.6")
    assert colourfulness(page, "made") > plain + 3
    page.click("#person-2 button")
    wait_for(page, "2")


def test_the_table_sorts_by_mouse_and_by_key_and_numbers_are_saved(page: Any) -> None:
    assert first_column(page) == ["1", "2", "3", "4"]
    error = page.locator("#people-table th", has_text="error")
    error.locator("button").click()
    assert first_column(page) == ["1", "2", "3", "4"]
    error.locator("button").press("Enter")
    assert first_column(page) == ["4", "3", "2", "1"]
    assert error.get_attribute("aria-sort") == "descending"
    page.locator("#people-table th", has_text="age").locator("button").click()
    assert set(first_column(page)) == {"1", "2", "3", "4"}
    page.click("#table-one summary")
    with page.expect_download() as saved:
        page.click("button[data-table='one']")
    assert saved.value.suggested_filename == "one.csv"
    assert Path(saved.value.path()).read_text() == "row,d\nmine,0.123456789\n"


def test_a_narrow_window_cuts_nothing(page: Any) -> None:
    page.set_viewport_size({"width": 400, "height": 700})
    wide = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert wide[0] <= wide[1]
