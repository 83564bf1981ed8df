"""Where mixed precision pays."""

from __future__ import annotations


def bf16_pays(device: str) -> bool:
    """Whether training in bf16 is quicker than in fp32: on a GPU, and on a CPU with AVX-512.

    Below AVX-512 oneDNN has only its reference convolution for bf16, a hundred times slower than fp32.
    """
    import torch

    return not device.startswith("cpu") or torch.backends.cpu.get_cpu_capability() == "AVX512"
