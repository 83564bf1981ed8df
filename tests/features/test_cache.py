"""The store of features: what is computed once, what again, and what is refused."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pcgm_bench.contracts import FeatureExtractor
from pcgm_bench.contracts import UserError
from pcgm_bench.features.cache import features_of
from pcgm_bench.plugin_guard import WrongReturn


class Counter(FeatureExtractor):
    """Mean and maximum; counts calls and can fail at one."""

    name = "counter"
    title = "mean and maximum"
    identity = "counter-1"

    def __init__(self, fails_at: int = -1) -> None:
        self.calls = 0
        self.fails_at = fails_at

    def extract(self, image: np.ndarray) -> np.ndarray:
        if self.calls == self.fails_at:
            raise UserError("it is empty")
        self.calls += 1
        return np.array([image.mean(), image.max()], np.float32)


def images(n: int, seed: int = 0) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).random((n, 4, 4, 4)).astype(np.float32))


def test_features_are_computed_once(tmp_path: Path) -> None:
    extractor = Counter()
    told: list[tuple[str, int, int]] = []
    first = features_of(images(5), extractor, tmp_path, progress=lambda *what: told.append(what))
    again = features_of(images(5), extractor, tmp_path)
    assert first.shape == (5, 2)
    assert first.dtype == np.float32
    assert np.array_equal(first, again)
    assert extractor.calls == 5
    assert told[-1] == ("counter features", 5, 5)
    assert [done for _what, done, _total in told] == [1, 2, 3, 4, 5]
    assert [path.suffix for path in tmp_path.rglob("*.*")] == 5 * [".npy"], "half-made files were left"


def test_a_row_is_the_extractors(tmp_path: Path) -> None:
    found = features_of(images(3), Counter(), tmp_path)
    assert np.array_equal(found, [[image.mean(), image.max()] for image in images(3)])


def test_an_image_is_computed_once_wherever_it_is(tmp_path: Path) -> None:
    extractor = Counter()
    features_of(images(4), extractor, tmp_path)
    backwards = features_of(images(4)[::-1], extractor, tmp_path)
    assert np.array_equal(backwards, [[image.mean(), image.max()] for image in images(4)[::-1]])
    features_of(images(3), extractor, tmp_path)
    assert extractor.calls == 4
    features_of(2 * images(2, seed=1), extractor, tmp_path)
    assert extractor.calls == 4 + 2


def test_other_images_are_other_features(tmp_path: Path) -> None:
    extractor = Counter()
    features_of(images(4), extractor, tmp_path)
    changed = images(4)
    changed[2][0, 0, 0] += 1e-6
    features_of(changed, extractor, tmp_path)
    features_of([changed[1].reshape(2, 8, 4)], extractor, tmp_path)
    assert extractor.calls == 4 + 1 + 1
    other = Counter()
    other.identity = "counter-2"
    features_of(images(4), other, tmp_path)
    assert other.calls == 4


def test_what_was_interrupted_goes_on(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="image 7 of 9: it is empty"):
        features_of(images(9), Counter(fails_at=6), tmp_path / "a")
    resumed = Counter()
    features_of(images(9), resumed, tmp_path / "a")
    assert resumed.calls == 3
    features_of(images(9), Counter(), tmp_path / "b")
    a, b = ({path.name: path.read_bytes() for path in (tmp_path / folder).rglob("*.npy")} for folder in "ab")
    assert len(a) == 9
    assert a == b


def test_one_image_is_in_memory_at_a_time(tmp_path: Path) -> None:
    alive: list[weakref.ref[np.ndarray]] = []
    most = 0

    class Disk:
        def __len__(self) -> int:
            return 12

        def __getitem__(self, index: int) -> np.ndarray:
            nonlocal most
            most = max(most, sum(one() is not None for one in alive))
            image = np.full((4, 4, 4), index + 1, np.float32)
            alive.append(weakref.ref(image))
            return image

    features_of(Disk(), Counter(), tmp_path)  # type: ignore[arg-type]
    assert len(alive) == 24
    assert most <= 1


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-3], lambda data: b"", lambda data: data[:140] + b"x" + data[141:]]
)
def test_damaged_features_are_computed_again(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    first = features_of(images(4), Counter(), tmp_path)
    path = next(tmp_path.rglob("*.npy"))
    whole = path.read_bytes()
    assert np.load(path).shape == (2,), "the checksum is in NumPy's way"
    path.write_bytes(damage(whole))
    again = Counter()
    assert np.array_equal(features_of(images(4), again, tmp_path), first)
    assert again.calls == 1
    assert path.read_bytes() == whole
    with pytest.raises(ValueError, match="at least one image"):
        features_of([], Counter(), tmp_path)


def test_features_of_another_image_are_computed_again(tmp_path: Path) -> None:
    first = features_of(images(2), Counter(), tmp_path)
    one_path, other_path = tmp_path.rglob("*.npy")
    contents = one_path.read_bytes(), other_path.read_bytes()
    one_path.write_bytes(contents[1])
    other_path.write_bytes(contents[0])
    again = Counter()
    assert np.array_equal(features_of(images(2), again, tmp_path), first)
    assert again.calls == 2
    assert (one_path.read_bytes(), other_path.read_bytes()) == contents


def test_features_of_another_extractor_are_computed_again(tmp_path: Path) -> None:
    other = Counter()
    other.identity = "counter-2"
    features_of(images(1), other, tmp_path)
    (path,) = tmp_path.rglob("*.npy")
    first = features_of(images(1), Counter(), tmp_path)
    (own,) = set(tmp_path.rglob("*.npy")) - {path}
    own.write_bytes(path.read_bytes())
    again = Counter()
    assert np.array_equal(features_of(images(1), again, tmp_path), first)
    assert again.calls == 1


class Returning(Counter):
    """Returns what it is given, one for each call."""

    def __init__(self, *returned: Any) -> None:
        super().__init__()
        self.returned = returned

    def extract(self, image: np.ndarray) -> np.ndarray:
        self.calls += 1
        return self.returned[self.calls - 1]


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (np.zeros((1, 8), np.float32), r"image 1 of 1: extract returned shape \(1, 8\), not \(d,\)"),
        (np.float32(1), "extract returned float32, not a NumPy array"),
        (np.array(1.0), r"shape \(\), not"),
        (np.zeros(0), r"shape \(0,\), not"),
        (None, "extract returned NoneType"),
        ([1.0, 2.0], "extract returned list"),
        (torch.ones(2), "extract returned Tensor"),
        (np.ones(2, np.complex64), "type complex64, not of real numbers"),
        (np.array([1.0, None]), "type object"),
        (np.array([1.0, np.nan]), "NaN or infinite"),
        (np.array([1.0, 1e300]), "NaN or infinite"),
    ],
)
def test_what_is_no_vector_of_features_is_refused_and_not_kept(tmp_path: Path, returned: Any, message: str) -> None:
    with pytest.raises(WrongReturn, match=message):
        features_of(images(1), Returning(returned), tmp_path)
    assert not list(tmp_path.rglob("*.npy"))


def test_every_image_has_the_same_number_of_features(tmp_path: Path) -> None:
    two, three = np.ones(2, np.float32), np.ones(3, np.float32)
    with pytest.raises(WrongReturn, match="image 2 of 2: extract returned 3 features, and 2 for another image"):
        features_of(images(2), Returning(two, three), tmp_path)
    assert len(list(tmp_path.rglob("*.npy"))) == 1
    # Those that are kept count too, whichever call kept them.
    with pytest.raises(WrongReturn, match="image 2 of 2: extract returned 3 features"):
        features_of(images(2), Returning(three), tmp_path)
    features_of(images(2)[1:], Returning(three), tmp_path)
    with pytest.raises(WrongReturn, match="2 features for one image and 3 for another"):
        features_of(images(2), Returning(), tmp_path)


def test_an_extractor_may_use_its_array_again(tmp_path: Path) -> None:
    class Reusing(Counter):
        def __init__(self) -> None:
            super().__init__()
            self.row = np.empty(2, np.float32)

        def extract(self, image: np.ndarray) -> np.ndarray:
            self.row[:] = super().extract(image)
            return self.row

    assert np.array_equal(
        features_of(images(4), Reusing(), tmp_path / "a"), features_of(images(4), Counter(), tmp_path / "b")
    )


def test_an_edited_extractor_computes_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extractor = Counter()
    features_of(images(2), extractor, tmp_path)
    monkeypatch.setattr("pcgm_bench.features.cache.code_digest", lambda cls: {Counter: "edited"}[cls])
    features_of(images(2), extractor, tmp_path)
    assert extractor.calls == 4


def test_other_code_computes_anew(tmp_path: Path) -> None:
    extractor = Counter()
    for code in ("entry point", "entry point", "edited entry point"):
        features_of(images(2), extractor, tmp_path, code=code)
    assert extractor.calls == 4


@pytest.mark.parametrize("is_safe", [True, False])
def test_only_a_thread_safe_extractor_is_called_from_several_threads(tmp_path: Path, is_safe: bool) -> None:
    threads = set()
    together = threading.Barrier(2)

    class Watched(Counter):
        thread_safe = is_safe

        def extract(self, image: np.ndarray) -> np.ndarray:
            if threads and is_safe:
                together.wait(timeout=30)
            threads.add(threading.get_ident())
            return super().extract(image)

    features_of(images(5), Watched(), tmp_path, workers=2)
    assert len(threads - {threading.get_ident()}) == (2 if is_safe else 1)
