"""The training loop on a tiny network: resuming, phases, weight average, budgets."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny_training
import torch
from tiny_training import SETTINGS
from torch import Tensor
from torch import nn

from pcgm_bench.contracts import UserError
from pcgm_bench.training.distributed import Processes
from pcgm_bench.training.loop import Training
from pcgm_bench.training.loop import checkpoint_identity
from pcgm_bench.training.optimise import Descent
from pcgm_bench.training.optimise import Phase
from pcgm_bench.training.optimise import Step
from pcgm_bench.training.settings import step_generator


def same(one: nn.Module, two: nn.Module) -> bool:
    """Whether two networks have the same weights, to the bit."""
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))


def test_same_seed_same_bits_other_seed_other_weights(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("a", "b", "c")]
    for folder in folders:
        folder.mkdir()
    first, again = (tiny_training.train(folder) for folder in folders[:2])
    other = tiny_training.train(folders[2], dataclasses.replace(SETTINGS, seed=3))
    assert same(first, again)
    assert not same(first, other)


def test_what_comes_back_is_the_average_of_the_weights_and_not_the_last_ones(tmp_path: Path) -> None:
    averaged = tiny_training.train(tmp_path)
    state = torch.load(tmp_path / "line_state.pt", weights_only=True)
    for key, value in averaged.state_dict().items():
        assert torch.equal(value, state["average"][key])
        assert not torch.equal(value, state["model"][key])


def test_the_average_follows_its_decay(tmp_path: Path) -> None:
    settings, seen = dataclasses.replace(SETTINGS, ema=0.5, warmup=0), []
    model = nn.Linear(1, 1, bias=False)
    nn.init.ones_(model.weight)

    def loss(step: Step) -> dict[str, Tensor]:
        seen.append(float(model.weight.detach()))
        return {"loss": model.weight.sum()}

    Training("w", model, [Phase.of("w", model.parameters(), loss, settings)], settings, tmp_path, "w").run()
    last = float(torch.load(tmp_path / "w_state.pt", weights_only=True)["model"]["weight"])
    wanted = seen[0]
    for step, weight in enumerate([*seen[1:], last], 1):
        decay = min(settings.ema, (1 + step) / (10 + step))
        wanted = decay * wanted + (1 - decay) * weight
    assert float(model.weight.detach()) == pytest.approx(wanted, rel=1e-5)


class TwoPlayers(nn.Module):
    """A generator and a discriminator of one number each."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = nn.Linear(1, 1)
        self.discriminator = nn.Linear(1, 1)


def silent(_line: str) -> None:
    """Report to nobody."""


def play(
    folder: Path,
    steps: int,
    every: int = 1,
    averaged: tuple[str, ...] | None = None,
    report: Callable[[str], None] = silent,
) -> TwoPlayers:
    """Train both, each on its own loss; the generator's passes through the discriminator."""
    settings = dataclasses.replace(SETTINGS, steps=steps)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = TwoPlayers()

    def generator_loss(step: Step) -> dict[str, Tensor]:
        x = torch.randn(4, 1, generator=step.generator)
        return {"loss": -model.discriminator(model.generator(x)).mean()}

    def discriminator_loss(step: Step) -> dict[str, Tensor]:
        x = torch.randn(4, 1, generator=step.generator)
        return {"loss": (model.discriminator(x) - x.square()).square().mean()}

    phases = [
        Phase.of("generator", model.generator.parameters(), generator_loss, settings),
        dataclasses.replace(
            Phase.of("discriminator", model.discriminator.parameters(), discriminator_loss, settings), every=every
        ),
    ]
    Training("game", model, phases, settings, folder, "game", averaged=averaged, report=report).run()
    return model


def test_several_phases_resume_as_if_never_stopped(tmp_path: Path) -> None:
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    whole.mkdir()
    parted.mkdir()

    def stop(line: str) -> None:
        if "step 5/" in line:
            raise KeyboardInterrupt

    straight = play(whole, 6)
    with pytest.raises(KeyboardInterrupt):
        play(parted, 6, report=stop)
    assert torch.load(parted / "game_state.pt", weights_only=True)["step"] == 4
    assert same(play(parted, 6), straight)


def test_a_phase_changes_its_own_parameters_alone_and_only_in_its_steps(tmp_path: Path) -> None:
    play(tmp_path, 5, every=3)
    optimizers = torch.load(tmp_path / "game_state.pt", weights_only=True)["optimizers"]
    taken = {name: {int(entry["step"]) for entry in part["state"].values()} for name, part in optimizers.items()}
    assert taken == {"generator": {5}, "discriminator": {2}}
    header = (tmp_path / "game_loss.tsv").read_text().splitlines()[0].split("\t")
    assert header == ["step", "seconds", "lr", "generator loss", "discriminator loss"]


def test_only_named_parts_are_averaged(tmp_path: Path) -> None:
    model = play(tmp_path, 4, averaged=("generator",))
    state = torch.load(tmp_path / "game_state.pt", weights_only=True)
    assert set(state["average"]) == {"generator.weight", "generator.bias"}
    assert torch.equal(model.discriminator.weight, state["model"]["discriminator.weight"])
    assert torch.equal(model.generator.weight, state["average"]["generator.weight"])


def test_a_clock_that_ends_the_training_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        tiny_training.train(tmp_path)
        assert not caplog.records
        (tmp_path / "line_state.pt").unlink()
        tiny_training.train(tmp_path, dataclasses.replace(SETTINGS, steps=10**6, minutes=1e-9))
    assert "line: undertrained" in caplog.text
    assert "1000000 steps" in caplog.text


def test_threads_are_as_asked_inside_and_as_before_outside(tmp_path: Path) -> None:
    before, seen = torch.get_num_threads(), []
    settings = dataclasses.replace(SETTINGS, steps=1, threads=before + 1)
    model = nn.Linear(1, 1)

    def loss(step: Step) -> dict[str, Tensor]:
        seen.append(torch.get_num_threads())
        return {"loss": model.weight.sum()}

    Training("w", model, [Phase.of("w", model.parameters(), loss, settings)], settings, tmp_path, "w").run()
    assert seen == [before + 1]
    assert torch.get_num_threads() == before


def test_a_gradient_that_is_not_finite_stops_before_the_weights_are_spoilt() -> None:
    model = nn.Linear(1, 1)
    before = model.weight.detach().clone()
    descent = Descent.adamw("line", model.parameters(), 0.1)
    with pytest.raises(FloatingPointError, match="line: loss or gradient not finite"):
        descent.step(model.weight.sum() * float("nan"), 0.1)
    assert torch.equal(model.weight, before)


def test_a_checkpoint_of_another_batch_or_seed_is_refused(tmp_path: Path) -> None:
    names = {checkpoint_identity("n", "d", dataclasses.replace(SETTINGS, **changed), "data")
             for changed in ({}, {"seed": 1}, {"batch": 4}, {"flip": True}, {"crop": 8})}  # fmt: skip
    assert len(names) == 5
    assert checkpoint_identity("n", "d", dataclasses.replace(SETTINGS, steps=9), "data") in names
    tiny_training.train(tmp_path)
    model = tiny_training.network()
    phase = Phase.of("line", model.parameters(), lambda _step: {}, SETTINGS)
    with pytest.raises(UserError, match="another configuration, seed or data"):
        Training("line", model, [phase], SETTINGS, tmp_path, "other points").run()


def test_randomness_of_a_step_is_its_own_and_its_phase_s() -> None:
    draws = [torch.rand(1, generator=step_generator(*words)) for words in ((0, 1), (0, 2), (1, 1), (0, 1, 1))]
    assert len({float(draw) for draw in draws}) == 4
    assert torch.equal(draws[0], torch.rand(1, generator=step_generator(0, 1)))
    assert Step(0, 0.0, step_generator(0, 0), Processes()).mine(draws[0])[0] is draws[0]
