"""Metadata as networks see them: four standardised numbers a person, NaN where unknown, and a token for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch import nn

from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import Scan

FIELDS: tuple[str, ...] = ("age", "sex", "diagnosis", "head_size")


@dataclass(frozen=True)
class MetadataScale:
    """How metadata become numbers.

    Attributes:
        age: mean and s.d. of age (years): what the network sees as 0 and 1.
        head_size: mean and s.d. of head size (mL).
        diagnoses: the diagnoses of the training set, each with its number. Any other is unknown (NaN): weights that
            were trained on controls have never seen a patient.
    """

    age: tuple[float, float]
    head_size: tuple[float, float]
    diagnoses: tuple[tuple[str, float], ...]


def encode_condition(age: float, sex: str, diagnosis: str, head_size: float, scale: MetadataScale) -> np.ndarray:
    """Metadata as the networks see them: ``(4,)`` float32 in the order of `FIELDS`; NaN (the learnt null) if unknown.

    Args:
        age: Years.
        sex: ``F`` (-1) or ``M`` (+1).
        diagnosis: One of ``scale.diagnoses``, else null.
        head_size: mL.
        scale: Of the configuration.
    """
    (age_mean, age_sd), (head_mean, head_sd) = scale.age, scale.head_size
    return np.array(
        [
            (age - age_mean) / age_sd,
            {"F": -1.0, "M": 1.0}.get(sex, np.nan),
            dict(scale.diagnoses).get(diagnosis, np.nan),
            (head_size - head_mean) / head_sd,
        ],
        np.float32,
    )


def condition_of(scan: Scan, scale: MetadataScale) -> np.ndarray:
    """Metadata of a scan as the networks see them, ``(4,)``."""
    return encode_condition(scan.age, scan.sex, scan.diagnosis, scan.head_size, scale)


def conditions_under(scan: Scan, do: Intervention, scale: MetadataScale) -> tuple[np.ndarray, np.ndarray]:
    """Metadata of a scan, and under ``do`` (age, sex and diagnosis of it), as the networks see them, ``(4,)`` each."""
    person: dict[str, Any] = {"age": scan.age, "sex": scan.sex, "diagnosis": scan.diagnosis} | dict(do)
    new = encode_condition(float(person["age"]), str(person["sex"]), str(person["diagnosis"]), scan.head_size, scale)
    return comparable(condition_of(scan, scale), new)


def comparable(old: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two conditions ``(4,)`` in which a field that one does not know is unknown (NaN) in both.

    Weights trained on controls know what a control is and not what a patient is. Moving from one to the null token is
    then no step towards a patient, but it is a step, and would show in the image.

    >>> comparable(np.array([0.5, np.nan]), np.array([0.7, 1.0]))
    (array([0.5, nan]), array([0.7, nan]))
    """
    unknown = np.isnan(old) | np.isnan(new)
    return np.where(unknown, np.nan, old), np.where(unknown, np.nan, new)


def draw_person(people: np.ndarray, seed: int, number: int) -> tuple[np.ndarray, int]:
    """Metadata of some training person for new brain ``number``, and a seed for its anatomy.

    Args:
        people: conditions of the training people ``(N, 4)``.
        seed: of the sample.
        number: of the brain in the sample; the answer depends on ``(seed, number)`` alone.
    """
    rng = np.random.default_rng([seed, number])
    condition = people[rng.integers(len(people))]
    return condition, int(rng.integers(2**31))


def random_drop(generator: torch.Generator, batch: int, drop_all: float, drop_field: float) -> Tensor:
    """Dropout for classifier-free guidance ``(batch, 4)``: True where a field is replaced by its null token.

    Args:
        generator: source of randomness.
        batch: items.
        drop_all: probability that all fields of an item are dropped together.
        drop_field: probability of every field by itself.
    """
    everything = torch.rand(batch, 1, generator=generator) < drop_all
    single = torch.rand(batch, len(FIELDS), generator=generator) < drop_field
    return everything | single


class MetadataTokens(nn.Module):
    """Scalars -> one token each, with a learnt null token per field.

    The released code repeats the bare scalars into 500 tokens; here each scalar has a small MLP.

    ``forward`` takes ``(B, fields)`` standardised scalars, NaN where unknown, and an optional boolean ``drop`` of the
    same shape; both give the field's null token. Returns ``(B, fields, dim)``.
    """

    def __init__(self, fields: int, dim: int) -> None:
        super().__init__()
        self.fields = fields
        self.mlps = nn.ModuleList(
            nn.Sequential(nn.Linear(1, dim), nn.SiLU(), nn.Linear(dim, dim)) for _ in range(fields)
        )
        self.name = nn.Parameter(torch.randn(fields, dim) * 0.1)
        self.null = nn.Parameter(torch.randn(fields, dim) * 0.1)

    def forward(self, condition: Tensor, drop: Tensor | None = None) -> Tensor:
        absent = condition.isnan() if drop is None else condition.isnan() | drop
        known = torch.nan_to_num(condition, nan=0.0)
        tokens = torch.stack([mlp(known[:, i : i + 1]) for i, mlp in enumerate(self.mlps)], dim=1)
        return torch.where(absent[..., None], self.null.to(tokens.dtype), tokens) + self.name.to(tokens.dtype)
