"""The environment of a number, and that two are never mixed."""

from __future__ import annotations

import numpy as np
import pytest

from pcgm_bench.contracts import UserError
from pcgm_bench.store.environment import Environment
from pcgm_bench.store.environment import differences
from pcgm_bench.store.environment import must_match

NOW = Environment.current()


def test_this_process_is_described() -> None:
    assert NOW.packages["numpy"] == np.__version__
    assert {"torch", "monai", "scipy"} <= set(NOW.packages)
    assert NOW.instructions
    assert (NOW.device, NOW.gpu) == ("cpu", "")
    assert NOW.python.count(".") == 1


def test_it_is_stored_and_read_again() -> None:
    back = Environment.model_validate_json(NOW.model_dump_json())
    assert back == NOW
    assert differences(back, NOW) == []
    must_match(back, NOW, "/home/run")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"instructions": "AVX2-other"}, "processor instructions AVX2-other, here"),
        ({"packages": {**NOW.packages, "torch": "1.0"}}, "torch 1.0, here"),
        ({"packages": {**NOW.packages, "uncnn": ""}}, r"uncnn \(none\), here"),
        ({"python": "3.1"}, "Python 3.1, here"),
        ({"device": "cuda", "gpu": "A100"}, r"device cuda, here cpu; graphics card A100, here \(none\)"),
    ],
)
def test_a_difference_is_said_with_a_remedy(change: dict[str, object], words: str) -> None:
    stored = NOW.model_copy(update=change)
    assert differences(stored, NOW)
    with pytest.raises(UserError, match=f"/home/run: begun with {words}.*--home"):
        must_match(stored, NOW, "/home/run")
