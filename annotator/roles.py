"""Columns of the corpus with a role of their own: weights and clusters."""

import numpy as np
import pandas as pd

from annotator.errors import StudyError
from annotator.study import Study
from models.arrays import FloatArray, IntArray


def unit_weights(study: Study, units: pd.DataFrame) -> FloatArray | None:
    """The weights of the corpus, (N,), if it has any. Raises StudyError unless all are positive numbers."""
    column = study.corpus.weight
    if column is None:
        return None
    values = pd.to_numeric(units[column], errors="coerce").to_numpy(dtype=float)
    wrong = ~(np.isfinite(values) & (values > 0))
    if wrong.any():
        raise StudyError(
            f"corpus.weight: {int(wrong.sum())} values of '{column}' are not positive numbers, "
            f"first that of unit {units['unit_id'].iloc[int(wrong.argmax())]}",
            hint="A weight of zero means that a unit does not belong to the corpus: leave it out.",
        )
    return values


def unit_clusters(study: Study, units: pd.DataFrame) -> IntArray | None:
    """The cluster of each unit, (N,), if the corpus has any. Raises StudyError if one is missing."""
    column = study.corpus.cluster
    if column is None:
        return None
    number, _ = pd.factorize(units[column])
    if (number < 0).any():
        raise StudyError(
            f"corpus.cluster: '{column}' is missing for {int((number < 0).sum())} units",
            hint="Give every unit a cluster, if only one of its own.",
        )
    return number.astype(np.int64)
