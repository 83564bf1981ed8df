"""The PGM's closed form on plain arrays: what a bootstrap that refits in every replicate can afford.

With one scale a lobe the affine flow is a linear-Gaussian model of log volumes, and abduction, action and prediction
collapse into ``log v^ = log v + (x^ - x) B``, ``x`` the encoded parents and ``B`` their least-squares coefficients.
`PGM.fit` with ``kind="linear"`` says the same, with every value checked and some twenty times slower.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pcgm_bench.contracts import Intervention
from pcgm_bench.contracts import UserError
from pcgm_bench.methods.pcgm.pgm.parents import PARENTS
from pcgm_bench.methods.pcgm.pgm.parents import Encoder
from pcgm_bench.methods.pcgm.pgm.parents import Parents


def linear_counterfactuals(
    train: pd.DataFrame, asked: pd.DataFrame, interventions: Sequence[Intervention], lobes: Sequence[str]
) -> np.ndarray:
    """Volumes (mL) ``(n, lobes)`` of ``asked`` under their interventions, by a model of ``train``.

    Args:
        train: checked people: subject, age, sex, diagnosis, head_size (mL), lobes (mL); a subject's rows share its
            weight.
        asked: the people to answer about, same columns.
        interventions: one a row of ``asked``.
        lobes: columns to answer.

    Raises:
        UserError: a diagnosis or sex that nobody in ``train`` has, or a variable that is not a parent.
    """
    person = np.unique(train["subject"].to_numpy(str), return_inverse=True)[1]
    weights = 1.0 / np.bincount(person)[person]
    learned = Parents.of(train)
    encoder = Encoder.learn(learned, weights)
    before = Parents.of(asked)
    after = _act(before, interventions, encoder)
    root = np.sqrt(weights)[:, None]
    logs = np.log(_values(train, lobes))
    coefficients = np.linalg.lstsq(root * encoder.columns(learned), root * logs, rcond=None)[0]
    shift = (encoder.columns(after) - encoder.columns(before)) @ coefficients
    return _values(asked, lobes) * np.exp(shift)


def _values(table: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """Columns as floats ``(n, columns)``; selecting several at once costs pandas ten times as long."""
    return np.stack([table[column].to_numpy(float) for column in columns], axis=1)


def _act(people: Parents, interventions: Sequence[Intervention], encoder: Encoder) -> Parents:
    before = people.by_name
    changed = {name: values.astype(object) for name, values in before.items()}
    # Sex counts only where it is changed: a small bootstrap sample may have lost one, and what stays has no effect.
    used = {"diagnosis": set(people.diagnosis.tolist()), "sex": set[str]()}
    for row, do in enumerate(interventions):
        for name, value in do.items():
            if name not in changed:
                raise UserError(f"the PGM cannot intervene on {name!r}: use {', '.join(PARENTS)}")
            changed[name][row] = value
            if name == "sex":
                used["sex"] |= {str(value), str(people.sex[row])}
            elif name == "diagnosis":
                used["diagnosis"].add(str(value))
    for name, known in (("diagnosis", encoder.levels), ("sex", encoder.sexes)):
        if strange := used[name] - set(known):
            raise UserError(f"{name} {sorted(strange)[0]!r} was not in the PGM's training table; it knows {known}")
    return Parents(**{name: values.astype(before[name].dtype) for name, values in changed.items()})
