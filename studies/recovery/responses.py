"""What became of a row's requests: measured changes of every volume; changes are log-changes in per cent."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import Measurement

MEASURED = (*LOBE_NAMES, "white_matter", "ventricles")
"""Volumes that are looked at in every image."""

Volumes = Mapping[tuple[str, str], Mapping[str, float]]
"""``(subject, session)`` -> mL by region."""


@dataclass(frozen=True)
class Responses:
    """What became of a row's requests, one an image.

    Attributes:
        keys: ``subject``, ``session`` and request of every image: finds the oracle's image of the same request.
        regions: the region asked about; empty for the null intervention.
        doses: ``(n,)`` asked log-change of that region, %.
        before: ``(n, len(MEASURED))`` every volume of the factual scan, mL.
        changes: ``(n, len(MEASURED))`` measured log-change of every volume, %.
    """

    keys: tuple[tuple[str, str, str, float], ...]
    regions: np.ndarray
    doses: np.ndarray
    before: np.ndarray
    changes: np.ndarray

    @property
    def subjects(self) -> np.ndarray:
        """Whose each image is."""
        return np.array([key[0] for key in self.keys])

    @property
    def names(self) -> list[str]:
        """A name an image, from the person and the request: ``sub-001_ses-01_frontal-0.95``."""
        return [
            f"sub-{subject}" + (f"_ses-{session}" if session else "") + (f"_{region}-{factor:g}" if region else "_null")
            for subject, session, region, factor in self.keys
        ]

    def at(self, rows: np.ndarray) -> Responses:
        """These of the images (indices or a mask)."""
        places = np.arange(len(self.keys))[rows]
        keys = tuple(self.keys[place] for place in places)
        kept = (values[places] for values in (self.regions, self.doses, self.before, self.changes))
        return Responses(keys, *kept)

    def for_region(self, region: str) -> Responses:
        """Its own requests, and those of nothing."""
        return self.at(np.isin(self.regions, [region, ""]))

    def is_dosed(self, region: str) -> bool:
        """Whether there are images of two doses of the region or more."""
        return len(np.unique(self.doses[self.regions == region])) > 1


def responses_of(measurements: Sequence[Measurement], row: str, factual: Volumes) -> Responses:
    """The volumes of a row against those of the scans they were made from; images without either are left out."""
    keys, regions, doses, volumes, changes = [], [], [], [], []
    for measurement in measurements:
        scan = factual.get((measurement.subject, measurement.session))
        if measurement.row != row or scan is None or len(measurement.do) > 1:
            continue
        pairs = [(measurement.volumes.get(name, 0.0), scan.get(name, 0.0)) for name in MEASURED]
        if not all(after > 0 and before > 0 for after, before in pairs):
            continue
        region, factor = next(iter(measurement.do.items()), ("", 1.0))
        keys.append((measurement.subject, measurement.session, region, float(factor)))
        regions.append(region)
        doses.append(100 * np.log(factor))
        volumes.append([before for _, before in pairs])
        changes.append([100 * np.log(after / before) for after, before in pairs])
    before_and_change = (np.array(values).reshape(-1, len(MEASURED)) for values in (volumes, changes))
    return Responses(tuple(keys), np.array(regions, dtype=str), np.array(doses), *before_and_change)


def paired(responses: Responses, oracle: Responses) -> np.ndarray:
    """The oracle's changes for the same requests ``(n, len(MEASURED))``; NaN where it has none."""
    known = dict(zip(oracle.keys, oracle.changes, strict=True))
    missing = np.full(len(MEASURED), np.nan)
    return np.array([known.get(key, missing) for key in responses.keys]).reshape(-1, len(MEASURED))
