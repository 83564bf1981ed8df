"""MGD as a whole, its weights on disk, and its training loops, on a tiny configuration."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from mgd_tiny import TINY
from mgd_tiny import awaken
from mgd_tiny import tiny_data
from safetensors.torch import load_file

from pcgm_bench.contracts import UserError
from pcgm_bench.methods.pcgm.mgd.fit.decoder import train_decoder
from pcgm_bench.methods.pcgm.mgd.fit.denoiser import train_controlnet
from pcgm_bench.methods.pcgm.mgd.fit.denoiser import train_unet
from pcgm_bench.methods.pcgm.mgd.fit.encoder import train_encoder
from pcgm_bench.methods.pcgm.mgd.fit.job import Job
from pcgm_bench.methods.pcgm.mgd.intensity import from_model
from pcgm_bench.methods.pcgm.mgd.intensity import to_model
from pcgm_bench.methods.pcgm.mgd.model import MGD
from pcgm_bench.training import weights
from pcgm_bench.training.data import ScanBank
from pcgm_bench.training.people import encode_condition
from pcgm_bench.training.settings import Settings
from pcgm_bench.training.settings import learning_rate

torch.set_num_threads(1)

SETTINGS = Settings(steps=4, batch=2, crop=8, warmup=2, save_every=2, log_every=1, seed=3, bf16=False)


def silent(_line: str) -> None:
    """Report to nobody."""


@pytest.fixture(scope="module")
def mgd() -> MGD:
    sampler = replace(TINY.sampler, steps=6, t_min=0.2, n_fixed_point=30)
    decoder_sampler = replace(TINY.decoder_sampler, steps=4, t_min=0.2, strength=0.75, n_fixed_point=30)
    model = MGD.build(replace(TINY, sampler=sampler, decoder_sampler=decoder_sampler), seed=1)
    for network in (model.encoder, model.unet, model.controlnet, model.decoder):
        awaken(network, size=0.3)
    return model


@pytest.fixture(scope="module")
def person() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    condition = encode_condition(40.0, "F", "control", 1400.0, TINY.metadata)
    return rng.random(TINY.shape).astype(np.float32), condition, rng.random((8, *TINY.shape)).astype(np.float32)


def test_intensity_round_trip():
    image = np.linspace(0, 1.3, 11, dtype=np.float32)
    np.testing.assert_allclose(from_model(to_model(image, TINY), TINY), image, atol=1e-6)
    assert to_model(np.array([0.0, 1.2]), TINY).tolist() == pytest.approx([-1.0, 1.0])


def test_condition_is_null_for_what_training_never_saw():
    known = encode_condition(76.0, "M", "control", 1450.0, TINY.metadata)
    np.testing.assert_allclose(known, [1.0, 1.0, -1.0, 0.0])
    unknown = encode_condition(float("nan"), "?", "AUD", 1450.0, TINY.metadata)
    assert np.isnan(unknown[:3]).all()
    assert unknown[3] == 0.0


@pytest.mark.parametrize("carry", [False, True])
def test_null_intervention_returns_the_image(
    mgd: MGD, person: tuple[np.ndarray, ...], monkeypatch: pytest.MonkeyPatch, carry: bool
):
    image, condition, mask = person
    config = mgd.config
    n = 0 if carry else 30
    changed = replace(
        config,
        sampler=replace(config.sampler, carry_defects=carry, n_fixed_point=n),
        decoder_sampler=replace(config.decoder_sampler, carry_defects=carry, n_fixed_point=n),
    )
    monkeypatch.setattr(mgd, "config", changed)
    result = mgd.counterfactual(image, condition, mask, condition, mask, seed=0)
    assert np.abs(result - image).max() < 2e-5


def test_a_new_mask_changes_the_image_and_seed_does_not(mgd: MGD, person: tuple[np.ndarray, ...]):
    image, condition, mask = person
    one = mgd.counterfactual(image, condition, mask, condition, 1 - mask, seed=0)
    two = mgd.counterfactual(image, condition, mask, condition, 1 - mask, seed=9)
    assert one.shape == image.shape
    assert one.dtype == np.float32
    assert np.abs(one - image).max() > 1e-4
    np.testing.assert_array_equal(one, two)


def test_guidance_from_the_old_condition_is_neutral_in_the_null_intervention(
    mgd: MGD, person: tuple[np.ndarray, ...], monkeypatch: pytest.MonkeyPatch
):
    image, condition, mask = person
    sampler = replace(mgd.config.sampler, guidance=3.0, unconditional="old")
    monkeypatch.setattr(mgd, "config", replace(mgd.config, sampler=sampler))
    result = mgd.counterfactual(image, condition, mask, condition, mask, seed=0)
    assert np.abs(result - image).max() < 2e-5


def test_a_new_brain_takes_the_steps_of_drawing_and_no_others(
    mgd: MGD, person: tuple[np.ndarray, ...], monkeypatch: pytest.MonkeyPatch
):
    _, condition, mask = person
    config, plain = mgd.config, mgd.sample(condition, mask, 0)
    other = replace(config.sampler, steps=3, strength=0.5, guidance=3.0)
    monkeypatch.setattr(mgd, "config", replace(config, sampler=other))
    np.testing.assert_array_equal(mgd.sample(condition, mask, 0), plain)
    for part in ("steps", "decoder_steps"):
        monkeypatch.setattr(mgd, "config", replace(config, drawing=replace(config.drawing, **{part: 2})))
        assert np.abs(mgd.sample(condition, mask, 0) - plain).max() > 1e-4


def test_random_start_depends_on_the_seed(mgd: MGD, person: tuple[np.ndarray, ...]):
    _, condition, mask = person
    one, again, two = (mgd.sample(condition, mask, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - two).max() > 0


def test_save_and_load(mgd: MGD, person: tuple[np.ndarray, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(weights, "PART_BYTES", 20_000)
    paths = mgd.save(tmp_path)
    assert len(paths) > 4
    assert {path.suffix for path in tmp_path.iterdir()} == {".safetensors"}
    loaded = MGD.load(tmp_path, mgd.config)
    for name, network in mgd.networks.items():
        for key, value in network.state_dict().items():
            torch.testing.assert_close(loaded.networks[name].state_dict()[key], value, rtol=1e-3, atol=1e-6)


def test_foreign_and_damaged_weights_are_refused(mgd: MGD, tmp_path: Path):
    with pytest.raises(UserError, match="no weights of the encoder"):
        MGD.load(tmp_path, mgd.config)
    paths = mgd.save(tmp_path)
    with pytest.raises(UserError, match="fit again"):
        MGD.load(tmp_path, replace(mgd.config, image_range=1.0))
    paths[0].write_bytes(b"nothing")
    with pytest.raises(UserError, match="not a readable safetensors"):
        MGD.load(tmp_path, mgd.config)


def train_all(folder: Path, steps: int) -> None:
    """All four networks, in the order in which they build on each other."""
    job, settings = Job(tiny_data(), TINY, folder), replace(SETTINGS, steps=steps)
    encoder = train_encoder(job, settings)
    unet = train_unet(job, encoder, settings)
    train_controlnet(job, encoder, unet, settings)
    train_decoder(job, encoder, settings)


def test_training_writes_everything_and_ends_in_a_model(tmp_path: Path, person: tuple[np.ndarray, ...]):
    train_all(tmp_path, 2)
    for name in ("encoder", "unet", "controlnet", "decoder"):
        rows = (tmp_path / f"{name}_loss.tsv").read_text().splitlines()
        assert rows[0].split("\t")[:4] == ["step", "seconds", "lr", "loss"]
        assert [row.split("\t")[0] for row in rows[1:]] == ["1", "2"]
    image, condition, mask = person
    result = MGD.load(tmp_path, TINY).counterfactual(image, condition, mask, condition, mask, 0)
    assert np.isfinite(result).all()


@pytest.mark.parametrize("name", ["encoder", "unet"])
def test_an_interrupted_training_equals_an_uninterrupted_one(tmp_path: Path, name: str):
    """Both runs are stopped at step 2 by an exception, one goes on in the same process, the other from disk."""
    data, whole, parted = tiny_data(), tmp_path / "whole", tmp_path / "parted"
    encoder = None
    for folder in (whole, parted):
        folder.mkdir()

    def run(folder: Path, report=silent) -> None:
        nonlocal encoder
        job = Job(data, TINY, folder, report)
        if name == "encoder":
            train_encoder(job, SETTINGS)
        else:
            encoder = encoder or train_encoder(Job(data, TINY, tmp_path), replace(SETTINGS, steps=1))
            train_unet(job, encoder, SETTINGS)

    def stop(line: str) -> None:
        if "step 3/" in line:
            raise KeyboardInterrupt

    run(whole)
    with pytest.raises(KeyboardInterrupt):
        run(parted, stop)
    assert not list(parted.glob(f"{name}-*.safetensors"))
    run(parted)
    one, two = (load_file(folder / f"{name}-1of1.safetensors") for folder in (whole, parted))
    assert all(torch.equal(one[key], two[key]) for key in one)
    log_one, log_two = (
        [row.split("\t")[::3] for row in (folder / f"{name}_loss.tsv").read_text().splitlines()]
        for folder in (whole, parted)
    )
    assert log_one == log_two


def test_a_checkpoint_of_other_data_is_refused(tmp_path: Path):
    settings = replace(SETTINGS, steps=1)
    train_encoder(Job(tiny_data(), TINY, tmp_path), settings)
    with pytest.raises(UserError, match="another configuration, seed or data"):
        train_encoder(Job(tiny_data(4), TINY, tmp_path), settings)


def test_time_budget_ends_training(tmp_path: Path):
    settings = replace(SETTINGS, steps=10**6, minutes=1e-9)
    train_encoder(Job(tiny_data(), TINY, tmp_path), settings)
    assert not (tmp_path / "encoder_loss.tsv").read_text() or (tmp_path / "encoder_loss.tsv").stat().st_size < 200


def test_learning_rate():
    settings = Settings(steps=100, warmup=10, lr=1.0, minutes=1.0)
    assert learning_rate(1.0, settings, 0, 0.0) == pytest.approx(0.1)
    assert learning_rate(1.0, settings, 50, 0.0) == pytest.approx(1.0)
    assert learning_rate(1.0, settings, 100, 0.0) == pytest.approx(0.02)
    assert learning_rate(1.0, settings, 50, 60.0) == pytest.approx(0.02)


def test_the_encoder_trains_with_a_discriminator(tmp_path: Path):
    encoder = replace(TINY.encoder, adversarial_weight=0.5, adversarial_start=1, discriminator_width=4)
    config = replace(TINY, encoder=encoder, shape=(32, 32, 32))
    rng = np.random.default_rng(0)
    data = ScanBank(rng.random((2, 1, 32, 32, 32)).astype(np.float32), rng.normal(size=(2, 4)))
    train_encoder(Job(data, config, tmp_path), replace(SETTINGS, steps=1, batch=1, crop=None))
    header, row = (line.split("\t") for line in (tmp_path / "encoder_loss.tsv").read_text().splitlines())
    assert {"generator", "discriminator"} <= set(header)
    assert np.isfinite([float(value) for value in row]).all()


def test_latents_are_cached_and_mirrored(tmp_path: Path):
    data = tiny_data()
    encoder, job = MGD.build(TINY).encoder, Job(data, TINY, tmp_path)
    plain = job.latents(encoder, SETTINGS)
    assert plain.shape == (3, 4, *TINY.latent_shape)
    both = job.latents(encoder, replace(SETTINGS, flip=True))
    assert both.shape[0] == 6
    torch.testing.assert_close(both[:3], plain)
    mirrored = encoder.encode(data.image(0, TINY.image_range).flip(1)[None]).half()[0]
    torch.testing.assert_close(both[3], mirrored, rtol=1e-2, atol=1e-2)
    assert torch.equal(job.latents(encoder, SETTINGS), plain)


def test_bad_training_data_is_refused(tmp_path: Path):
    data = tiny_data()
    with pytest.raises(UserError, match="do not fit"):
        train_encoder(Job(replace(data, images=data.images[..., :4]), TINY, tmp_path), SETTINGS)
    with pytest.raises(UserError, match="set crop"):
        train_encoder(Job(data, TINY, tmp_path), replace(SETTINGS, crop=None))
    mgd = MGD.build(TINY)
    with pytest.raises(UserError, match="needs masks"):
        train_controlnet(Job(replace(data, masks=None), TINY, tmp_path), mgd.encoder, mgd.unet, SETTINGS)
