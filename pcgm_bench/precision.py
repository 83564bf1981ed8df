"""How tensor operations are carried out: where mixed precision pays, and how many threads they take."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


def bf16_pays(device: str) -> bool:
    """Whether training in bf16 is quicker than in fp32: on a GPU, and on a CPU with AVX-512.

    Below AVX-512 oneDNN has only its reference convolution for bf16, a hundred times slower than fp32.
    """
    import torch

    return not device.startswith("cpu") or torch.backends.cpu.get_cpu_capability() == "AVX512"


@contextlib.contextmanager
def tensor_threads(threads: int | None) -> Iterator[None]:
    """Give tensor operations this many threads while inside; None leaves the number as it is.

    Bits depend on this number: PyTorch takes another convolution with one thread than with two, and another order of
    sums.
    """
    if threads is None:
        yield
        return
    import torch

    before = torch.get_num_threads()
    # Not set again where it is so already: threads that work side by side would undo each other's setting.
    if before == threads:
        yield
        return
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
