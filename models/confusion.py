"""Which codes a classifier takes for which."""

import numpy as np
import pandas as pd
from sklearn import metrics

from models.arrays import FloatArray, IntArray
from models.label_map import LabelMap

ABSENT, PRESENT = "absent", "present"


def confusion(
    label_map: LabelMap, labels: IntArray, probability: FloatArray, weights: FloatArray
) -> pd.DataFrame:
    """One row a pair of gold and predicted code; of a multilabel task, whether each code is there.

    Parameters
    ----------
    label_map : LabelMap
    labels : (n,) array of int, or (n, K) of 0/1 for a multilabel task
    probability : (n, K) array
    weights : (n,) array
        One over the inclusion probability.

    Returns
    -------
    DataFrame
        ``code`` (of a multilabel task, else empty), ``gold``, ``predicted``, ``n`` texts, and ``share``, the
        weighted share of the texts with this gold code; NaN where there are none.

    >>> codes, p = LabelMap(("no", "yes"), "binary"), np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])
    >>> confusion(codes, np.array([0, 0, 1]), p, np.array([3.0, 1.0, 1.0]))["share"].tolist()
    [0.75, 0.25, 0.0, 1.0]
    """
    said = label_map.predict(probability)
    if not label_map.is_multilabel:
        return _pairs("", label_map.codes, labels, said, weights)
    return pd.concat(
        [
            _pairs(code, (ABSENT, PRESENT), labels[:, k], said[:, k], weights)
            for k, code in enumerate(label_map.codes)
        ],
        ignore_index=True,
    )


def _pairs(
    code: str, names: tuple[str, ...], gold: IntArray, said: IntArray, weights: FloatArray
) -> pd.DataFrame:
    known = list(range(len(names)))
    count = metrics.confusion_matrix(gold, said, labels=known)
    mass = metrics.confusion_matrix(gold, said, labels=known, sample_weight=weights)
    total = mass.sum(axis=1, keepdims=True)
    share = np.divide(mass, total, out=np.full(mass.shape, np.nan), where=total > 0)
    return pd.DataFrame(
        {
            "code": code,
            "gold": np.repeat(names, len(names)),
            "predicted": np.tile(names, len(names)),
            "n": count.ravel().astype(np.int64),
            "share": share.ravel(),
        }
    )
