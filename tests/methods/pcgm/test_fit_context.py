"""Seed, device and threads of `Context` reach every network's training, and drawing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from mgd_tiny import SCHEDULE
from mgd_tiny import TINY
from mgd_tiny import TinyPCGM
from mgd_tiny import tiny_data
from mgd_tiny import tiny_people
from safetensors.torch import load_file

from pcgm_bench.contracts import Context
from pcgm_bench.methods.cdm.generator import CDM
from pcgm_bench.methods.pcgm.generator import PCGM
from pcgm_bench.methods.pcgm.mgd.fit import train
from pcgm_bench.methods.pcgm.mgd.fit.job import Job
from pcgm_bench.methods.pcgm.mgd.model import MGD
from pcgm_bench.training import loop
from pcgm_bench.training.settings import Settings

torch.set_num_threads(1)

NETWORKS = ("encoder", "decoder", "unet", "controlnet")


def fitted(folder: Path, seed: int) -> dict[str, bytes]:
    """Weight files of a tiny PCGM after two steps."""
    work, weights = folder / "work", folder / "weights"
    work.mkdir(parents=True)
    weights.mkdir()
    pcgm = TinyPCGM()
    pcgm.fit(tiny_people(), Context(seed=seed, work=work))
    pcgm.save(weights)
    return {path.name: path.read_bytes() for path in weights.iterdir()}


def test_a_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "SCHEDULE", SCHEDULE)
    first, again, other = fitted(tmp_path / "a", 0), fitted(tmp_path / "b", 0), fitted(tmp_path / "c", 3)
    assert first == again
    assert {name for name in first if first[name] == other[name]} == {"people.safetensors"}
    assert {name.split("-")[0] for name in first} == {*NETWORKS, "people.safetensors"}


@pytest.mark.parametrize("generator", [PCGM, CDM])
def test_every_training_is_given_the_context(
    generator: type[PCGM | CDM], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A spy in the loop; ``cpu:0`` is a device that nothing else asks for."""
    seen: dict[str, Settings] = {}

    def spy(training: loop.Training) -> torch.nn.Module:
        seen[training.name] = training.settings
        assert {str(p.device) for p in training.model.parameters()} <= {"cpu", "cpu:0"}
        return training.model.eval()

    monkeypatch.setattr(loop.Training, "run", spy)
    monkeypatch.setattr(generator, "config", replace(generator.config, **{
        name: TINY.__dict__[name] for name in ("shape", "encoder", "unet", "control", "decoder")}))  # fmt: skip
    model = generator()
    model.fit(tiny_people(), Context(seed=7, device="cpu:0", threads=3, work=tmp_path))
    assert set(seen) == set(generator.trained_networks)
    assert {(s.seed, s.device, s.threads) for s in seen.values()} == {(7, "cpu:0", 3)}
    assert model.networks.device == "cpu:0"


def test_the_default_seed_is_the_schedule_s() -> None:
    schedule = train.schedule_for(Context(), NETWORKS)
    assert schedule == {name: replace(settings, threads=1) for name, settings in train.SCHEDULE.items()}


@pytest.mark.parametrize("generator", [PCGM, CDM])
def test_weights_are_read_on_the_device_that_was_asked_for(
    generator: type[PCGM | CDM], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `adapt`, as for new brains; and networks that are there already move."""
    devices: list[str] = []

    def spy(folder: Path, config: object, device: str) -> MGD:
        devices.append(device)
        return MGD.build(TINY, device="cpu")

    monkeypatch.setattr(MGD, "load", spy)
    model = generator()
    model.load(tmp_path)
    model.to("cpu:0")
    networks = model.networks
    assert devices == ["cpu:0"]
    moved: list[str] = []
    monkeypatch.setattr(networks, "to", moved.append)
    model.to("meta")
    assert model.networks is networks
    assert moved == ["meta"]


@pytest.mark.processes
def test_two_processes_train_all_four_networks_as_one_does(tmp_path: Path) -> None:
    settings = Settings(steps=2, batch=2, crop=8, warmup=0, save_every=1, log_every=1, bf16=False, threads=1)
    schedule = dict.fromkeys(NETWORKS, settings)
    folders = [tmp_path / name for name in ("single", "double")]
    for folder, processes in zip(folders, (1, 2), strict=True):
        folder.mkdir()
        train.train_in_processes(Job(tiny_data(), TINY, folder), schedule, processes)
    for name in NETWORKS:
        rows = [np.loadtxt(folder / f"{name}_loss.tsv", skiprows=1)[:, 3] for folder in folders]
        np.testing.assert_allclose(rows[0], rows[1], rtol=2e-3)
        one, two = (load_file(folder / f"{name}-1of1.safetensors") for folder in folders)
        for key, value in one.items():
            # A step of Adam is as large where the gradient is rounding noise as anywhere: most weights must agree.
            far = (value.float() - two[key].float()).abs() > 1e-3 * (1 + value.float().abs())
            assert float(far.float().mean()) < 0.02, (name, key)


def test_training_code_is_not_read_before_it_is_needed() -> None:
    """What `fit` alone needs is imported by `fit` alone, and CDM knows nothing of the PGM and the CMG."""
    import subprocess
    import sys

    ask = "import sys, {}; print([name for name in sys.modules if name.startswith('pcgm_bench.methods')])"
    told = {
        name: subprocess.run(
            [sys.executable, "-c", ask.format(f"pcgm_bench.methods.{name}.generator")],
            capture_output=True, text=True, check=True,
        ).stdout
        for name in ("pcgm", "pcgm.aligned", "cdm")
    }  # fmt: skip
    for text in told.values():
        assert "mgd.fit" not in text
        assert "pcgm.fitting" not in text
        assert "cmg.voxels" not in text
    # `pcgm --config paper` can be chosen; the others have one configuration.
    assert "mgd.paper" not in told["cdm"] + told["pcgm.aligned"]
    assert "pcgm.pgm" not in told["cdm"]
    assert "pcgm.generator" not in told["cdm"]
