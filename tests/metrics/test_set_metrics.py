"""Set metrics against other people's numbers, against hand-made sets, and against their own records."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats
from scipy.linalg import sqrtm
from sklearn.metrics.pairwise import polynomial_kernel
from sklearn.metrics.pairwise import rbf_kernel

from pcgm_bench.metrics.fid import FID
from pcgm_bench.metrics.kid import KID
from pcgm_bench.metrics.mmd import MMD
from pcgm_bench.metrics.mmd import SCALES
from pcgm_bench.metrics.mmd import ImageMMD
from pcgm_bench.metrics.ms_ssim import MOST
from pcgm_bench.metrics.ms_ssim import MSSSIM
from pcgm_bench.metrics.ms_ssim import ms_ssim
from pcgm_bench.metrics.ms_ssim import within
from pcgm_bench.metrics.paper_mmd import PaperImageMMD
from pcgm_bench.metrics.paper_mmd import PaperMMD
from pcgm_bench.metrics.paper_ms_ssim import PaperMSSSIM
from pcgm_bench.metrics.paper_ms_ssim import published
from pcgm_bench.metrics.prdc import Coverage
from pcgm_bench.metrics.prdc import Density
from pcgm_bench.metrics.prdc import Precision
from pcgm_bench.metrics.prdc import Recall
from pcgm_bench.statistics.distances import image_distances
from pcgm_bench.statistics.proportion import wilson
from pcgm_bench.statistics.resampling import half_interval

FEATURE_METRICS = (FID, KID, MMD, Precision, Recall, Density, Coverage)


def sets(seed: int = 0, n: int = 60, m: int = 50, d: int = 12, shift: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    scale = 1 / np.sqrt(np.arange(1, d + 1))
    return rng.normal(size=(n, d)) * scale, rng.normal(size=(m, d)) * scale * 0.9 + shift


def images(seed: int, n: int, side: int = 32, noise: float = 0.1) -> list[np.ndarray]:
    """A ball in a box with noise: something that structure can be seen in."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, side)] * 3, indexing="ij"))
    found = []
    for _ in range(n):
        radius = rng.uniform(0.5, 0.8)
        ball = ((grid**2).sum(axis=0) < radius**2) * 1.0
        found.append(np.clip(ball + rng.normal(0, noise, ball.shape), 0, 1.2).astype(np.float32))
    return found


def test_fid_is_the_textbook_formula() -> None:
    x, y = sets()
    a, b = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a + b - 2 * np.real(sqrtm(a @ b)))
    assert FID()(x, y).value == pytest.approx(expected, rel=1e-7)


def test_fid_is_medmetrics() -> None:
    pytest.importorskip("medmetric")
    import torch
    from medmetric.metrics import fid as theirs_fid

    x, y = sets()
    try:
        theirs = float(theirs_fid.FID()(torch.from_numpy(y), torch.from_numpy(x)))
    except TypeError as error:
        pytest.skip(f"MONAI's FID does not run with this SciPy: {error}")
    assert FID()(x, y).value == pytest.approx(theirs, rel=1e-6)


@pytest.mark.parametrize(("n", "d"), [(60, 8), (40, 100)], ids=["more images than dimensions", "fewer"])
def test_fid_is_torchmetrics(n: int, d: int) -> None:
    torch = pytest.importorskip("torch")
    theirs = pytest.importorskip("torchmetrics.image.fid").FrechetInceptionDistance
    x, y = sets(n=n, m=n + 7, d=d)
    # Any module may stand in for Inception: with the identity, arrays are their own features.
    identity = torch.nn.Identity()
    identity.num_features = d
    fid = theirs(feature=identity).set_dtype(torch.float64)
    fid.update(torch.from_numpy(x), real=True)
    fid.update(torch.from_numpy(y), real=False)
    # Theirs takes roots of the eigenvalues of a product: where it is singular, 1e-17 of rounding becomes 1e-8 each.
    assert FID()(x, y).value == pytest.approx(float(fid.compute()), rel=1e-12 if n > d else 1e-6)


def test_fid_needs_no_more_rows_than_dimensions_and_is_biased_as_documented() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 40, 300))
    assert FID()(x, y).value > 100  # the same population: all of it is bias
    assert FID()(x, x).value == pytest.approx(0, abs=1e-6)


def test_kid_is_the_u_statistic_of_the_cubic_kernel() -> None:
    x, y = sets()
    d = x.shape[1]
    a, b, c = (polynomial_kernel(p, q, 3, 1 / d, 1) for p, q in ((x, x), (y, y), (x, y)))
    n, m = len(x), len(y)
    expected = (a.sum() - np.trace(a)) / (n * (n - 1)) + (b.sum() - np.trace(b)) / (m * (m - 1)) - 2 * c.mean()
    assert KID()(x, y).value == pytest.approx(expected, rel=1e-9)


def test_kid_is_torchmetrics() -> None:
    torch = pytest.importorskip("torch")
    theirs = pytest.importorskip("torchmetrics.image.kid").KernelInceptionDistance
    x, y = sets()
    n = min(len(x), len(y))
    # One subset of all images: then it is no average over random ones, and both estimators are the same number.
    with pytest.warns(UserWarning, match="save all extracted features"):
        kid = theirs(feature=torch.nn.Identity(), subsets=1, subset_size=n, degree=3, gamma=None, coef=1.0)
    kid.set_dtype(torch.float64)
    kid.update(torch.from_numpy(x[:n]), real=True)
    kid.update(torch.from_numpy(y[:n]), real=False)
    mean, _spread = kid.compute()
    assert KID()(x[:n], y[:n]).value == pytest.approx(float(mean), rel=1e-9)


def test_mmd_is_the_u_statistic_of_gaussian_kernels_and_medmetrics() -> None:
    x, y = sets()
    distances = [np.linalg.norm(p - q) for p, q in itertools.combinations(x, 2)]
    # The median of squared distances is the square of the median (an odd number of pairs is not needed to 1e-3).
    median = np.median(np.square(distances))

    def kernel(p: np.ndarray, q: np.ndarray) -> np.ndarray:
        return np.mean([rbf_kernel(p, q, 1 / (2 * median * s**2)) for s in SCALES], axis=0)

    a, b, c = kernel(x, x), kernel(y, y), kernel(x, y)
    n, m = len(x), len(y)
    expected = (a.sum() - np.trace(a)) / (n * (n - 1)) + (b.sum() - np.trace(b)) / (m * (m - 1)) - 2 * c.mean()
    ours = MMD()(x, y).value
    assert ours == pytest.approx(expected, rel=1e-9)
    pytest.importorskip("medmetric")
    import torch
    from medmetric.metrics import mmd as theirs

    sigmas = [float(np.sqrt(median) * s) for s in SCALES]
    value = theirs.MMD(sigmas=sigmas, clamp_min=None)(torch.from_numpy(y), torch.from_numpy(x), squared=True)
    assert float(value) == pytest.approx(ours, abs=1e-6)


def test_shares_at_an_end_of_their_range_have_an_interval() -> None:
    x = np.random.default_rng(0).normal(size=(40, 3))
    for metric in (Precision, Recall, Density, Coverage):
        none = metric()(x, x + 100)
        assert (none.value, none.low) == (0.0, 0.0)
        assert none.high == pytest.approx(wilson(0, 40)[1])
    for metric in (Precision, Recall, Coverage):
        everybody = metric()(x, x + 1e-6)
        assert (everybody.value, everybody.high) == (1.0, 1.0)
        assert everybody.low <= wilson(40, 40)[0]
    people = np.repeat(np.arange(10), 4)
    assert Recall()(x, x + 100, people=people).high == pytest.approx(wilson(0, 10)[1])


def test_prdc_is_prdcs() -> None:
    prdc = pytest.importorskip("prdc")
    x, y = sets(shift=0.5)
    theirs = prdc.compute_prdc(x, y, nearest_k=5)
    for metric in (Precision, Recall, Density, Coverage):
        assert metric()(x, y).value == pytest.approx(theirs[metric.record.name], abs=1e-12)


def test_image_mmd_is_mmd_of_flat_images_whatever_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    real, made = images(0, 9, 8), images(1, 7, 8)
    flat = [np.stack([x.ravel() for x in one]).astype(np.float64) for one in (real, made)]
    assert ImageMMD()(real, made).value == pytest.approx(MMD()(*flat).value, abs=1e-5)
    monkeypatch.setattr("pcgm_bench.statistics.distances.BLOCK_BYTES", 5 * 8 * 4)
    monkeypatch.setattr("pcgm_bench.statistics.distances.LEAST_BLOCK", 1)
    many = [np.full((2, 2, 2), float(i)) for i in range(13)]
    squared = image_distances(many)
    assert squared[0, 12] == pytest.approx(8 * 12**2)
    np.testing.assert_allclose(squared, squared.T)


def test_records_are_true_of_perfect_and_useless_features() -> None:
    rng = np.random.default_rng(3)
    real, perfect = rng.normal(size=(2, 60, 10))
    floor = {metric.record.name: metric()(real, perfect).value for metric in FEATURE_METRICS}
    collapsed, far = np.repeat(perfect[:1], 60, axis=0), perfect + 8.0
    for metric in FEATURE_METRICS:
        name, direction = metric.record.name, metric.record.direction
        for useless in (collapsed, far):
            value = metric()(real, useless).value
            assert metric.record.range[0] <= value <= metric.record.range[1]
            worse = value > floor[name] if direction == "lower" else abs(value - 1) > abs(floor[name] - 1)
            # A collapsed set may sit among the real ones: precision and density are blind to that, as they say.
            assert worse or (useless is collapsed and name in ("precision", "density")), name


def test_ms_ssim_is_monais() -> None:
    import torch
    from monai.metrics import MultiScaleSSIMMetric

    a, b = images(0, 2)
    weights = np.array([0.0448, 0.2856, 0.3001]) / 0.6305
    metric = MultiScaleSSIMMetric(3, data_range=1.2, kernel_size=7, weights=tuple(weights))
    theirs = float(metric(torch.from_numpy(a)[None, None], torch.from_numpy(b)[None, None]))
    assert ms_ssim(a, b) == pytest.approx(theirs, abs=1e-5)


def test_ms_ssim_within_a_set_is_the_mean_of_medmetrics() -> None:
    pytest.importorskip("medmetric")
    import torch
    from medmetric.metrics.msssim import MS_SSIM

    weights = np.array([0.0448, 0.2856, 0.3001]) / 0.6305
    theirs = MS_SSIM(spatial_dims=3, data_range=1.2, kernel_size=7, weights=tuple(weights))
    some = [torch.from_numpy(one)[None, None] for one in images(0, 5)]
    # Five images on a circle, each with its next two: all ten pairs there are.
    pairs = [float(theirs(a, b)) for a, b in itertools.combinations(some, 2)]
    assert within(images(0, 5), 0).mean == pytest.approx(np.mean(pairs), abs=1e-5)


def test_ms_ssim_sees_collapse_and_spread() -> None:
    real = images(0, 12)
    same = [real[0]] * 12
    alike = MSSSIM()(real, same)
    assert alike.details["made"] == pytest.approx(1.0)
    assert alike.value == pytest.approx(1 - alike.details["real"])
    noise = [np.random.default_rng(i).random((32, 32, 32)).astype(np.float32) for i in range(12)]
    assert MSSSIM()(real, noise).value < 0
    floor = MSSSIM()(real, images(1, 12))
    assert floor.low < 0 < floor.high
    with pytest.raises(ValueError, match="more than 4 images"):
        within(real[:4], 0)


def gaussian(first: np.ndarray, second: np.ndarray) -> float:
    """Stands in for `ms_ssim`: a symmetric kernel of two vectors."""
    return float(np.exp(-((first - second) ** 2).mean() / 2))


@pytest.mark.parametrize(("scenario", "n"), [("alike", 40), ("narrow", 40), ("collapsed", 40), ("narrow", 150)])
def test_coverage_of_the_interval_of_ms_ssim(scenario: str, n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pcgm_bench.metrics.ms_ssim.ms_ssim", gaussian)
    rng = np.random.default_rng(5)
    found = []
    for draw in range(150):
        x, y = rng.normal(size=(2, n, 8))
        y = y * {"alike": 1.0, "narrow": 0.6, "collapsed": 0.0}[scenario]
        estimate = MSSSIM()(list(x), list(y), seed=draw)
        found.append([estimate.value, estimate.low, estimate.high])
    values, low, high = np.array(found).T
    assert 0.90 <= ((low <= values.mean()) & (values.mean() <= high)).mean() <= 0.98
    # A jackknife over images would be 12 to 41 % too wide; 150 draws know an s.d. to 6 %.
    assert (high - low).mean() / 2 / 2.0 == pytest.approx(values.std(), rel=0.1)


def test_ms_ssim_says_how_many_images_it_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pcgm_bench.metrics.ms_ssim.ms_ssim", gaussian)
    x, y = (list(one) for one in np.random.default_rng(0).normal(size=(2, MOST + 50, 8)))
    found = MSSSIM()(x, y[:30])
    assert (found.details["n_real"], found.n) == (MOST, 30)
    assert MSSSIM()(y[:30], x).n == MOST
    # Sizes that were not looked at do not narrow the interval.
    assert found.high - found.value == pytest.approx(
        stats.t.ppf(0.975, 29) * np.hypot(within(x, 0).error, within(y[:30], 0).error)
    )


def test_paper_mmd_is_the_published_loop() -> None:
    x, y = sets(n=8, m=8)
    total, repeats, last = 0.0, 0, 0
    for i in range(0, 8, 2):
        a, b = y[i : i + 2], x[i : i + 2]
        distance = sum(p @ q for p in a for q in a) / 4 + sum(p @ q for p in b for q in b) / 4
        distance -= 2 * sum(p @ q for p in a for q in b) / 4
        total, last = total + distance, i
        repeats += 1
    assert PaperMMD()(x, y).value == pytest.approx(total / (last + 1), rel=1e-12)
    # About half of the mean over batches, as documented.
    assert total / (last + 1) == pytest.approx(total / repeats / 2 * 8 / 7)


def test_paper_image_mmd_has_the_documented_expectation_and_rewards_collapse() -> None:
    real, perfect = images(0, 40, 8), images(1, 40, 8)
    x, y = (np.stack([2 * z.ravel() / 1.2 - 1 for z in one]).astype(np.float64) for one in (real, perfect))
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + (x.var(0, ddof=1).sum() + y.var(0, ddof=1).sum()) / 2
    value = PaperImageMMD()(real, perfect).value
    assert value == pytest.approx(expected, rel=0.1)
    mean = np.mean(perfect, axis=0)
    assert PaperImageMMD()(real, [mean] * 40).value < value


def test_paper_ms_ssim_written_out() -> None:
    a, b = images(5, 2)
    import torch
    from torch.nn import functional as nnf

    axis = torch.arange(11, dtype=torch.float64) - 5
    one = torch.exp(-(axis**2) / (2 * 1.5**2))
    one = one / one.sum()
    window = torch.einsum("i,j,k->ijk", one, one, one)[None, None]
    x, y = (torch.from_numpy(z).double()[None, None] * 2 / 1.2 - 1 for z in (a, b))
    scores = []
    for level in range(5):
        size = min(11, *x.shape[2:])
        if size < 11:
            cut = torch.arange(size, dtype=torch.float64) - size // 2
            one = torch.exp(-(cut**2) / (2 * 1.5**2))
            one = one / one.sum()
            window = torch.einsum("i,j,k->ijk", one, one, one)[None, None]
        blur = [nnf.conv3d(v, window, padding=size // 2) for v in (x, y, x * x, y * y, x * y)]
        mx, my = blur[0], blur[1]
        vx, vy, cov = blur[2] - mx**2, blur[3] - my**2, blur[4] - mx * my
        cs = (2 * cov + 0.03**2) / (vx + vy + 0.03**2)
        ssim = (2 * mx * my + 0.01**2) / (mx**2 + my**2 + 0.01**2) * cs
        scores.append((float(ssim.mean()), float(cs.mean())))
        x, y = nnf.avg_pool3d(x, 2), nnf.avg_pool3d(y, 2)
        assert level < 5
    weights = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333]
    product = 1.0
    for level in range(4):
        product *= ((scores[level][1] + 1) / 2) ** weights[level] * ((scores[4][0] + 1) / 2) ** weights[4]
    assert published(a, b, normalize=True) == pytest.approx(product, rel=1e-9)


def test_paper_ms_ssim_is_not_zero_for_a_perfect_generator() -> None:
    result = PaperMSSSIM()(images(0, 6), images(1, 6))
    assert result.value == pytest.approx(abs(result.details["made"] - result.details["real"]) / result.details["real"])
    assert result.value > 0.001


@pytest.mark.parametrize("metric", FEATURE_METRICS)
def test_bad_features_are_refused(metric: type) -> None:
    with pytest.raises(ValueError, match="need at least two"):
        metric()(np.zeros((1, 3)), np.zeros((5, 3)))
    with pytest.raises(ValueError, match=r"need \(n, d\)"):
        metric()(np.zeros((5, 3)), np.zeros((5, 4)))
    x, y = np.random.default_rng(0).normal(size=(2, 8, 3))
    y[[2, 5], 1] = np.nan
    with pytest.raises(ValueError, match=r"features of made image 2 are no numbers \(2 of 8 images\)"):
        metric()(x, y)


def test_images_too_small_for_the_papers_ms_ssim_are_refused() -> None:
    with pytest.raises(ValueError, match="needs 32 on every side"):
        PaperMSSSIM()(images(0, 2, 24), images(1, 2, 24))


def test_interval_never_sees_a_row_twice_and_keeps_people_together() -> None:
    owners = np.repeat(np.arange(6), 2)

    def statistic(rows: np.ndarray, columns: np.ndarray) -> float:
        assert len(set(rows)) == len(rows)
        assert len(set(columns)) == len(columns)
        whole = [set(np.flatnonzero(owners == person)) <= set(rows) for person in set(owners[rows])]
        assert all(whole)
        return float(rows.mean() + columns.mean())

    value, low, high = half_interval(statistic, 12, 10, real_units=owners)
    assert low < value < high
    assert half_interval(lambda a, b: 1.0, 3, 10)[0] == 1.0
    assert np.isnan(half_interval(lambda a, b: 1.0, 3, 10)[1])


@pytest.mark.parametrize("scenario", ["same", "shifted", "collapsed"])
@pytest.mark.parametrize("metric", [FID, MMD], ids=["fid", "mmd"])
def test_coverage_of_the_interval(metric: type, scenario: str) -> None:
    """Of the expected value at this n, nominal 95 %; the bounds leave room for 80 draws."""
    rng = np.random.default_rng(11)
    found = []
    shift = np.eye(1, 8)[0]
    for _ in range(80):
        x, y = rng.normal(size=(2, 40, 8))
        y = {"same": y, "shifted": y + shift, "collapsed": 0.6 * y}[scenario]
        estimate = metric()(x, y)
        found.append([estimate.value, estimate.low, estimate.high])
    values, low, high = np.array(found).T
    covered = ((low <= values.mean()) & (values.mean() <= high)).mean()
    assert covered >= 0.86
    assert (high - low).mean() < 8 * values.std()
