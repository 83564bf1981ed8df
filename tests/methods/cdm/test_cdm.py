"""CDM: metadata alone move the image; a diagnosis needs fine-tuning on the fold, aging does not."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from mgd_tiny import TINY
from mgd_tiny import awaken
from mgd_tiny import tiny_people

from pcgm_bench.contracts import Context
from pcgm_bench.contracts import UserError
from pcgm_bench.methods.cdm import finetune
from pcgm_bench.methods.cdm.generator import CDM
from pcgm_bench.methods.cdm.generator import CONFIG
from pcgm_bench.methods.pcgm.mgd.config import MGDConfig
from pcgm_bench.methods.pcgm.mgd.model import MGD

torch.set_num_threads(1)

PARTS = {"shape": TINY.shape, "encoder": TINY.encoder, "unet": TINY.unet, "control": TINY.control}


class TinyCDM(CDM):
    """CDM on the tiny grid."""

    config: ClassVar[MGDConfig] = replace(CONFIG, decoder=TINY.decoder, **PARTS)


@pytest.fixture
def cdm(monkeypatch: pytest.MonkeyPatch) -> TinyCDM:
    """Random networks, and a short fine-tuning."""
    monkeypatch.setattr(finetune, "STEPS", 4)
    model = TinyCDM()
    networks = MGD.build(TinyCDM.config, seed=1)
    for network in networks.networks.values():
        awaken(network, size=0.3)
    model._networks = networks
    return model


def test_aging_moves_the_image_without_a_fold_and_nothing_else_does_not(cdm: TinyCDM) -> None:
    scan = tiny_people(1)[0]
    older = cdm.counterfactual(scan, {"age": 80.0}, 0)
    assert older.shape == TINY.shape
    assert np.abs(older - cdm.counterfactual(scan, {}, 0)).max() > 1e-4
    np.testing.assert_array_equal(older, cdm.counterfactual(scan, {"age": 80.0}, 0))


def test_a_diagnosis_needs_the_fold(cdm: TinyCDM) -> None:
    people = tiny_people()
    with pytest.raises(UserError, match="call adapt first"):
        cdm.counterfactual(people[0], {"diagnosis": "AUD"}, 0)
    cdm.adapt(people, Context())
    with pytest.raises(UserError, match="nobody in the training fold is 'HIV'"):
        cdm.counterfactual(people[0], {"diagnosis": "HIV"}, 0)


def test_fine_tuning_changes_the_unet_alone_and_follows_the_seed(cdm: TinyCDM) -> None:
    people, before = tiny_people(6), {k: v.clone() for k, v in cdm.networks.unet.state_dict().items()}
    tuned = [finetune.finetuned(cdm.networks, people, cdm.config, Context(seed=seed)) for seed in (0, 0, 1)]
    one, again, other = (mgd.unet.state_dict() for mgd in tuned)
    assert all(torch.equal(one[key], again[key]) for key in one)
    assert any(not torch.equal(one[key], other[key]) for key in one)
    assert any(not torch.equal(one[key], before[key]) for key in one)
    assert all(torch.equal(cdm.networks.unet.state_dict()[key], value) for key, value in before.items())
    assert tuned[0].decoder is cdm.networks.decoder


def test_another_fold_is_learnt_anew(cdm: TinyCDM) -> None:
    scan, images = tiny_people(1)[0], []
    for count in (6, 12):
        cdm.adapt(tiny_people(count), Context())
        images.append(cdm.counterfactual(scan, {"diagnosis": "AUD"}, 0))
    assert np.abs(images[0] - images[1]).max() > 0
