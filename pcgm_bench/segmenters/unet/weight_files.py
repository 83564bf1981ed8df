"""Where the shipped segmenter's weights lie."""

from __future__ import annotations

from pathlib import Path

WEIGHTS = Path(__file__).parent / "weights"
"""``segmenter.safetensors``, ``atlas.safetensors``, ``calibration.json`` and ``errors.json``."""
NETWORK = "segmenter.safetensors"
