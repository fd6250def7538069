"""A classifier's figures with intervals, for the corpus that the texts were drawn from."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.arrays import BoolArray, FloatArray, IntArray
from models.label_map import LabelMap
from models.metrics import Scores, scores

RESAMPLES = 500


def evaluate(
    label_map: LabelMap,
    labels: IntArray,
    probability: FloatArray,
    *,
    rng: np.random.Generator,
    weights: FloatArray | None = None,
    low_agreement: BoolArray | None = None,
    level: float = 0.95,
    n_resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """Every figure of `models.metrics.scores` with a bootstrap interval.

    Parameters
    ----------
    label_map : LabelMap
    labels : (n,) array of int, or (n, K) of 0/1 for a multilabel task
        Gold labels of texts that the classifier was not fitted on.
    probability : (n, K) array
    rng : numpy.random.Generator
        Decides the resamples.
    weights : (n,) array, optional
        One over the inclusion probability: the figures then stand for the corpus. By default all ones, and
        the figures stand for these texts.
    low_agreement : (n,) array of bool, optional
        Texts on which coders disagreed: these and the others are then also evaluated apart.
    level : float
        Confidence level of the intervals.
    n_resamples : int
        Of each set of texts; 0 leaves the interval out.

    Returns
    -------
    DataFrame
        ``texts`` (``all``, ``agreed`` or ``low_agreement``), ``metric``, ``code``, ``estimate``, ``ci_low``,
        ``ci_high``, ``n``.

    Raises
    ------
    ValueError
        The arrays do not describe the same texts, a label is not in the map, there is no text, or a weight is
        not positive.

    Notes
    -----
    Percentile bootstrap over texts: n texts are drawn with replacement, each with its weight (Efron and
    Tibshirani 1993). It takes the gold labels as drawn independently, which for samples that are a small part
    of their corpus is a little too wide at most; it says nothing of how another training sample would do
    (for that see the SD of a cross-validation). A figure that is not defined in some resamples has the
    quantiles of the others.
    """
    labels = label_map.checked(labels, len(probability))
    weights = np.ones(len(labels)) if weights is None else np.asarray(weights, dtype=np.float64)
    if probability.shape != (len(labels), label_map.n_codes) or weights.shape != (len(labels),):
        raise ValueError("labels, probabilities and weights do not describe the same texts")
    if len(labels) == 0 or not (np.isfinite(weights) & (weights > 0)).all():
        raise ValueError("an evaluation needs at least one text, each with a finite weight above 0")
    sets: dict[str, BoolArray] = {"all": np.ones(len(labels), dtype=np.bool_)}
    if low_agreement is not None:
        sets |= {"agreed": ~low_agreement, "low_agreement": low_agreement}
    tables = []
    for name, rows in sets.items():
        if rows.any():
            texts = _Texts(label_map, labels[rows], probability[rows], weights[rows])
            tables.append(_with_intervals(texts, level, n_resamples, rng).assign(texts=name))
    table = pd.concat(tables, ignore_index=True)
    return table[["texts", "metric", "code", "estimate", "ci_low", "ci_high", "n"]]


@dataclass(frozen=True)
class _Texts:
    label_map: LabelMap
    labels: IntArray
    probability: FloatArray
    weights: FloatArray

    def scores(self, count: IntArray | None = None) -> Scores:
        """The figures, of each text counted so often."""
        if count is None:
            return scores(self.label_map, self.labels, self.probability, self.weights)
        drawn = np.flatnonzero(count)
        weights = self.weights[drawn] * count[drawn]
        return scores(self.label_map, self.labels[drawn], self.probability[drawn], weights)


def _with_intervals(texts: _Texts, level: float, n_resamples: int, rng: np.random.Generator) -> pd.DataFrame:
    n = len(texts.labels)
    point = texts.scores()
    draws = np.full((n_resamples, len(point)), np.nan)
    for row in range(n_resamples):
        draws[row] = list(texts.scores(rng.multinomial(n, np.full(n, 1.0 / n))).values())
    low, high = _quantiles(draws, level)
    return pd.DataFrame(
        {
            "metric": [metric for metric, _ in point],
            "code": [code for _, code in point],
            "estimate": list(point.values()),
            "ci_low": low,
            "ci_high": high,
            "n": n,
        }
    )


def _quantiles(draws: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
    """Ends of the middle share of each column; NaN where a column has no number."""
    low, high = np.full(draws.shape[1], np.nan), np.full(draws.shape[1], np.nan)
    some = np.isfinite(draws).any(axis=0)
    if some.any():
        ends = [(1.0 - level) / 2.0, (1.0 + level) / 2.0]
        low[some], high[some] = np.nanquantile(draws[:, some], ends, axis=0)
    return low, high
