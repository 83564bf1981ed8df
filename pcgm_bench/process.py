"""Processes that must not outlive the one that started them."""

from __future__ import annotations

import os
import threading
import time

LOOK_SECONDS = 1.0


def exit_with_parent() -> None:
    """End this process soon after its parent is gone, however that was killed; call it once, in the child.

    Workers of a pool wait for work for ever when their pool is killed with ``kill -9``.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="exit-with-parent", daemon=True).start()
