"""Commands killed at 40 random moments: the same bytes in the end, no orphan, no stale lock."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from kills import carry_out
from kills import table


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif("KILLS" not in os.environ, reason="KILLS NOT TESTED: takes ten minutes; set KILLS=40")
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_whenever_it_is_killed_nothing_is_left_and_the_same_command_ends_in_the_same_bytes(
    installed: Path, template_home: Path, tmp_path: Path
) -> None:
    kills = int(os.environ["KILLS"])
    outcomes, wrong = carry_out(installed, tmp_path / "work", kills, 0, template_home / "template")
    said = table(outcomes, wrong)
    print(said)
    assert len(outcomes) == kills
    assert [outcome for outcome in outcomes if outcome.orphans or outcome.stale] == [], said
    assert wrong == [], said
    assert sum(outcome.was_late for outcome in outcomes) <= kills // 4, said
