"""Conditional normalizing flows of the PGM's leaves, and their training on a few hundred people.

One leaf per lobe, all evaluated together: ``z = x B + g(x) + s(x) T(u)`` with ``u ~ N(0, 1)``, where ``x`` are the
encoded parents, ``B`` the linear-Gaussian part, ``g`` and ``log s`` a small network (zero at the start) and ``T`` the
identity (affine flow) or a monotone rational-quadratic spline. ``B`` is never a trained weight: at every step it is
solved by weighted least squares given ``g`` and ``s`` (variable projection), so that no weight decay and no early
stopping can pull a diagnosis effect towards zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import zuko
from torch import nn
from torch.distributions.transforms import AffineTransform
from zuko.transforms import ComposedTransform
from zuko.transforms import DependentTransform
from zuko.transforms import MonotonicRQSTransform

HIDDEN = (8, 16)
"""Hidden widths of the network, as in the paper's code."""
SCALE_BOUND = 0.5
"""Largest change of a log-scale with the parents: ratios of scales stay within exp(+-1)."""
BINS = 8
LEARNING_RATE = 1e-2
WEIGHT_DECAY = 0.1
MAX_STEPS = 300
CHECK_EVERY = 10
PATIENCE = 80
INNER_FOLDS = 3


@dataclass(frozen=True)
class HeldOut:
    """How the flow does on people that it was not trained on, beside the linear-Gaussian model.

    Attributes:
        steps: of training at which it does best.
        gain: in log-likelihood, nats a person, at these steps.
        error: standard error of the gain over people.
    """

    steps: int
    gain: float
    error: float

    @property
    def flow_wins(self) -> bool:
        """Whether the gain exceeds its standard error: the best of many numbers of steps gains a little by chance."""
        return self.gain > self.error


class LeafTransform(zuko.lazy.LazyTransform):
    """Standardised log volumes ``z`` to exogenous noise ``u``, given encoded parents; one leaf per column.

    Args:
        terms: columns of the design ``x``, the first of them constant.
        leaves: number of lobes.
        inputs: columns of ``x`` that the network reads; none: the linear-Gaussian model.
        spline: add a spline per leaf (its shape does not depend on the parents).
    """

    coefficients: torch.Tensor
    log_scale: torch.Tensor
    low: torch.Tensor
    high: torch.Tensor

    def __init__(self, terms: int, leaves: int, inputs: list[int], spline: bool) -> None:
        super().__init__()
        self.inputs = inputs
        self.register_buffer("coefficients", torch.zeros(terms, leaves, dtype=torch.float64))
        self.register_buffer("log_scale", torch.zeros(leaves, dtype=torch.float64))
        self.register_buffer("low", torch.zeros(len(inputs), dtype=torch.float64))
        self.register_buffer("high", torch.zeros(len(inputs), dtype=torch.float64))
        self.net = zuko.nn.MLP(len(inputs), 2 * leaves, HIDDEN, nn.Tanh).double() if inputs else None
        if self.net is not None:
            nn.init.zeros_(self.net[-1].weight)
            nn.init.zeros_(self.net[-1].bias)
        shapes = ((BINS,), (BINS,), (BINS - 1,)) if spline else ()
        self.shape = nn.ParameterList(torch.zeros(leaves, *s, dtype=torch.float64) for s in shapes)

    def residual(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Network's part: ``g(x)`` and ``log s(x)`` without the leaf's own scale, each ``(n, leaves)``."""
        if self.net is None:
            zero = x.new_zeros(len(x), self.coefficients.shape[1])
            return zero, zero
        # Outside the range it was trained on a network means nothing: the linear part extrapolates, this does not.
        g, h = self.net(x[:, self.inputs].clamp(self.low, self.high)).chunk(2, dim=-1)
        return g, SCALE_BOUND * torch.tanh(h)

    def location_scale(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Location and scale of ``z`` given the parents, each ``(n, leaves)``."""
        g, log_s = self.residual(x)
        return x @ self.coefficients + g, torch.exp(self.log_scale + log_s)

    def forward(self, c: torch.Tensor | None = None) -> torch.distributions.Transform:
        """The transform ``z -> u`` given the design ``c`` of shape ``(n, terms)``."""
        if c is None:
            msg = "a leaf needs its parents"
            raise ValueError(msg)
        location, scale = self.location_scale(c)
        parts: list[torch.distributions.Transform] = [AffineTransform(-location / scale, 1 / scale)]
        if len(self.shape):
            parts.append(MonotonicRQSTransform(*self.shape))
        return DependentTransform(ComposedTransform(*parts), 1)

    def set_range(self, x: torch.Tensor) -> None:
        """Remember the range of the network's inputs."""
        if self.inputs:
            self.low.copy_(x[:, self.inputs].amin(0))
            self.high.copy_(x[:, self.inputs].amax(0))

    @torch.no_grad()
    def solve(self, x: torch.Tensor, z: torch.Tensor, weights: torch.Tensor) -> None:
        """Set ``B`` and the leaves' scales to their weighted least-squares values given the network.

        The scale has the degrees of freedom of ``B`` taken off; the effective n is the sum of the weights (people).
        """
        g, log_s = self.residual(x)
        precision = weights[:, None] * torch.exp(-2 * log_s)
        root = precision.sqrt().T[:, :, None]
        answer = torch.linalg.lstsq(root * x, root * (z - g).T[:, :, None], driver="gelsd").solution
        self.coefficients.copy_(answer[:, :, 0].T)
        squares = (precision * (z - g - x @ self.coefficients) ** 2).sum(0)
        self.log_scale.copy_(0.5 * torch.log(squares / max(float(weights.sum()) - x.shape[1], 1.0) + 1e-12))


def build(terms: int, leaves: int, inputs: list[int], spline: bool, seed: int) -> zuko.flows.Flow:
    """A flow over ``leaves`` lobes given ``terms`` parents' columns; the same seed gives the same network."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        transform = LeafTransform(terms, leaves, inputs, spline)
    zero, one = torch.zeros(leaves, dtype=torch.float64), torch.ones(leaves, dtype=torch.float64)
    base = zuko.lazy.UnconditionalDistribution(zuko.distributions.DiagNormal, zero, one, buffer=True)
    return zuko.flows.Flow(transform, base)


def fit_linear(x: np.ndarray, z: np.ndarray, weights: np.ndarray) -> zuko.flows.Flow:
    """The linear-Gaussian special case in closed form (weighted least squares): milliseconds."""
    flow = build(x.shape[1], z.shape[1], [], spline=False, seed=0)
    flow.transform.solve(torch.from_numpy(x), torch.from_numpy(z), torch.from_numpy(weights))
    return flow


def fit_flow(
    x: np.ndarray, z: np.ndarray, weights: np.ndarray, inputs: list[int], spline: bool, seed: int, steps: int
) -> zuko.flows.Flow:
    """Train a flow by full-batch AdamW from the least-squares solution.

    Args:
        x: ``(n, terms)`` design. z: ``(n, leaves)`` standardised log volumes. weights: ``(n,)`` of the rows.
        inputs: columns for the network.
        steps: of training, as `hold_out` found.
    """
    flow = build(x.shape[1], z.shape[1], inputs, spline, seed)
    _train(flow, x, z, weights, steps)
    return flow


def hold_out(
    x: np.ndarray, z: np.ndarray, weights: np.ndarray, groups: np.ndarray, inputs: list[int], spline: bool, seed: int
) -> HeldOut:
    """Cross-validation over people inside the training data: both models fitted to some, compared on the others.

    Args:
        groups: ``(n,)`` integer of the person of each row; the others as `fit_flow`'s.
    """
    people = np.unique(groups)
    fold_of = np.random.default_rng([seed, 17]).permutation(len(people)) % INNER_FOLDS
    fold = fold_of[np.searchsorted(people, groups)]
    checks = MAX_STEPS // CHECK_EVERY
    gain = np.zeros((len(x), checks + 1))
    for k in range(INNER_FOLDS):
        train, test = fold != k, fold == k
        flow = build(x.shape[1], z.shape[1], inputs, spline, seed)
        scores = _train(flow, x[train], z[train], weights[train], MAX_STEPS, (x[test], z[test], weights[test]))
        gain[test] = scores - scores[:, :1]
    by_person = np.stack([np.bincount(np.searchsorted(people, groups), weights * g) for g in gain.T])
    # Without a step the flow is the linear model.
    best = 1 + int(by_person[1:].mean(1).argmax())
    error = float(by_person[best].std(ddof=1)) / math.sqrt(len(people))
    return HeldOut(best * CHECK_EVERY, float(by_person[best].mean()), error)


def _train(
    flow: zuko.flows.Flow,
    x: np.ndarray,
    z: np.ndarray,
    weights: np.ndarray,
    steps: int,
    held_out: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """Train in place. With held-out rows, stop when they have not gained for a while and return their scores.

    Returns:
        ``(held-out rows, checks + 1)`` log-likelihood; after a stop the last score is repeated.
    """
    xt, zt, wt = (torch.from_numpy(np.ascontiguousarray(a)) for a in (x, z, weights))
    leaf: LeafTransform = flow.transform
    leaf.set_range(xt)
    leaf.solve(xt, zt, wt)
    optimiser = torch.optim.AdamW(flow.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    scores: list[np.ndarray] = []
    best, best_step = -np.inf, 0
    for step in range(steps + 1):
        if held_out is not None and step % CHECK_EVERY == 0:
            with torch.no_grad():
                score = flow(torch.from_numpy(held_out[0])).log_prob(torch.from_numpy(held_out[1])).numpy()
            scores.append(score)
            total = float(score @ held_out[2])
            if total > best:
                best, best_step = total, step
            if step - best_step >= PATIENCE:
                break
        if step < steps:
            loss = -(wt * flow(xt).log_prob(zt)).sum() / wt.sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            leaf.solve(xt, zt, wt)
    if held_out is None:
        return np.zeros((0, 0))
    scores += [scores[-1]] * (steps // CHECK_EVERY + 1 - len(scores))
    return np.stack(scores, axis=1)
