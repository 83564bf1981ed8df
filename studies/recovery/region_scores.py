"""Slope, bias, spill-over and verdicts of one region in one row; changes are log-changes in per cent.

None of it is a registered metric: a region has a line through its own requests and the null ones, and its spill-over is
that beyond the oracle's of the same requests. What the metrics say of single requests is in `single_requests`.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace

import numpy as np

from pcgm_bench.results.sentences import interval
from pcgm_bench.results.verdict import Outcome
from pcgm_bench.statistics.ols import Line
from pcgm_bench.statistics.ols import fitted_line
from pcgm_bench.statistics.t_interval import Mean
from pcgm_bench.statistics.t_interval import mean_of
from pcgm_bench.studies.recovery.responses import MEASURED
from pcgm_bench.studies.recovery.responses import Responses

YIELDS: dict[str, frozenset[str]] = {"ventricles": frozenset({"white_matter"})}
"""What has to give way when a region changes, and is no spill-over. (Fluid gives way to cortex; it is not measured.)"""
SLOPE = (0.9, 1.1)
BIAS = 1.0
"""Largest bias (%) at dose 0."""
SPILL = 1.0
"""Largest change (%) of another region for a change of 10 %, beyond the oracle's where there is one."""
FEWEST = 3
"""Images of a region's own requests, at two doses or more, that a line is fitted to."""
RIGHT, WRONG, INCONCLUSIVE, IMPOSSIBLE = "right", "wrong", "inconclusive", "not possible"
WORDS = {Outcome.PASS: RIGHT, Outcome.FAIL: WRONG, Outcome.CANNOT_DECIDE: INCONCLUSIVE}


@dataclass(frozen=True)
class Spill:
    """Change (%) of another region for a change of this one by 10 %, with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class RegionFit:
    """What the images of one region's requests say.

    Attributes:
        line: measured on asked change.
        r: correlation of the two; NaN where nothing moved.
        rms: root mean square of measured less asked change (%), of the region's own requests.
        rms_of_scan: the same of a scan that was not changed.
        bias: measured change (%) of the region where nothing was asked.
        on_oracle: measured change on the oracle's; None without an oracle.
        oracle_line: the oracle's measured change on asked change, of the same requests; None without an oracle.
        oracle_rms: root mean square of the difference to the oracle's measured change; NaN without an oracle.
        spill: other region -> its change for 10 % asked.
        beyond: other region -> the same beyond the oracle's; without those that have to give way.
        verdicts: of ``slope``, ``bias`` and ``spill``.
    """

    line: Line
    r: float
    rms: float
    rms_of_scan: float
    bias: Mean
    on_oracle: Line | None = None
    oracle_line: Line | None = None
    oracle_rms: float = float("nan")
    spill: Mapping[str, Spill] = field(default_factory=dict)
    beyond: Mapping[str, Spill] = field(default_factory=dict)
    verdicts: Mapping[str, str] = field(default_factory=dict)

    @property
    def by_oracle(self) -> bool:
        """Whether the segmenter reads the true change itself with another slope than 1, so that the slope on the
        oracle's reading is judged: who reads 1 there has not made the true change.
        """
        line = self.oracle_line
        return line is not None and self.on_oracle is not None and _within(line.low, line.high, *SLOPE) == WRONG

    def reason(self, part: str) -> str:
        """What a verdict is about, in words: ``0.46 [0.42, 0.51], 0.9 to 1.1 is needed``."""
        if part == "slope":
            line, words = self.line, ""
            if self.by_oracle:
                assert self.on_oracle is not None
                line, words = self.on_oracle, " on the oracle's reading"
            if self.verdicts[part] == WRONG != _within(line.low, line.high, *SLOPE):
                words += " (and no nearer to the request than the scan)"
            return f"{interval(line.slope, line.low, line.high)}{words}, {SLOPE[0]:g} to {SLOPE[1]:g} is needed"
        if part == "bias":
            bias = self.bias
            return f"{interval(bias.value, bias.low, bias.high)} %, within {BIAS:g} % is needed"
        if not self.beyond:
            return "not known"
        sure = {into: e for into, e in self.beyond.items() if e.low > SPILL or e.high < -SPILL}
        into, spill = max((sure or self.beyond).items(), key=lambda pair: abs(pair[1].value))
        moved = f"{interval(spill.value, spill.low, spill.high)} % for 10 %"
        return f"{into} {moves(into)} by {moved}, within {SPILL:g} % is needed"


def moves(region: str) -> str:
    """The verb: ventricles move, every other region moves."""
    return "move" if region == "ventricles" else "moves"


@dataclass(frozen=True)
class RegionScore:
    """One region of one row.

    Attributes:
        region: its name.
        n: images of its requests.
        fit: None where a line cannot be fitted.
    """

    region: str
    n: int
    fit: RegionFit | None

    @property
    def verdict(self) -> str:
        """The worst of its three."""
        return IMPOSSIBLE if self.fit is None else worst(list(self.fit.verdicts.values()))

    @property
    def reason(self) -> str:
        """Why there is no line; empty where there is one."""
        if self.fit is not None:
            return ""
        return f"too few images ({self.n})" if self.n else IMPOSSIBLE


def score_region(responses: Responses, region: str, truth: np.ndarray | None) -> RegionScore:
    """Score a region of a row.

    Args:
        responses: all of the row.
        region: asked about.
        truth: the oracle's changes for the same requests ``(n, len(MEASURED))``; None for the oracle itself, or where
            there is none.
    """
    dosed = responses.regions == region
    n = int(dosed.sum())
    if n < FEWEST or len(np.unique(responses.doses[dosed])) < 2:
        return RegionScore(region, n, None)
    here = dosed | (responses.regions == "")
    return RegionScore(region, n, _fit(responses.at(here), region, None if truth is None else truth[here]))


def _fit(mine: Responses, region: str, truth: np.ndarray | None) -> RegionFit:
    k, own = MEASURED.index(region), mine.regions == region
    x, y, people = np.where(own, mine.doses, 0.0), mine.changes[:, k], mine.subjects
    excess = mine.changes if truth is None else mine.changes - truth
    whole = np.isfinite(excess).all(axis=1)
    enough = whole.sum() > 3
    other = [name for name in MEASURED if name != region and name not in YIELDS.get(region, ())]
    line, bias = fitted_line(x, y, people), mean_of(y[mine.regions == ""])
    rms, rms_of_scan = _rms((y - x)[own]), _rms(x[own])
    has_lines = enough and len(np.unique(x[whole])) > 1
    beyond = {
        name: _per_ten(fitted_line(x[whole], excess[whole, MEASURED.index(name)], people[whole]))
        for name in (other if has_lines else ())
    }
    on_oracle, oracle_line, oracle_rms = None, None, float("nan")
    if truth is not None and enough:
        on_oracle = fitted_line(truth[whole, k], y[whole], people[whole])
        oracle_line = fitted_line(x[whole], truth[whole, k], people[whole])
        oracle_rms = _rms((y - truth[:, k])[whole & own])
    fit = RegionFit(
        line=line,
        r=float(np.corrcoef(x, y)[0, 1]) if np.ptp(y) > 0 else float("nan"),
        rms=rms,
        rms_of_scan=rms_of_scan,
        bias=bias,
        on_oracle=on_oracle,
        oracle_line=oracle_line,
        oracle_rms=oracle_rms,
        spill={
            name: _per_ten(fitted_line(x, mine.changes[:, MEASURED.index(name)], people))
            for name in MEASURED
            if name != region
        },
        beyond=beyond,
    )
    judged = on_oracle if fit.by_oracle and on_oracle is not None else line
    verdicts = {
        # An image that is no nearer to what was asked than the scan it was made from is wrong, too.
        "slope": WRONG if rms >= rms_of_scan else _within(judged.low, judged.high, *SLOPE),
        "bias": _within(bias.low, bias.high, -BIAS, BIAS),
        "spill": worst([_within(spill.low, spill.high, -SPILL, SPILL) for spill in beyond.values()]),
    }
    return replace(fit, verdicts=verdicts)


def worst(verdicts: Sequence[str]) -> str:
    """Wrong if any is, then inconclusive, then right; of none: inconclusive."""
    if WRONG in verdicts:
        return WRONG
    return INCONCLUSIVE if INCONCLUSIVE in verdicts or not verdicts else RIGHT


def _within(low: float, high: float, least: float, most: float) -> str:
    """Right: the whole interval is inside; wrong: it is outside altogether; else inconclusive.

    >>> _within(0.95, 1.02, 0.9, 1.1), _within(0.2, 0.4, 0.9, 1.1)
    ('right', 'wrong')
    """
    return WORDS[Outcome.of_interval(low, high, least, most)]


def _per_ten(line: Line) -> Spill:
    return Spill(10 * line.slope, 10 * line.low, 10 * line.high)


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt((values**2).mean())) if len(values) else float("nan")
