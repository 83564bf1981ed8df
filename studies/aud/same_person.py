"""Is the counterfactual still the same person: error to the oracle, and the scan that an image comes nearest to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pcgm_bench.contracts import Estimate
from pcgm_bench.contracts import RowKind
from pcgm_bench.results.verdict import Outcome
from pcgm_bench.results.verdict import VerdictPart
from pcgm_bench.statistics.effects import partial_out
from pcgm_bench.statistics.reference_error import rms_error
from pcgm_bench.studies.aud.row_evidence import RowEvidence
from pcgm_bench.studies.aud.sample import LOBES
from pcgm_bench.studies.aud.sample import Sample
from pcgm_bench.studies.aud.truth_power import ERROR_SHARE
from pcgm_bench.studies.aud.truth_power import FAIL_LEVEL
from pcgm_bench.studies.aud.truth_power import READING
from pcgm_bench.studies.aud.truth_power import TOGETHER
from pcgm_bench.studies.aud.truth_power import worst_of

CORRELATION = 0.5
"""Least correlation of factual and counterfactual volumes (age, sex, head size held equal)."""

CLEAR_CHANGE = 4.0
"""Least change asked for, in log-per cent, that is told from reading noise person by person: two readings that are off
by 1 % each differ by a third of it."""

OWN_NEAREST = 0.99
"""Least share of counterfactual images whose nearest factual scan is the person's own."""

REPLICATES = 500

NEAREST, CHANGE = "own scan nearest", "right change"


def change_error(sample: Sample, truth: np.ndarray, seed: int) -> dict[str, Estimate]:
    """Lobe -> how far each person's counterfactual is from the volumes that it should have.

    Root mean square over people, in per cent of the right volume; both are measured by the same segmenter where the
    truth is the oracle's image.

    Args:
        sample: the row.
        truth: ``(n, 6)`` mL; NaN for people of whom it is not known, who are left out.
        seed: of the bootstrap.
    """
    known = np.isfinite(truth).any(axis=1)
    error = 100 * (sample.other_lobes[known] / truth[known] - 1)
    return dict(zip(LOBES, rms_error(error, sample.patient[known], REPLICATES, seed), strict=True))


def oracle_volumes(sample: Sample, oracle: Sample) -> np.ndarray:
    """``(n, 6)`` lobes (mL) of the same people in the oracle's images; NaN for people without one."""
    place = {subject: i for i, subject in enumerate(oracle.subjects)}
    truth = np.full_like(sample.lobes, np.nan)
    for i, subject in enumerate(sample.subjects):
        if subject in place:
            truth[i] = oracle.other_lobes[place[subject]]
    return truth


def reading_noise(unchanged: Sample, truth: np.ndarray) -> dict[str, float]:
    """Lobe -> how far two readings of the right volume are apart by themselves: s.d., in per cent of the volume.

    The oracle's image and the factual scan differ by the true change and by the noise of both readings. Among people of
    one direction and of equal age, sex and head size the true change is the same; what they differ by is noise.

    Args:
        unchanged: the people, with their factual volumes as counterfactual ones.
        truth: ``(n, 6)`` mL in the oracle's images; NaN for people without one.
    """
    known = np.isfinite(truth).all(axis=1)
    error = 100 * (unchanged.other_lobes[known] / truth[known] - 1)
    covariates, patient = unchanged.covariates[known], unchanged.patient[known]
    squares, dof = np.zeros(len(LOBES)), 0
    for side in (patient, ~patient):
        spare = int(side.sum()) - 1 - covariates.shape[1]
        if spare > 0:
            squares += (partial_out(error[side], covariates[side]) ** 2).sum(axis=0)
            dof += spare
    if not dof:  # nobody to see it in
        return dict.fromkeys(LOBES, 100 * float(np.sqrt(2)) * READING)
    return dict(zip(LOBES, np.sqrt(squares / dof).tolist(), strict=True))


def nearest_part(evidence: RowEvidence) -> VerdictPart | None:
    """Is each image nearest to the scan that it was made from; None for rows without images."""
    nearest = evidence.nearest
    if nearest is None or np.isnan(nearest.value):
        return None
    reason = f"{nearest.value:.1%} of {nearest.n} images, at least {OWN_NEAREST:.0%} is needed"
    outcome = Outcome.PASS if nearest.value >= OWN_NEAREST else Outcome.FAIL
    return VerdictPart(NEAREST, outcome, reason)


def change_part(evidence: RowEvidence) -> VerdictPart | None:
    """Is each person changed as they should be: error to the truth, or to what was asked, against the unchanged scan's.

    A random patient in place of every control has the right group means, and passes every comparison of groups; only
    a comparison person by person can refuse it. Where nobody knows what is right for a person, only that can be said:
    whether factual and counterfactual volumes belong together (`CORRELATION`).
    """
    strange = _stranger(evidence)
    if strange is not None:
        return strange
    if evidence.row.kind is RowKind.CEILING:
        return None  # its change is the right one by definition
    if not evidence.errors:
        reason = "the right change of a person is not known; factual and counterfactual volumes belong together"
        return VerdictPart(CHANGE, Outcome.CANNOT_DECIDE, reason, is_decidable=False)
    lobes: Sequence[str] = evidence.pattern.affected
    if not evidence.has_truth:
        lobes = [lobe for lobe, achieved in evidence.achieved.items() if abs(achieved.asked) >= CLEAR_CHANGE]
    if not lobes:
        return VerdictPart(CHANGE, Outcome.CANNOT_DECIDE, "no lobe is to change by enough", is_decidable=False)
    shares = {lobe: _share(evidence, lobe) for lobe in lobes}
    lobe = max(shares, key=lambda name: np.nan_to_num(shares[name], nan=np.inf))
    what = "error to the oracle, noise of reading taken out," if evidence.has_truth else "error to what was asked"
    reason = f"{lobe}: {what} {shares[lobe]:.2f} of the change, at most {ERROR_SHARE:g} is needed"
    if shares[lobe] <= ERROR_SHARE:
        return VerdictPart(CHANGE, Outcome.PASS, reason, lobe)
    if not evidence.has_truth:  # what is asked is known; what is true a right causal model only estimates
        return VerdictPart(CHANGE, Outcome.FAIL, reason, lobe)
    power = evidence.change_power
    if shares[lobe] <= np.quantile(worst_of(power.allowed_error, lobes), 1 - FAIL_LEVEL):
        reason = f"{reason}; a right causal model fitted to so few people may be as far off"
        is_decidable = bool((worst_of(power.change_error, lobes) <= ERROR_SHARE).mean() >= TOGETHER)
        return VerdictPart(CHANGE, Outcome.CANNOT_DECIDE, reason, lobe, is_decidable=is_decidable)
    return VerdictPart(CHANGE, Outcome.FAIL, reason, lobe)


def _share(evidence: RowEvidence, lobe: str) -> float:
    """Error over the change that was to be made. The noise of reading is in the error of every row, and no fault of it.

    NaN where the change is lost in the noise.
    """
    noise = evidence.noise.get(lobe, 0.0) ** 2
    change = evidence.unchanged[lobe].value ** 2 - noise
    if change <= 0:
        return float("nan")
    return float(np.sqrt(np.maximum(evidence.errors[lobe].value ** 2 - noise, 0.0) / change))


def _stranger(evidence: RowEvidence) -> VerdictPart | None:
    """A fail where the volumes are those of somebody else, or there are none."""
    lows = {lobe: min(column[lobe].r for column in evidence.sound.paired.values()) for lobe in LOBES}
    known = {lobe: r for lobe, r in lows.items() if not np.isnan(r)}
    if not known:
        return VerdictPart(CHANGE, Outcome.FAIL, "no counterfactual volumes")
    lobe = min(known, key=lambda name: known[name])
    if known[lobe] >= CORRELATION:
        return None
    reason = f"{lobe}: correlation with the factual volumes {known[lobe]:.2f}, at least {CORRELATION:g} is needed"
    return VerdictPart(CHANGE, Outcome.FAIL, reason, lobe)
