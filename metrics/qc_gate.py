"""qc-gate: do enough synthetic images pass a quality score, and as many as real ones?"""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any
from typing import ClassVar

import numpy as np

from pcgm_bench.contracts import MetricRecord
from pcgm_bench.statistics.proportion import wilson

if TYPE_CHECKING:
    import pandas as pd

ENOUGH = 0.95
"""Share of images that must pass (Wu et al. 2024)."""
THRESHOLDS: dict[str, float | None] = {
    "pcgm-bench segmenter score": 0.65,
    "SynthSeg QC": 0.65,
    "Euler number": None,
}
"""Known scores, and what an image must reach. SynthSeg's is from Wu et al. 2024 and holds in each of its structure
groups; ours borrows it. The Euler number (per hemisphere, 2 without a hole, the higher the better) has no accepted
threshold: it differs by scanner, so that it must be given."""


class QCGate:
    """Share of synthetic images whose quality score reaches a threshold, in the score that is worst.

    A set ``passed`` when at least 95 % of its images pass and no smaller share than of the real ones. Which score it
    is must be said: "FreeSurfer's QC score", as the paper has it, does not exist. Bias: none, given the score. Known
    failure: scores look at one image at a time and ask whether there is a head, so that one good scan again and again
    (one-person), the training-mean and a blurred-copy pass as real scans do; only what is no head, such as noise, does
    not. It is a gate, not a measure of realism.

    >>> import pandas as pd
    >>> real, made = pd.DataFrame({"qc": [0.9] * 4}), pd.DataFrame({"qc": [0.9, 0.9, 0.9, 0.2]})
    >>> found = QCGate()(real, made)
    >>> found["value"], found["passed"], found["score"]
    (0.75, False, 'pcgm-bench segmenter score')
    """

    record: ClassVar[MetricRecord] = MetricRecord(
        name="qc-gate",
        version="1",
        direction="higher",
        range=(0.0, 1.0),
        unit="share",
        reference="Wu et al. 2024, arXiv 2409.08463; Li et al. 2025, section 4.2",
        perfect=1.0,
        useless=0.0,
        inputs="volumes",
    )

    columns: ClassVar[tuple[str, ...]] = ("qc",)

    def __call__(
        self,
        real: pd.DataFrame,
        made: pd.DataFrame,
        score: str = "pcgm-bench segmenter score",
        threshold: float | None = None,
    ) -> dict[str, Any]:
        """Compare two tables, one row an image.

        Args:
            real: a column ``qc``, or several that start with ``qc_``, one a structure group; an image without a score
                does not pass.
            made: the same columns.
            score: what the columns hold, such as one of `THRESHOLDS`; empty: nobody says.
            threshold: what an image must reach; None takes the score's own.

        Returns:
            ``value`` in [0, 1], its 95 % Wilson interval ``low`` and ``high``, ``n``, ``n_real``, ``real`` (the share
            of real images that pass in that column), ``passed``, ``score``, ``threshold``, and ``columns``: the share
            by column. A score without a name or a threshold has a ``value`` of None and a ``reason``.

        Raises:
            ValueError: no column, or no images.
        """
        columns = [name for name in made if name == "qc" or str(name).startswith("qc_")]
        if not columns or any(name not in real for name in columns):
            raise ValueError("qc-gate needs a column qc, or columns qc_..., in both tables")
        if not len(real) or not len(made):
            raise ValueError("qc-gate needs real and synthetic images")
        least = THRESHOLDS.get(score) if threshold is None else threshold
        if not score or least is None:
            nameless = "nobody says whose QC score this is; a column is named for it: qc_synthseg, euler"
            reason = f"{score} has no accepted threshold; give one (--qc-threshold)" if score else nameless
            missing = {"value": None, "low": None, "high": None, "n": 0, "reason": reason}
            return {**missing, "score": score, "threshold": least}
        passing = {name: (table[columns].to_numpy(float) >= least) for name, table in (("real", real), ("made", made))}
        shares = {name: values.mean(axis=0) for name, values in passing.items()}
        worst = int(np.argmin(shares["made"]))
        n = len(made)
        value = float(shares["made"][worst])
        low, high = wilson(int(passing["made"][:, worst].sum()), n)
        return {
            "value": value,
            "low": low,
            "high": high,
            "n": n,
            "n_real": len(real),
            "real": float(shares["real"][worst]),
            "passed": bool((shares["made"] >= ENOUGH).all() and (shares["made"] >= shares["real"]).all()),
            "score": score,
            "threshold": least,
            "columns": {str(name): float(share) for name, share in zip(columns, shares["made"], strict=True)},
        }
