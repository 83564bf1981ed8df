"""PCGM as a generator: the PGM says how large the lobes would be, the CMG draws the mask, the MGD draws the image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pandas as pd

from pcgm_bench.anatomy import LOBE_NAMES
from pcgm_bench.contracts import Card
from pcgm_bench.contracts import Cohort
from pcgm_bench.contracts import Context
from pcgm_bench.contracts import Do
from pcgm_bench.contracts import Generator
from pcgm_bench.contracts import Scan
from pcgm_bench.contracts import UserError
from pcgm_bench.methods.pcgm.pgm import PGM

JOBS = frozenset({"volumes"})


class PCGM(Generator):
    """Li et al. 2025: probabilistic graph module, counterfactual mask generator, mask-guided diffusion.

    `adapt` fits the PGM on a fold's people, `counterfactual_volumes` is the PGM alone.
    """

    card: ClassVar[Card] = Card(
        name="pcgm",
        title="PCGM",
        version="1",
        reference="Li et al. 2025, arXiv 2509.09054",
        licence="Apache-2.0",
        jobs=JOBS,
    )
    refit_replicates: ClassVar[int] = 200
    """Bootstrap replicates in which a study refits the PGM."""

    def __init__(self) -> None:
        """A model that has seen nobody yet."""
        self.pgm: PGM | None = None

    def adapt(self, cohort: Cohort, context: Context) -> None:
        """Fit the PGM on the fold's people.

        Raises:
            UserError: too few people, or a diagnosis with fewer than two.
        """
        self.pgm = PGM.fit(volume_table(cohort), context.seed)

    def refit_volumes(self, train: pd.DataFrame, asked: pd.DataFrame, dos: Sequence[Do], seed: int) -> pd.DataFrame:
        """Fit the PGM's closed form on one table of people and answer about another: for bootstraps.

        The closed form is exactly the linear-Gaussian case of `adapt`'s flow, in milliseconds.

        Args:
            train: subject, age, sex, diagnosis, head_size (mL) and the lobes (mL), one row a person.
            asked: the people to answer about, same columns.
            dos: their interventions, one a row of ``asked``.
            seed: unused by the closed form.

        Returns:
            The lobes of ``asked`` under their interventions, same order.
        """
        model = PGM.fit(train, seed, fast=True)
        answer = asked[list(LOBE_NAMES)].astype(float).copy()
        kinds = [tuple(sorted(do.items())) for do in dos]
        for kind in sorted(set(kinds)):
            mine = [one == kind for one in kinds]
            answer.loc[mine, list(LOBE_NAMES)] = model.counterfactual(asked.loc[mine], dict(kind))[list(LOBE_NAMES)]
        return answer

    def counterfactual_volumes(self, scan: Scan, do: Do, seed: int) -> dict[str, float]:
        """Lobes (mL) of this person under ``do``: abduction, action, prediction.

        Raises:
            UserError: `adapt` has not been called, the scan is not segmented, or ``do`` is not understood.
        """
        if self.pgm is None:
            msg = "pcgm: no PGM yet: adapt it to a training fold, or load a fitted one"
            raise UserError(msg)
        answer = self.pgm.counterfactual(row_of(scan), do)
        return {lobe: float(answer[lobe].iloc[0]) for lobe in self.pgm.lobes}

    def save(self, folder: Path) -> None:
        """Write the PGM, where there is one."""
        if self.pgm is not None:
            self.pgm.save(folder)

    def load(self, folder: Path) -> None:
        """Read what `save` wrote."""
        if (folder / "pgm.safetensors").exists():
            self.pgm = PGM.load(folder)


def row_of(scan: Scan) -> pd.DataFrame:
    """One row of the PGM's table from a segmented scan.

    Raises:
        UserError: the scan has not been segmented.
    """
    if scan.segmentation is None:
        msg = f"{scan.key}: pcgm needs the scan's segmentation: segment it first"
        raise UserError(msg)
    row: dict[str, object] = {
        "subject": scan.subject,
        "age": scan.age,
        "sex": scan.sex,
        "diagnosis": scan.diagnosis,
        "head_size": scan.head_size,
    }
    return pd.DataFrame([row | {lobe: float(scan.segmentation.volumes[lobe]) for lobe in LOBE_NAMES}])


def volume_table(cohort: Cohort) -> pd.DataFrame:
    """The PGM's table of a segmented cohort, one row a visit."""
    return pd.concat([row_of(cohort[index]) for index in range(len(cohort))], ignore_index=True)
