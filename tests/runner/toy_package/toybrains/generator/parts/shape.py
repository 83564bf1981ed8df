"""Deep in the package."""

import numpy as np

FACTOR = 1


def flattened(image: np.ndarray) -> int:
    """How many voxels."""
    return image.size * FACTOR
