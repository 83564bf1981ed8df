"""What goes wrong on purpose, and a log of who did what: both are told by environment variables."""

import os
from pathlib import Path


def fault() -> str:
    """The fault that a test wants; empty for none."""
    return os.environ.get("TOYBRAINS_FAULT", "")


def log(what: str) -> None:
    """One line with this process's number."""
    if path := os.environ.get("TOYBRAINS_LOG"):
        with Path(path).open("a") as file:
            file.write(f"{os.getpid()} {what}\n")
