"""Memory that is freed is used again."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

FAULTS = """
import sys
from resource import RUSAGE_SELF, getrusage
if sys.argv[1] == "keep":
    from pcgm_bench.allocator import keep_freed_memory
    keep_freed_memory()
import numpy as np
np.ones(2**23)
before = getrusage(RUSAGE_SELF).ru_minflt
for _ in range(5):
    np.ones(2**23)
print(getrusage(RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told")
def test_large_arrays_take_no_new_pages() -> None:
    found = {
        what: int(subprocess.run([sys.executable, "-c", FAULTS, what], capture_output=True, check=True).stdout)
        for what in ("keep", "give-back")
    }
    assert found["keep"] < found["give-back"] / 10
