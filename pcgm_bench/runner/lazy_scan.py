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
from pcgm_bench.store import StoredVolumes

VOXELS = ("image", "affine", "scale")
"""Fields of a scan that come from its file."""


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
    """A cohort's scan with its segmentation; image, affine and scale are read on first use."""

    def with_values(self, **changes: Any) -> LazyScan:
        """The same scan with other metadata, its voxels still on disk (`dataclasses.replace` would read them)."""
        # Python itself is asked: the names are the dataclass's own fields.
        known = {
            field.name: getattr(self, field.name) for field in dataclasses.fields(Scan) if field.name not in VOXELS
        }
        loaders = {name: partial(getattr, self, name) for name in VOXELS}
        return LazyScan.of(loaders, **(known | changes))


def lazy_segmentation(
    fractions: Callable[[], np.ndarray],
    labels: Callable[[], np.ndarray],
    stored: StoredVolumes,
    volumes: Mapping[str, float] | None = None,
    head_size: float | None = None,
) -> LazySegmentation:
    """The numbers at once, the voxels on demand.

    Args:
        fractions: reads the tissue fractions.
        labels: reads the label map.
        stored: the numbers.
        volumes: in place of the stored ones.
        head_size: likewise.
    """
    return LazySegmentation.of(
        {"fractions": fractions, "labels": labels},
        volumes=dict(stored.volumes if volumes is None else volumes),
        head_size=stored.head_size if head_size is None else head_size,
        qc=stored.qc,
        qc_parts=stored.qc_parts,
        sd_percent=stored.sd_percent,
    )


def lazy_scan(load: Callable[[], Scan], **known: Any) -> LazyScan:
    """Everything but the voxels at once; ``load`` (called once) brings image, affine and scale."""
    cache: list[Scan] = []

    def loaded() -> Scan:
        if not cache:
            cache.append(load())
        return cache[0]

    # Copies: a cohort may keep its arrays, and a plugin may write into what it is given.
    loaders = {
        "image": lambda: np.array(loaded().image),
        "affine": lambda: np.array(loaded().affine),
        "scale": lambda: loaded().scale,
    }
    return LazyScan.of(loaders, **known)
