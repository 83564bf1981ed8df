"""Features of images in the run's spaces, kept under the home folder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pcgm_bench.contracts import PluginError
from pcgm_bench.contracts import Progress
from pcgm_bench.features.cache import features_of
from pcgm_bench.runner.calling import calling
from pcgm_bench.runner.lazy_images import Images
from pcgm_bench.runner.metric_uses import Space
from pcgm_bench.runner.request import RunRequest
from pcgm_bench.store import digest
from pcgm_bench.store.derivative_folder import DamagedFileError
from pcgm_bench.store.environment import Environment


@dataclass(frozen=True)
class Features:
    """Features of images, kept under the home folder.

    Attributes:
        request: says where, and the device.
        environment: libraries and processor: features of two environments are not mixed.
        workers: images at a time; no feature depends on it.
        progress: told (what, done, total).
    """

    request: RunRequest
    environment: Environment
    workers: int
    progress: Progress

    def of(self, images: Images, spaces: Iterable[Space]) -> dict[str, np.ndarray | PluginError]:
        """Space -> ``(n, d)``, from the store if they are there; or what is wrong with the extractor."""
        features: dict[str, np.ndarray | PluginError] = {}
        folder = self.request.home / "features" / digest(self.environment.model_dump(mode="json"))[:8]
        for space in spaces:
            try:
                with calling(space.plugin, "extracting features", DamagedFileError):
                    features[space.name] = features_of(
                        images,
                        space.extractor,
                        folder,
                        code=space.code,
                        workers=self.workers,
                        progress=self.progress,
                    )
            except PluginError as error:
                features[space.name] = error
        return features
