"""Scans and segmentations that read their voxels when first asked.

A method that fits on volumes and ages alone (a fold of a causal model, a thousand bootstrap replicates) then costs no
disk reads at all; one that looks at the image sees no difference.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from collections.abc import Mapping
from functools import partial
from typing import Any
from typing import Self

import numpy as np

from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import Segmentation

VOXELS = ("image", "affine")


class _Lazy:
    """Fields of a frozen dataclass, some of them given as functions that are called once, on first use."""

    @classmethod
    def of(cls, loaders: Mapping[str, Callable[[], Any]], **known: Any) -> Self:
        """An instance whose fields named in ``loaders`` are loaded on demand."""
        lazy = object.__new__(cls)
        for field in dataclasses.fields(cls):  # type: ignore[arg-type]
            if field.name in known:
                object.__setattr__(lazy, field.name, known[field.name])
        object.__setattr__(lazy, "_loaders", loaders)
        return lazy

    def __getattr__(self, name: str) -> Any:
        # Called only for what is not set; `dataclasses.replace` goes through here too and gets whole arrays.
        loaders = self.__dict__.get("_loaders", {})
        if name not in loaders:
            raise AttributeError(f"{type(self).__name__} has no {name}")
        value = loaders[name]()
        object.__setattr__(self, name, value)
        return value


class LazySegmentation(_Lazy, Segmentation):
    """A stored segmentation; ``fractions`` and ``labels`` are read on first use."""


class LazyScan(_Lazy, Scan):
    """A cohort's scan with its reading; ``image`` and ``affine`` are read on first use."""

    def with_values(self, **changes: Any) -> LazyScan:
        """The same scan with other metadata, its voxels still on disk (`dataclasses.replace` would read them)."""
        known = {
            field.name: getattr(self, field.name) for field in dataclasses.fields(Scan) if field.name not in VOXELS
        }
        loaders = {name: partial(getattr, self, name) for name in (*VOXELS, "scale")}
        return LazyScan.of(loaders, **(known | changes))


def lazy_segmentation(
    fractions: Callable[[], np.ndarray], labels: Callable[[], np.ndarray], **known: Any
) -> LazySegmentation:
    """``volumes``, ``head_size`` and ``qc`` at once, the voxels on demand."""
    return LazySegmentation.of({"fractions": fractions, "labels": labels}, **known)


def lazy_scan(load: Callable[[], Scan], **known: Any) -> LazyScan:
    """Everything but the voxels at once; ``load`` (called once) brings image and affine."""
    cache: list[Scan] = []

    def loaded() -> Scan:
        if not cache:
            cache.append(load())
        return cache[0]

    loaders = {
        "image": lambda: loaded().image,
        "affine": lambda: loaded().affine,
        # A scan that was registered carries grid volume / native volume; see `pcgm_bench.cohort`.
        "scale": lambda: getattr(loaded(), "scale", 1.0),
    }
    return LazyScan.of(loaders, **known)
