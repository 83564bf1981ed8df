"""What a key cannot know: the libraries and the processor that numbers were made with.

The same code on another instruction set gives images that differ by about 1e-6, and volumes that differ in the eighth
digit. Such results can be compared, but are never mixed within one run.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version

from pydantic import BaseModel
from pydantic import ConfigDict

from pcgm_bench.contracts.errors import UserError

PACKAGES = (
    "torch", "monai", "numpy", "scipy", "pandas", "einops", "zuko", "nilearn", "nibabel", "SimpleITK", "statsmodels",
    "pingouin", "uncnn",
)  # fmt: skip
"""Packages on whose version a number may depend."""


class Environment(BaseModel):
    """Where something was computed.

    Attributes:
        python: ``3.12``; a patch release does not count.
        packages: name -> version, of those of `PACKAGES` that are installed, and of what a plugin imports besides.
        instructions: of the processor, as PyTorch uses them: ``AVX512``, ``AVX2``.
        device: kind of device: ``cpu``, ``cuda``.
        gpu: name of the graphics card; empty on a CPU.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    python: str
    packages: dict[str, str]
    instructions: str
    device: str = "cpu"
    gpu: str = ""

    @classmethod
    def current(cls, device: str = "cpu", dependencies: Mapping[str, str] | None = None) -> Environment:
        """This process. Imports PyTorch.

        Args:
            device: ``cpu``, ``cuda`` or ``cuda:1``.
            dependencies: distribution -> version, of what a plugin imports (`pcgm_bench.store.closure.dependencies`).
        """
        import torch

        kind = torch.device(device).type
        return cls(
            python=".".join(platform.python_version_tuple()[:2]),
            packages={**dict(_versions()), **(dependencies or {})},
            instructions=torch.backends.cpu.get_cpu_capability(),
            device=kind,
            gpu=torch.cuda.get_device_name(device) if kind == "cuda" else "",
        )


def differences(stored: Environment, now: Environment) -> list[str]:
    """What differs, in words, each ``torch 2.12.0, here 2.13.0``; empty where a number must be the same."""
    pairs = [("Python", stored.python, now.python)]
    names = sorted({*stored.packages, *now.packages})
    pairs += [(name, stored.packages.get(name, ""), now.packages.get(name, "")) for name in names]
    pairs += [
        ("processor instructions", stored.instructions, now.instructions),
        ("device", stored.device, now.device),
        ("graphics card", stored.gpu, now.gpu),
    ]
    return [f"{what} {old or '(none)'}, here {new or '(none)'}" for what, old, new in pairs if old != new]


def must_match(stored: Environment, now: Environment, where: str) -> None:
    """Refuse to add to what was begun in another environment.

    Args:
        stored: of what is there.
        now: of this process.
        where: the folder, for the message.

    Raises:
        UserError: they differ; says in what, and what to do.
    """
    if different := differences(stored, now):
        msg = (
            f"{where}: begun with {'; '.join(different)}. Numbers of two environments are not mixed: continue where it "
            "was begun, or start anew with another --home, or remove that folder"
        )
        raise UserError(msg)


@cache
def _versions() -> tuple[tuple[str, str], ...]:
    versions = []
    for package in PACKAGES:
        try:
            versions.append((package, version(package)))
        except PackageNotFoundError:
            continue
    return tuple(versions)
