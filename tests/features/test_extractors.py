"""Feature spaces: what the extractors that ship compute, and what they refuse."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import uncnn
from medmetric.models.resnet import medicalnet_resnet
from safetensors.torch import load_file
from safetensors.torch import save_file
from scipy.ndimage import gaussian_filter

from pcgm_bench.contracts import FeatureExtractor
from pcgm_bench.contracts import UserError
from pcgm_bench.features.cache import features_of
from pcgm_bench.features.medicalnet import PREFIX
from pcgm_bench.features.medicalnet import MedicalNet50
from pcgm_bench.features.medicalnet import MedicalNet101
from pcgm_bench.features.medicalnet import network
from pcgm_bench.features.segmenter import SegmenterEncoder
from pcgm_bench.features.uncnn import HAZE
from pcgm_bench.features.uncnn import UncnnExtractor
from pcgm_bench.segmenters.unet.atlas import ATLAS
from pcgm_bench.segmenters.unet.atlas import load_atlas
from pcgm_bench.segmenters.unet.network import build
from pcgm_bench.segmenters.unet.weight_files import WEIGHTS

LAYERS = {50: [3, 4, 6, 3], 101: [3, 4, 23, 3]}


def head(seed: int = 0, shape: tuple[int, int, int] = (24, 32, 24)) -> np.ndarray:
    """A smooth ball of 0.2 to 1.2 on background 0."""
    rng = np.random.default_rng(seed)
    texture = gaussian_filter(rng.standard_normal(shape), 1.5)
    texture = (texture - texture.min()) / np.ptp(texture) + 0.2
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, side) for side in shape), indexing="ij"))
    return np.where((grid**2).sum(0) < 0.8, texture, 0).astype(np.float32)


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file such as MedicalNet publishes, with random weights."""
    generator = torch.Generator().manual_seed(0)
    with torch.device("meta"):
        shapes = network(50).state_dict()
    state = {}
    for key, value in shapes.items():
        drawn = torch.rand(value.shape, generator=generator)
        if value.ndim == 5:
            drawn = (drawn - 0.5) * (24 / value[0].numel()) ** 0.5
        state[PREFIX + key] = drawn.to(value.dtype)
    path = tmp_path_factory.mktemp("medicalnet") / "resnet_50.pth"
    torch.save({"state_dict": state}, path)
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# uncnn


def test_uncnn_is_the_package_on_its_own_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    image = head()
    monkeypatch.setattr(uncnn, "load_and_resize", lambda path: image)
    theirs = uncnn.extract_features("any", batch_size=1, device="cpu")[0]
    ours = UncnnExtractor().extract(image)
    assert ours.shape == (9664,)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("extractor", [UncnnExtractor(), SegmenterEncoder()])
@pytest.mark.usefixtures("two_threads")
def test_the_bits_depend_on_nothing_but_the_image(extractor: FeatureExtractor) -> None:
    image = head()
    torch.manual_seed(7)
    first = extractor.extract(image)
    extractor.extract(head(1))
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)
    assert np.array_equal(first, type(extractor)().extract(np.asfortranarray(image)))
    following = torch.rand(1)
    torch.manual_seed(7)
    assert torch.equal(following, torch.rand(1)), "the caller's random numbers were touched"


def test_uncnn_ignores_a_haze_around_the_head() -> None:
    image = head()
    hazy = np.where(image == 0, HAZE / 2 * np.random.default_rng(0).standard_normal(image.shape), image)
    hazy = np.minimum(hazy, np.where(image == 0, HAZE, np.inf)).astype(np.float32)
    assert np.array_equal(UncnnExtractor().extract(image), UncnnExtractor().extract(hazy))


def test_uncnn_sees_sharpness_and_its_identity_its_seed() -> None:
    one, other = UncnnExtractor(), UncnnExtractor(seed=1)
    assert one.identity != other.identity
    distance = np.linalg.norm(one.extract(head()) - one.extract(gaussian_filter(head(), 1)))
    assert distance > 0.1 * np.linalg.norm(one.extract(head()))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((24, 24, 24), np.float32), "something in it"),
        (np.full((24, 24, 24), np.nan, np.float32), "image of numbers"),
        (np.ones((24, 24), np.float32), "a volume"),
        (np.ones((24, 24, 12), np.float32), "at least 16 voxels"),
    ],
)
def test_what_is_no_image_is_refused(image: np.ndarray, message: str) -> None:
    with pytest.raises(UserError, match=message):
        UncnnExtractor().extract(image)


# segmenter


def test_the_segmenters_features_are_what_its_deepest_block_says() -> None:
    net = build(load_atlas(WEIGHTS / ATLAS)).eval()
    net.load_state_dict({key: value.float() for key, value in load_file(WEIGHTS / "segmenter.safetensors").items()})
    seen: list[torch.Tensor] = []
    net.encoder.down[-1].register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    from pcgm_bench.segmenters.unet.normalisation import normalise

    with torch.inference_mode():
        net(normalise(torch.from_numpy(head()))[None, None])
    ours = SegmenterEncoder().extract(head())
    assert ours.shape == (96,)
    np.testing.assert_allclose(ours, seen[0][0].mean((1, 2, 3)).numpy(), rtol=1e-3, atol=1e-4)


def test_the_segmenters_mistakes_are_the_users(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="dividing by 8"):
        SegmenterEncoder().extract(head(shape=(20, 32, 24)))
    with pytest.raises(UserError, match="no weights"):
        _ = SegmenterEncoder(weights=tmp_path).identity
    save_file({"other": torch.ones(1)}, tmp_path / "segmenter.safetensors")
    assert SegmenterEncoder(weights=tmp_path).identity != SegmenterEncoder().identity
    with pytest.raises(UserError, match="another network"):
        SegmenterEncoder(weights=tmp_path).extract(head())


# MedicalNet


def test_medicalnet_is_the_published_network(published: Path) -> None:
    with torch.device("meta"):
        theirs = medicalnet_resnet("Bottleneck", LAYERS[50]).eval()
    state = torch.load(published, weights_only=True)["state_dict"]
    theirs.backbone.load_state_dict({key.removeprefix(PREFIX): value for key, value in state.items()}, assign=True)
    image = head()
    extractor = MedicalNet50(weights=published, sha256=sha256(published))
    with torch.inference_mode():
        expected = theirs(torch.from_numpy(np.clip(image, 0, 1) * 2 - 1)[None, None])[0].numpy()
    ours = extractor.extract(image)
    assert ours.shape == (2048,)
    np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
    assert extractor.identity == f"medicalnet-50-{sha256(published)[:12]}-1"


@pytest.mark.parametrize("depth", [50, 101])
def test_the_weights_fit_and_the_strides_are_the_published_ones(depth: int) -> None:
    with torch.device("meta"):
        ours, theirs = network(depth), medicalnet_resnet("Bottleneck", LAYERS[depth]).backbone
    assert {k: v.shape for k, v in ours.state_dict().items()} == {k: v.shape for k, v in theirs.state_dict().items()}

    def convolutions(net: torch.nn.Module) -> dict[str, Any]:
        found = {name: part for name, part in net.named_modules() if isinstance(part, torch.nn.Conv3d)}
        return {name: (part.stride, part.dilation, part.padding, part.bias) for name, part in found.items()}

    assert convolutions(ours) == convolutions(theirs)
    assert convolutions(ours)["layer4.0.conv2"] == ((1, 1, 1), (4, 4, 4), (4, 4, 4), None)


def test_medicalnets_weights_come_from_the_environment(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PCGM_BENCH_MEDICALNET_50", str(published))
    assert MedicalNet50(sha256=sha256(published)).identity.startswith("medicalnet-50-")
    with pytest.raises(UserError, match=r"resnet_50\.pth: SHA-256 is .* not 5b6189cafbee"):
        _ = MedicalNet50().identity
    monkeypatch.setenv("PCGM_BENCH_MEDICALNET_50", "/nowhere/weights.pth")
    with pytest.raises(UserError, match=r"/nowhere/weights\.pth: no such file; download resnet_50\.pth"):
        MedicalNet50().extract(head())


def test_without_a_network_medicalnet_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PCGM_BENCH_MEDICALNET_101", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(UserError, match=r"could not be downloaded; download resnet_101.*PCGM_BENCH_MEDICALNET_101"):
        _ = MedicalNet101().identity


@pytest.mark.parametrize("content", [{"state_dict": {"module.conv1.weight": torch.ones(1)}}, {}, [1], Path("x")])
def test_other_files_are_not_taken_for_medicalnets_weights(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "weights.pth"
    torch.save(content, path)
    with pytest.raises(UserError, match="not the weights of a MedicalNet ResNet-50"):
        MedicalNet50(weights=path, sha256=sha256(path)).extract(head())
    path.write_bytes(b"neither")
    with pytest.raises(UserError, match="not the weights of a MedicalNet ResNet-50"):
        MedicalNet50(weights=path, sha256=sha256(path)).extract(head())


# all of them


def test_workers_change_nothing(tmp_path: Path) -> None:
    heads = [head(seed) for seed in range(4)]
    alone = features_of(heads, UncnnExtractor(), tmp_path / "one")
    assert np.array_equal(alone, features_of(heads, UncnnExtractor(), tmp_path / "two", workers=2))


@pytest.mark.parametrize("kind", [UncnnExtractor, SegmenterEncoder, MedicalNet50])
def test_extractors_are_opened_on_the_runs_device(kind: type[FeatureExtractor]) -> None:
    extractor = kind.open(device="cuda:3", threads=2)
    assert isinstance(extractor, UncnnExtractor | SegmenterEncoder | MedicalNet50)
    assert (extractor.device, extractor.thread_safe) == ("cuda:3", True)
