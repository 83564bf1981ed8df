"""CDM as a generator: PCGM's encoder, denoising UNet and diffusion decoder, moved by metadata alone.

No PGM, no CMG, no ControlNet: nothing says how large a lobe should be. Age, sex and diagnosis are a global condition.
It is the paper's method for new brains and for ageing, and its ablation for alcohol use disorder.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from typing import ClassVar

import numpy as np
from safetensors.numpy import load_file
from safetensors.numpy import save_file

from pcgm_bench.contracts import Card
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Do
from pcgm_bench.contracts import Generator
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import UserError
from pcgm_bench.methods.cdm.finetune import finetuned
from pcgm_bench.methods.pcgm.config import PHANTOM
from pcgm_bench.methods.pcgm.config import MGDConfig
from pcgm_bench.methods.pcgm.config import SamplerConfig
from pcgm_bench.methods.pcgm.fitting import SCHEDULE
from pcgm_bench.methods.pcgm.fitting import condition_of
from pcgm_bench.methods.pcgm.fitting import train_mgd
from pcgm_bench.methods.pcgm.mgd import MGD
from pcgm_bench.methods.pcgm.mgd import comparable
from pcgm_bench.methods.pcgm.mgd import encode_condition

PEOPLE = "people.safetensors"
CONTROL = "control"

CONFIG = dataclasses.replace(
    PHANTOM, sampler=SamplerConfig(steps=20, strength=0.9, n_fixed_point=1, guidance=4.0, unconditional="old")
)
"""PCGM's networks. Without a mask the way back is longer: metadata act on the coarse anatomy, at high noise."""


class CDM(Generator):
    """Causal diffusion model without masks: the same weights as PCGM's, the UNet fine-tuned where diagnosis matters.

    `adapt` keeps the fold. The first intervention on a diagnosis fine-tunes the UNet on the fold's people (the weights
    were trained on controls and know no patient); ageing needs none, as in the paper.
    """

    card: ClassVar[Card] = Card(
        name="cdm",
        title="CDM",
        version="1",
        reference="Li et al. 2025, arXiv 2509.09054, sections 4.3 and 4.4",
        licence="Apache-2.0",
        jobs=frozenset({"sample", "counterfactual"}),
        trained_on="the 400 training controls of the phantom cohort; for diagnosis, the study's own folds",
    )
    config: ClassVar[MGDConfig] = CONFIG
    weights_of: ClassVar[str] = "pcgm"
    adapts_slowly: ClassVar[bool] = True

    def __init__(self) -> None:
        """A model that has seen nobody yet."""
        self._mgd: MGD | None = None
        self._tuned: MGD | None = None
        self._folder: Path | None = None
        self._people: np.ndarray | None = None
        self._fold: Cohort | None = None
        self._context = Context()

    def fit(self, cohort: Cohort, context: Context) -> None:
        """Train encoder, decoder and UNet on segmented scans; goes on from the checkpoints in ``context.work``.

        Raises:
            UserError: no work folder, or scans that do not fit the configuration.
        """
        if context.work is None:
            msg = "cdm: training keeps checkpoints: it needs a work folder"
            raise UserError(msg)
        schedule = {name: settings for name, settings in SCHEDULE.items() if name != "controlnet"}
        self._mgd = train_mgd(cohort, self.config, context.work, context.progress, schedule)
        self._people = np.stack([condition_of(cohort[index], self.config) for index in range(len(cohort))])

    def adapt(self, cohort: Cohort, context: Context) -> None:
        """Keep the fold; see the class."""
        self._fold, self._context, self._tuned = cohort, context, None

    def counterfactual(self, scan: Scan, do: Do, seed: int) -> np.ndarray:
        """The image under the new metadata: DDIM inversion under the old, regeneration under the new.

        Raises:
            UserError: no weights, another grid, or a diagnosis that the fold does not have.
        """
        if scan.image.shape != self.config.shape:
            msg = f"{scan.key}: cdm's weights are for {self.config.shape} voxels, not {scan.image.shape}: use 3mm"
            raise UserError(msg)
        mgd, config = self._networks(do)
        person: dict[str, Any] = {"age": scan.age, "sex": scan.sex, "diagnosis": scan.diagnosis} | dict(do)
        new = encode_condition(
            float(person["age"]), str(person["sex"]), str(person["diagnosis"]), scan.head_size, config
        )
        if "diagnosis" in do and np.isnan(new).any():
            msg = f"{scan.key}: nobody in the training fold is {do['diagnosis']!r}: cdm cannot have learnt it"
            raise UserError(msg)
        old, new = comparable(condition_of(scan, config), new)
        return np.maximum(mgd.counterfactual(scan.image, old, None, new, None, seed), 0)

    def sample(self, n: int, seed: int, first: int = 0) -> Iterator[np.ndarray]:
        """New brains of people like the training cohort's: metadata of a random one of them, anatomy from noise."""
        if self._people is None:
            msg = "cdm: these weights do not say whom they were trained on; train them anew"
            raise UserError(msg)
        yield from self.mgd.draw(self._people, n, seed, first)

    def _networks(self, do: Do) -> tuple[MGD, MGDConfig]:
        """Networks and configuration for an intervention: fine-tuned ones where a diagnosis is asked for."""
        if "diagnosis" not in do:
            return self.mgd, self.config
        if self._fold is None:
            msg = "cdm learns diagnoses from the training fold: call adapt first"
            raise UserError(msg)
        levels = sorted(set(self._fold.table["diagnosis"].astype(str)))
        scalars = tuple((level, -1.0 if level == CONTROL else 1.0) for level in levels)
        config = dataclasses.replace(self.config, diagnoses=scalars)
        if self._tuned is None:
            self._tuned = finetuned(self.mgd, self._fold, config, self._context)
        return self._tuned, config

    @property
    def mgd(self) -> MGD:
        """The networks, read from the weights when first needed.

        Raises:
            UserError: there are no weights.
        """
        if self._mgd is None:
            if self._folder is None:
                msg = "cdm has no weights: train them with `pcgm-bench fit --method pcgm`"
                raise UserError(msg)
            self._mgd = MGD.load(self._folder, self.config, self._context.device)
        return self._mgd

    def save(self, folder: Path) -> None:
        """Write the networks and whom they were trained on."""
        self.mgd.save(folder)
        if self._people is not None:
            save_file({"conditions": self._people.astype(np.float32)}, folder / PEOPLE)

    def load(self, folder: Path) -> None:
        """Read what `save` wrote; the networks themselves when they are first needed."""
        self._folder, self._mgd = folder, None
        if (folder / PEOPLE).exists():
            self._people = load_file(folder / PEOPLE)["conditions"]
