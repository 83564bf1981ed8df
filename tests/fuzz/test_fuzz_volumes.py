"""Every kind of damage to a volume: refused in one line, or read with the numbers of the undamaged twin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fuzz_table import BEGIN
from fuzz_table import END
from fuzz_table import is_wrong
from fuzz_table import put_into
from intensity_damages import every
from outcomes import Damage
from outcomes import Outcome
from outcomes import Trial
from outcomes import trial_of
from volume_twins import brain

from pcgm_bench.cohort.intensity import intensity_of
from pcgm_bench.cohort.intensity import rescaling_of
from pcgm_bench.cohort.intensity import scale_fault
from pcgm_bench.contracts import UserError


@pytest.mark.parametrize("name", ["0 to 255", "0 to 1000", "0 to 65535", "-1 to 1"])
def test_a_scale_that_is_plain_is_brought_back(name: str) -> None:
    twin, real = brain(), intensity_of(brain())
    image = every(twin)[name].astype(np.float32)
    assert scale_fault(intensity_of(image), real) == ""
    found = rescaling_of(intensity_of(image), real)
    assert found.was == name
    expected = np.clip(twin, 0, 1) if name == "-1 to 1" else twin
    np.testing.assert_allclose(found.of(image), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["0 to 12", "-3 to 3"])
def test_a_scale_that_is_not_plain_is_refused(name: str) -> None:
    fault = scale_fault(intensity_of(every(brain())[name].astype(np.float32)), intensity_of(brain()))
    assert "another intensity scale" in fault


def test_a_method_that_blurs_is_judged_and_not_refused() -> None:
    image, real = every(brain())["smoothed"], intensity_of(brain())
    assert scale_fault(intensity_of(image), real) == ""
    assert rescaling_of(intensity_of(image), real).of(image) is image


def test_the_oracle_can_fail() -> None:
    def user() -> bool:
        raise UserError("two\nlines")

    assert trial_of(lambda: False).outcome is Outcome.SILENT
    assert trial_of(lambda: 1 / 0 > 0).outcome is Outcome.TRACEBACK
    assert trial_of(user).outcome is Outcome.TRACEBACK
    wrong, right = Damage("", "", lambda _rng, path: path), Damage("", "", lambda _rng, path: path, is_good=True)
    assert [is_wrong(wrong, Trial(outcome)) for outcome in Outcome] == [False, False, True, True, True]
    assert is_wrong(right, Trial(Outcome.REFUSED))


def test_the_table_is_put_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}old{END}\nafter\n")
    put_into(page, "| new |")
    assert page.read_text() == f"before\n{BEGIN}\n\n| new |\n\n{END}\nafter\n"
