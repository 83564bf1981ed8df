"""How this process gets its memory: large blocks are kept and used again."""

from __future__ import annotations

import ctypes
import platform

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX, _ARENA_MAX = -1, -2, -4, -8
"""Parameters of glibc's ``mallopt`` (malloc.h)."""
_AT_ONCE = 256 * 2**20
"""Bytes asked of the kernel at a time."""


def keep_freed_memory() -> None:
    """Let glibc keep what is freed, instead of handing every large tensor back to the kernel and asking for it anew.

    The kernel clears each page that it hands out: a quarter of the time of an un-CNN's features. It costs some 300 MiB
    of memory and changes no number. For a program's own start, not for a library: the allocator is the process's.
    Other platforms are left alone.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(_MMAP_MAX, 0)
    libc.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
    libc.mallopt(_TOP_PAD, _AT_ONCE)
    libc.mallopt(_ARENA_MAX, 1)
