"""PCGM as a plugin: trains, resumes, saves and loads, and answers with images and volumes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from mgd_tiny import TINY

from pcgm_bench.anatomy import CHANNELS
from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import Segmentation
from pcgm_bench.contracts import UserError
from pcgm_bench.methods.pcgm.generator import PCGM
from pcgm_bench.methods.pcgm.mgd.config import DecoderSamplerConfig
from pcgm_bench.methods.pcgm.mgd.config import MGDConfig
from pcgm_bench.methods.pcgm.mgd.config import SamplerConfig
from pcgm_bench.methods.pcgm.mgd.fit import train
from pcgm_bench.training.settings import Settings

QUICK = Settings(steps=2, batch=1, save_every=1)
SCHEDULE = dict.fromkeys(("encoder", "decoder", "unet", "controlnet"), QUICK)


class TinyPCGM(PCGM):
    """PCGM on an 8 x 16 x 8 grid with two steps of everything."""

    config: ClassVar[MGDConfig] = replace(
        TINY,
        sampler=SamplerConfig(steps=2, strength=1.0, n_fixed_point=1),
        decoder_sampler=DecoderSamplerConfig(steps=2, n_fixed_point=1),
    )


class People:
    """A dozen scans of random tissue; controls have more cortex."""

    name = "people"
    is_phantom = True

    def __init__(self, count: int = 12) -> None:
        self.scans = [self._scan(k) for k in range(count)]

    def _scan(self, k: int) -> Scan:
        rng = np.random.default_rng(k)
        fractions = rng.random((len(CHANNELS), *TINY.shape)).astype(np.float32)
        fractions /= fractions.sum(0)
        sick = k % 2
        volumes = {lobe: 50.0 + 5 * j - 2 * sick + rng.normal() for j, lobe in enumerate(LOBE_NAMES)}
        segmentation = Segmentation(fractions, np.zeros(TINY.shape, np.int16), volumes, 1400.0 + k, 1.0)
        return Scan(f"{k:02d}", "", rng.random(TINY.shape).astype(np.float32), np.eye(4), 30.0 + k, "FM"[k // 2 % 2],
                    "AUD" if sick else "control", 1400.0 + k, segmentation)  # fmt: skip

    def __len__(self) -> int:
        return len(self.scans)

    def __getitem__(self, index: int) -> Scan:
        return self.scans[index]


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[TinyPCGM, People, Path]:
    """A tiny PCGM after two steps, its people, and its work folder."""

    monkeypatch.setattr(train, "SCHEDULE", SCHEDULE)
    work = tmp_path / "work"
    work.mkdir()
    people, pcgm = People(), TinyPCGM()
    pcgm.fit(people, Context(work=work))  # type: ignore[arg-type]
    return pcgm, people, work


def test_what_is_saved_answers_alike(trained: tuple[TinyPCGM, People, Path], tmp_path: Path) -> None:
    pcgm, people, _ = trained
    folder = tmp_path / "weights"
    folder.mkdir()
    pcgm.save(folder)
    again = TinyPCGM()
    again.load(folder)
    answers = []
    for one in (pcgm, again):
        one.adapt(people, Context(seed=3))  # type: ignore[arg-type]
        answers.append(one.counterfactual(people[0], {"diagnosis": "AUD"}, 5))
    assert answers[0].shape == TINY.shape
    assert (answers[0] >= 0).all()
    np.testing.assert_array_equal(*answers)
    np.testing.assert_array_equal(next(iter(pcgm.sample(1, 4))), next(iter(again.sample(1, 4))))


def test_a_sample_depends_on_its_number_alone(trained: tuple[TinyPCGM, People, Path]) -> None:
    pcgm = trained[0]
    three = list(pcgm.sample(3, 1))
    np.testing.assert_array_equal(three[0], next(iter(pcgm.sample(1, 1))))
    assert not np.array_equal(three[0], three[1])


def test_training_again_finds_everything_done(trained: tuple[TinyPCGM, People, Path]) -> None:
    _, people, work = trained
    before = {path.name: path.read_bytes() for path in work.glob("*_state.pt")}
    TinyPCGM().fit(people, Context(work=work))  # type: ignore[arg-type]
    assert len(before) == 4
    assert {path.name: path.read_bytes() for path in work.glob("*_state.pt")} == before


def test_the_mask_has_the_volumes_that_the_pgm_asks_for(trained: tuple[TinyPCGM, People, Path]) -> None:
    pcgm, people, _ = trained
    pcgm.adapt(people, Context())  # type: ignore[arg-type]
    scan = people[0]
    assert scan.segmentation is not None
    wanted = pcgm.counterfactual_volumes(scan, {"diagnosis": "AUD"}, 0)
    changes = pcgm.counterfactual_mask(scan, {"diagnosis": "AUD"}, 0).changes
    for lobe, change in changes.items():
        assert change.ratio == pytest.approx(wanted[lobe] / scan.segmentation.volumes[lobe])
    assert any(change.asked < 0 for change in changes.values())


def test_what_is_missing_is_said(trained: tuple[TinyPCGM, People, Path]) -> None:
    pcgm, people, _ = trained
    with pytest.raises(UserError, match="no PGM yet"):
        pcgm.counterfactual(people[0], {}, 0)
    pcgm.adapt(people, Context())  # type: ignore[arg-type]
    with pytest.raises(UserError, match="sub-00: pcgm's weights are for"):
        pcgm.counterfactual(replace(people[0], image=np.zeros((4, 4, 4), np.float32)), {}, 0)
    with pytest.raises(UserError, match="segment it first"):
        pcgm.counterfactual(replace(people[0], segmentation=None), {}, 0)
    with pytest.raises(UserError, match="no weights"):
        next(iter(TinyPCGM().sample(1, 0)))
    with pytest.raises(UserError, match="work folder"):
        TinyPCGM().fit(people, Context())  # type: ignore[arg-type]
