"""Features of a run: what they are kept by."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from pcgm_bench import registry
from pcgm_bench.contracts import FeatureExtractor
from pcgm_bench.contracts import silent
from pcgm_bench.runner.features import Features
from pcgm_bench.runner.metric_uses import Space
from pcgm_bench.store.environment import Environment
from tests.runner.toy_runs import request


class Mean(FeatureExtractor):
    name = "mean"
    title = "mean"
    identity = "mean-1"
    calls = 0

    def extract(self, image: np.ndarray) -> np.ndarray:
        self.calls += 1
        return np.array([image.mean()], np.float32)


def test_features_of_an_edited_entry_point_are_computed_anew(tmp_path: Path) -> None:
    """The class is the same where a factory makes it; the code of the whole plugin is not."""
    extractor = Mean()
    space = Space("mean", extractor, registry.find("features", "uncnn"), "code", {})
    features = Features(request(tmp_path), Environment.current("cpu"), 1, silent)
    image = np.ones((4, 4, 4), np.float32)
    for one in (space, space, dataclasses.replace(space, code="edited")):
        assert features.of([image], [one])["mean"] == 1  # type: ignore[arg-type]
    assert extractor.calls == 2
