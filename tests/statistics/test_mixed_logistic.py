"""The mixed model finds a simulated log odds ratio, and gives the same digits every time."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pcgm_bench.statistics.mixed_logistic import mixed_logistic


def answers(p_signal: float, p_noise: float) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    rows = [
        [observer, case, case < 60, rng.random() < (p_signal if case < 60 else p_noise)]
        for observer in range(3)
        for case in range(120)
    ]
    return pd.DataFrame(rows, columns=["observer", "case", "truth", "said"])


def test_it_finds_what_was_simulated() -> None:
    data = answers(0.8, 0.3)
    model = mixed_logistic(data["said"], data["truth"], data["observer"], data["case"], 0)
    assert model is not None
    asked = np.log(0.8 / 0.2) - np.log(0.3 / 0.7)
    assert model.discrimination.low < asked < model.discrimination.high
    assert model == mixed_logistic(data["said"], data["truth"], data["observer"], data["case"], 0)


def test_one_observer_or_one_answer_has_no_model() -> None:
    data = answers(0.8, 0.3)
    alone = data[data["observer"] == 0]
    assert mixed_logistic(alone["said"], alone["truth"], alone["observer"], alone["case"], 0) is None
    assert mixed_logistic(data["said"] | True, data["truth"], data["observer"], data["case"], 0) is None
