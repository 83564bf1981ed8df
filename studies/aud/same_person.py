"""Is the counterfactual still the same person: error to the oracle, and the scan that an image comes nearest to."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace

import numpy as np

from pcgm_bench.contracts import Estimate
from pcgm_bench.statistics.reference_error import rms_error
from pcgm_bench.studies.aud.sample import LOBES
from pcgm_bench.studies.aud.sample import Sample
from pcgm_bench.studies.aud.sound_rule import PairedEffect

ERROR_SHARE = 0.5
"""A counterfactual has to come at least twice as near to the oracle as the unchanged scan does."""

CORRELATION = 0.5
"""Without an oracle: least correlation of factual and counterfactual volumes (age, sex, head size held equal)."""

OWN_NEAREST = 0.99
"""Least share of counterfactual images whose nearest factual scan is the person's own."""

REPLICATES = 500


@dataclass(frozen=True)
class SamePerson:
    """Whether the counterfactuals show the people they were made from.

    Attributes:
        passed: the verdict.
        criterion: what the volumes were held against.
        lobe: the lobe that decides; empty where there are no volumes.
        value: its value; NaN likewise.
    """

    passed: bool
    criterion: str
    lobe: str = ""
    value: float = float("nan")


def oracle_error(sample: Sample, oracle: Sample, seed: int) -> dict[str, Estimate]:
    """Lobe -> how far each person's counterfactual is from the oracle's, both measured by the same segmenter.

    Root mean square over people, in per cent of the oracle's volume.
    """
    place = {subject: i for i, subject in enumerate(oracle.subjects)}
    shared = [i for i, subject in enumerate(sample.subjects) if subject in place]
    truth = oracle.other_lobes[[place[sample.subjects[i]] for i in shared]]
    error = 100 * (sample.other_lobes[shared] / truth - 1)
    return dict(zip(LOBES, rms_error(error, sample.patient[shared], REPLICATES, seed), strict=True))


def same_person(
    paired: Mapping[str, Mapping[str, PairedEffect]],
    errors: Mapping[str, Estimate] | None,
    unchanged: Mapping[str, Estimate] | None,
    affected: Sequence[str],
    nearest: Estimate | None = None,
) -> SamePerson:
    """Decide whether the counterfactuals show the people they were made from.

    A random patient in place of every control has the right group means, and passes every comparison of groups; only
    a comparison person by person can refuse it.

    Args:
        paired: column -> lobe -> correlation of factual and counterfactual volumes.
        errors: `oracle_error` of this row; None or empty without an oracle.
        unchanged: `oracle_error` of the input copied, for scale.
        affected: lobes in which the oracle differs from the input.
        nearest: share of images whose nearest factual scan is the person's own; None without images.
    """
    verdict = _by_volumes(paired, errors, unchanged, affected)
    if nearest is not None and nearest.value < OWN_NEAREST:
        return replace(verdict, passed=False)
    return verdict


def _by_volumes(
    paired: Mapping[str, Mapping[str, PairedEffect]],
    errors: Mapping[str, Estimate] | None,
    unchanged: Mapping[str, Estimate] | None,
    affected: Sequence[str],
) -> SamePerson:
    if errors and unchanged and affected:
        shares = {lobe: errors[lobe].value / unchanged[lobe].value for lobe in affected}
        lobe = max(shares, key=lambda name: np.nan_to_num(shares[name], nan=np.inf))
        criterion = f"error to the oracle <= {ERROR_SHARE:g} of the unchanged scan's, every affected lobe"
        return SamePerson(bool(shares[lobe] <= ERROR_SHARE), criterion, lobe, shares[lobe])
    lows = {lobe: min(column[lobe].r for column in paired.values()) for lobe in LOBES}
    known = {lobe: r for lobe, r in lows.items() if not np.isnan(r)}
    if not known:
        return SamePerson(False, "no counterfactual volumes")
    lobe = min(known, key=lambda name: known[name])
    criterion = f"correlation with the factual volumes >= {CORRELATION:g}, every lobe"
    return SamePerson(bool(known[lobe] >= CORRELATION), criterion, lobe, known[lobe])
