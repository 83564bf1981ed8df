"""Flow or linear: the PGM takes what held-out people are likelier under, and says which and why."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import UserError
from pcgm_bench.methods.pcgm.pgm.model import PGM

LISTED = list(LOBE_NAMES)
PEOPLE = 120


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> None:
    torch.set_num_threads(1)


def late(age: np.ndarray, centre: float) -> np.ndarray:
    """A loss that sets in with age."""
    return np.asarray(1 / (1 + np.exp(-(age - centre) / 4)))


def log_volumes(age: np.ndarray, case: np.ndarray, log_head: np.ndarray, interaction: float) -> np.ndarray:
    """``(n, 6)``: lobes shrink from 60 on; what the diagnosis takes, it takes of the old (1) or of everybody (0)."""
    loss = np.linspace(0.12, 0.18, len(LOBE_NAMES))
    taken = interaction * late(age, 50)[:, None] + (1 - interaction) * 0.5
    ageing = 0.2 * interaction * late(age, 60)[:, None] + 0.004 * (1 - interaction) * (age - 48)[:, None]
    return 4 + 0.85 * log_head[:, None] - ageing - case[:, None] * loss * taken


def cohort(seed: int, interaction: float) -> tuple[pd.DataFrame, np.ndarray]:
    """Controls and patients, and everybody's true log-change under the other diagnosis ``(n, 6)``."""
    rng = np.random.default_rng([seed, 2])
    case = np.repeat([0.0, 1.0], PEOPLE)
    age, log_head = rng.uniform(25, 75, 2 * PEOPLE), 0.07 * rng.standard_normal(2 * PEOPLE)
    own = 0.03 * rng.standard_normal((2 * PEOPLE, len(LOBE_NAMES)))
    before, after = (log_volumes(age, level, log_head, interaction) for level in (case, 1 - case))
    columns = {"subject": [f"{i:03d}" for i in range(2 * PEOPLE)], "age": age, "sex": ["F", "M"] * PEOPLE}
    table = pd.DataFrame(
        columns | {"diagnosis": np.where(case > 0, "AUD", "control"), "head_size": 1290 * np.exp(log_head)}
    )
    return table.assign(**dict(zip(LISTED, np.exp(before + own).T, strict=True))), after - before


def error(model: PGM, seed: int, interaction: float) -> float:
    """RMS error of a new person's log-change under the other diagnosis."""
    people, truth = cohort(seed, interaction)
    other = np.where(people["diagnosis"] == "AUD", "control", "AUD")
    made = np.log(model.counterfactual(people, {"diagnosis": other})[LISTED] / people[LISTED]).to_numpy()
    return float(np.sqrt(((made - truth) ** 2).mean()))


@pytest.mark.parametrize("seed", [20, 21])
def test_the_flow_wins_where_a_disease_strikes_the_old_and_ageing_is_curved(seed: int) -> None:
    table, _ = cohort(seed, 1.0)
    chosen, linear = PGM.fit(table, seed), PGM.fit(table, seed, kind="linear")
    assert chosen.about["steps"] > 0
    assert str(chosen.about["choice"]).startswith("flow: the flow's log-likelihood beyond the linear model's is +")
    unseen = cohort(seed + 100, 1.0)[0]
    assert chosen.log_prob(unseen).mean() > linear.log_prob(unseen).mean() + 0.5
    assert error(chosen, seed + 100, 1.0) < 0.7 * error(linear, seed + 100, 1.0)


@pytest.mark.parametrize("seed", [20, 21])
def test_the_linear_model_is_kept_where_causes_are_linear(seed: int) -> None:
    table, _ = cohort(seed, 0.0)
    chosen, forced = PGM.fit(table, seed), PGM.fit(table, seed, kind="flow")
    assert chosen.about["steps"] == 0
    assert str(chosen.about["choice"]).startswith("linear: the flow's log-likelihood beyond")
    assert forced.about["steps"] > 0
    assert error(chosen, seed + 100, 0.0) < error(forced, seed + 100, 0.0)


def test_what_is_asked_for_is_taken_and_said() -> None:
    curved, _ = cohort(22, 1.0)
    linear = PGM.fit(curved, 0, kind="linear")
    assert (linear.about["steps"], linear.about["choice"]) == (0, "linear, as asked")
    flow = PGM.fit(curved, 0, kind="flow")
    assert str(flow.about["choice"]).startswith("flow, as asked: the flow's log-likelihood")
    few = curved.iloc[[*range(20), *range(PEOPLE, PEOPLE + 20)]]
    assert PGM.fit(few, 0).about["choice"] == "linear: fewer than 60 people"
    with pytest.raises(UserError, match="use auto, flow, linear"):
        PGM.fit(curved, 0, kind="neural")
