"""Generators."""

from toybrains.generator.copy import Copy
from toybrains.generator.scale import Scale

__all__ = ["Copy", "Scale"]
