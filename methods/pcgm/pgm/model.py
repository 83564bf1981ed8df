"""PGM: the deep structural causal model of PCGM, from age, sex, diagnosis and head size to lobar volumes.

Li et al. 2025 (arXiv 2509.09054), sections 3.1 and 4.4: metadata have no parents; every lobe is a leaf ``v_k =
f_k(pa, u_k)`` with an invertible ``f_k`` (a conditional normalizing flow), and a counterfactual is abduction ``u_k =
f_k^-1(v_k; pa)``, action ``do(.)``, prediction ``f_k(u_k; pa^)``. Departures, each for a reason: log volumes, so that
effects are in per cent; log head size is a parent (volumes are nearly collinear with it); sex is a parent of every
lobe (the released code has no sex node); log-scales are bounded, so that a rare context cannot blow a person up; the
linear part is solved, not trained, so that nothing shrinks a group effect (`flows`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import zuko
from safetensors.numpy import load_file
from safetensors.numpy import save_file
from scipy import stats

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import UserError
from pcgm_bench.methods.pcgm.pgm import flows
from pcgm_bench.methods.pcgm.pgm.parents import PARENTS
from pcgm_bench.methods.pcgm.pgm.parents import Encoder
from pcgm_bench.methods.pcgm.pgm.parents import Parents
from pcgm_bench.methods.pcgm.pgm.parents import as_table
from pcgm_bench.methods.pcgm.pgm.parents import check_parents
from pcgm_bench.methods.pcgm.pgm.parents import check_positive

FIVE_LOBES: tuple[str, ...] = tuple(lobe for lobe in LOBE_NAMES if lobe != "occipital")
"""The leaves that the paper's section 4.4 lists; then the occipital lobe may not be claimed."""
FORMAT = 2
KINDS = ("auto", "flow", "linear")
MIN_PEOPLE_FOR_NETWORK = 60
Rows = pd.DataFrame | pd.Series | Mapping[str, Any]


class PGM:
    """Structural causal model of lobar volumes; made by `fit`, `load` or `from_state`.

    Given the parents the leaves are independent in the causal model: a counterfactual uses each leaf's own ``u_k`` and
    needs nothing else. Lobes of one person are correlated beyond their parents all the same; `sample` and
    ``log_prob(joint=True)`` keep that with a Gaussian copula, the correlation matrix of the training people's ``u``.

    >>> rng = np.random.default_rng(0)
    >>> n = 60
    >>> table = pd.DataFrame({
    ...     "subject": [f"{i:03d}" for i in range(n)], "age": rng.uniform(25, 75, n), "sex": ["F", "M"] * (n // 2),
    ...     "diagnosis": ["control"] * (n // 2) + ["AUD"] * (n // 2), "head_size": rng.normal(1400, 90, n),
    ... })
    >>> for lobe in LOBE_NAMES:
    ...     table[lobe] = 100 * np.exp(0.05 * rng.standard_normal(n) - 0.10 * (table["diagnosis"] == "AUD"))
    >>> pgm = PGM.fit(table, seed=0, kind="linear")
    >>> healthy = pgm.counterfactual(table[table["diagnosis"] == "AUD"], {"diagnosis": "control"})
    >>> bool(healthy["frontal"].mean() > table["frontal"][30:].mean() * 1.05)
    True
    """

    def __init__(
        self,
        flow: zuko.flows.Flow,
        encoder: Encoder,
        lobes: Sequence[str],
        centre: np.ndarray,
        spread: np.ndarray,
        copula: np.ndarray,
        about: Mapping[str, Any],
    ) -> None:
        self.flow = flow.requires_grad_(False)
        self.encoder = encoder
        self.lobes = tuple(lobes)
        self.centre, self.spread, self.copula = centre, spread, copula
        self.about = dict(about)

    @classmethod
    def fit(
        cls,
        table: pd.DataFrame,
        seed: int = 0,
        *,
        lobes: Sequence[str] = LOBE_NAMES,
        transform: str = "affine",
        kind: str = "auto",
        weights: np.ndarray | None = None,
    ) -> PGM:
        """Learn the model from training people; about a second for 160-330 rows, milliseconds with ``linear``.

        Args:
            table: one row a visit: ``subject``, ``age`` (years), ``sex`` (F/M), ``diagnosis``, ``head_size`` (mL), and
                a column of mL per lobe. Levels of diagnosis are learned from it.
            seed: of the network's start and the inner split.
            lobes: leaves; ``FIVE_LOBES`` for the paper's list.
            transform: ``affine`` (as the paper's code) or ``spline`` (non-Gaussian noise too).
            kind: ``linear``: the closed form (weighted least squares), exactly the linear-Gaussian special case of the
                affine flow. ``flow``: the trained network. ``auto``: both are fitted, and the flow is taken where it is
                likelier on held-out people by more than the standard error of that; below 60 people it is linear.
            weights: ``(n,)`` of the rows; default 1 / visits of the row's subject, so that a person counts once. A
                bootstrap over people must relabel repeated draws, or pass its own weights: repeated draws of one label
                look like repeated visits.

        Raises:
            UserError: unusable table; fewer people than coefficients + 2; fewer than two people with a diagnosis.
        """
        if kind not in KINDS:
            msg = f"PGM: unknown kind {kind!r}; use {', '.join(KINDS)}"
            raise UserError(msg)
        if transform not in ("affine", "spline"):
            msg = f"PGM: unknown transform {transform!r}; use affine or spline"
            raise UserError(msg)
        table = check_parents(table).reset_index(drop=True)
        check_positive(table, lobes)
        if "subject" not in table:
            msg = "PGM table: missing column subject; name the person of every row"
            raise UserError(msg)
        groups = pd.factorize(table["subject"])[0]
        if weights is None:
            weights = 1.0 / np.bincount(groups)[groups]
        weights = np.asarray(weights, float)
        encoder = Encoder.learn(Parents.of(table), weights)
        people = float(weights.sum())
        _check_size(table, encoder, people)
        logs = np.log(table[list(lobes)].to_numpy(float))
        centre = np.average(logs, axis=0, weights=weights)
        spread = np.sqrt(np.average((logs - centre) ** 2, axis=0, weights=weights)) + 1e-9
        x, z = encoder.design(table), (logs - centre) / spread
        inputs, spline = encoder.network_inputs, transform == "spline"
        too_few = kind == "auto" and people < MIN_PEOPLE_FOR_NETWORK
        held = None if kind == "linear" or too_few else flows.hold_out(x, z, weights, groups, inputs, spline, seed)
        steps = held.steps if held is not None and (kind == "flow" or held.flow_wins) else 0
        flow = flows.fit_flow(x, z, weights, inputs, spline, seed, steps) if steps else flows.fit_linear(x, z, weights)
        about = {"transform": transform, "seed": int(seed), "steps": steps, "people": people, "rows": len(table)}
        about["choice"] = _choice(kind, steps, held)
        model = cls(flow, encoder, lobes, centre, spread, np.eye(len(lobes)), about)
        model.copula = _correlation(model.abduct(table), weights)
        return model

    def abduct(self, rows: Rows) -> np.ndarray:
        """Exogenous noise ``u`` of people, ``(n, lobes)``: standard normal in the training population."""
        table = as_table(rows)
        check_positive(table, self.lobes)
        z = (np.log(table[list(self.lobes)].to_numpy(float)) - self.centre) / self.spread
        x = torch.from_numpy(self.encoder.design(check_parents(table)))
        with torch.no_grad():
            return self.flow.transform(x)(torch.from_numpy(z)).numpy()

    def act(self, parents: Rows, do: Intervention, *, mediated: bool = False) -> pd.DataFrame:
        """Parents under ``do``; other columns stay.

        Args:
            parents: columns age, sex, diagnosis, head_size.
            do: of these four; a value, or one value a row. Head size has no parents in the model: it stays the person's
                own whatever else is changed.
            mediated: let head size answer to ``do(sex)`` (same quantile in the other sex's distribution): total instead
                of direct effect of sex.

        Raises:
            UserError: another variable, or a level that the training table did not have.
        """
        return self.encoder.act(check_parents(as_table(parents)), do, mediated)

    def predict(self, u: np.ndarray, parents: Rows) -> pd.DataFrame:
        """Volumes (mL) of noise ``u`` ``(n, lobes)`` under ``parents`` (n rows): a column per lobe."""
        table = check_parents(as_table(parents))
        x = torch.from_numpy(self.encoder.design(table))
        with torch.no_grad():
            z = self.flow.transform(x).inv(torch.from_numpy(np.atleast_2d(u).astype(float))).numpy()
        return pd.DataFrame(np.exp(self.centre + self.spread * z), index=table.index, columns=list(self.lobes))

    def counterfactual(self, rows: Rows, do: Intervention, *, mediated: bool = False) -> pd.DataFrame:
        """The table had ``do`` been true: parents and lobes replaced. Who is not changed by ``do`` stays exactly."""
        table = as_table(rows)
        parents = self.act(table, do, mediated=mediated)
        volumes = self.predict(self.abduct(table), parents)
        same = (self.encoder.design(parents) == self.encoder.design(table)).all(axis=1)
        answer = parents.copy()
        for lobe in self.lobes:
            answer[lobe] = np.where(same, table[lobe].to_numpy(float), volumes[lobe].to_numpy())
        return answer

    def log_prob(self, rows: Rows, *, joint: bool = False) -> np.ndarray:
        """Log-density (nats) of a person's log volumes (log mL) given the parents, ``(n,)``.

        Args:
            rows: as for `abduct`.
            joint: with the copula between lobes; otherwise the causal model's product over leaves.
        """
        table = as_table(rows)
        check_positive(table, self.lobes)
        z = (np.log(table[list(self.lobes)].to_numpy(float)) - self.centre) / self.spread
        x = torch.from_numpy(self.encoder.design(check_parents(table)))
        with torch.no_grad():
            answer = self.flow(x).log_prob(torch.from_numpy(z)).numpy() - np.log(self.spread).sum()
        if joint:
            u = self.abduct(table)
            together = stats.multivariate_normal(cov=self.copula, allow_singular=True).logpdf(u)
            answer = answer + together - stats.norm.logpdf(u).sum(axis=1)
        return answer

    def sample(self, parents: Rows, seed: int) -> pd.DataFrame:
        """New people with these parents: a column of mL per lobe, correlated across lobes by the copula."""
        table = as_table(parents)
        normal = np.random.default_rng(seed).standard_normal((len(table), len(self.lobes)))
        return self.predict(normal @ np.linalg.cholesky(self.copula).T, table)

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Arrays for a safetensors file and settings for JSON; `from_state` takes them back."""
        tensors = {f"flow.{k}": v.detach().numpy().copy() for k, v in self.flow.state_dict().items() if v.numel()}
        tensors |= {"centre": self.centre, "spread": self.spread, "copula": self.copula}
        settings = {"format": FORMAT, "lobes": list(self.lobes), "parents": list(PARENTS), "about": self.about}
        return tensors, settings | {"encoder": self.encoder.to_dict()}

    @classmethod
    def from_state(cls, tensors: Mapping[str, np.ndarray], settings: Mapping[str, Any]) -> PGM:
        """Inverse of `state`.

        Raises:
            UserError: settings of another format.
        """
        if settings.get("format") != FORMAT:
            msg = f"PGM settings have format {settings.get('format')!r}, this code reads {FORMAT}: fit the PGM again"
            raise UserError(msg)
        encoder = Encoder.from_dict(settings["encoder"])
        lobes, about = settings["lobes"], settings["about"]
        inputs = encoder.network_inputs if about["steps"] else []
        spline = bool(about["steps"]) and about["transform"] == "spline"
        flow = flows.build(len(encoder.terms), len(lobes), inputs, spline, seed=0)
        weights = {k[5:]: torch.from_numpy(np.array(v)) for k, v in tensors.items() if k.startswith("flow.")}
        flow.load_state_dict(flow.state_dict() | weights)
        return cls(flow, encoder, lobes, tensors["centre"], tensors["spread"], tensors["copula"], about)

    def save(self, folder: Path, name: str = "pgm") -> None:
        """Write ``<name>.safetensors`` and ``<name>.json`` into an existing folder."""
        tensors, settings = self.state()
        save_file({k: np.ascontiguousarray(v) for k, v in tensors.items()}, folder / f"{name}.safetensors")
        (folder / f"{name}.json").write_text(json.dumps(settings, indent=1) + "\n")

    @classmethod
    def load(cls, folder: Path, name: str = "pgm") -> PGM:
        """Read what `save` wrote (`UserError` if it is not there)."""
        settings = folder / f"{name}.json"
        if not settings.exists():
            msg = f"{settings}: no PGM here; fit one first"
            raise UserError(msg)
        return cls.from_state(load_file(folder / f"{name}.safetensors"), json.loads(settings.read_text()))


def _choice(kind: str, steps: int, held: flows.HeldOut | None) -> str:
    """Which of the two models it is, and why, in words."""
    name = "flow" if steps else "linear"
    asked = ", as asked" if kind == name else ""
    if held is None:
        return name + (asked or f": fewer than {MIN_PEOPLE_FOR_NETWORK} people")
    gain = f"{held.gain:+.3f} nats a held-out person (s.e. {held.error:.3f})"
    return f"{name}{asked}: the flow's log-likelihood beyond the linear model's is {gain}"


def _check_size(table: pd.DataFrame, encoder: Encoder, people: float) -> None:
    if people < len(encoder.terms) + 2:
        msg = f"PGM table: {people:.0f} people are too few for {len(encoder.terms)} coefficients; bring more"
        raise UserError(msg)
    for level, n in table.groupby("diagnosis")["subject"].nunique().items():
        if n < 2:
            msg = f"PGM table: only {n} person with diagnosis {level!r}; leave the level out or bring more people"
            raise UserError(msg)


def _correlation(u: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted correlation of the exogenous noise; a touch of the identity keeps it invertible."""
    covariance = np.cov(u, rowvar=False, aweights=weights)
    sd = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(sd, sd)
    return 0.999 * correlation + 0.001 * np.eye(len(sd))
