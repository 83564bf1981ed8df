"""Full precision and deterministic kernels on a GPU."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_GPU = threading.Lock()


@contextmanager
def exact_kernels(device: str) -> Iterator[None]:
    """On a GPU: full precision, deterministic kernels, and one image at a time, since these flags are global.

    Nothing changes on a CPU.
    """
    if device.startswith("cpu"):
        yield
        return
    import torch

    with _GPU, torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield
