"""Error map as gradient-boosted trees on machine labels, confidence and features."""

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from models.arrays import FloatArray, IntArray
from models.base_rate import BaseRate
from models.signals import Signals
from models.threads import one_thread

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

MIN_GOLD = 300
MANY_UNITS = 50_000


@dataclass(frozen=True)
class Boosting:
    """P(code | signals) of boosted trees; a code without gold keeps the base rate.

    Columns in which no gold unit has a number are left out.
    """

    trees: "HistGradientBoostingClassifier"
    share: FloatArray
    kept: IntArray

    def predict(self, signals: Signals) -> FloatArray:
        """Probabilities (m, K) of m units."""
        seen = self.trees.classes_.astype(np.int64)
        prediction = np.repeat(self.share[None, :], signals.n_units, axis=0)
        columns = _columns(signals)[:, self.kept]
        with one_thread() if signals.n_units < MANY_UNITS else nullcontext():
            prediction[:, seen] = self.share[seen].sum() * self.trees.predict_proba(columns)
        return prediction


def fit_boosting(
    signals: Signals, gold: IntArray, *, weights: FloatArray, base: BaseRate
) -> Boosting | BaseRate:
    """Shallow trees, few and slow: a few hundred gold units bear no more. One code only gives the base rate.

    A unit of weight zero is left out. The fit uses no chance.
    """
    fitting = weights > 0
    if np.unique(gold[fitting]).size < 2:
        return base
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415 (slow to import)

    columns = _columns(signals.take(fitting))
    kept = np.flatnonzero(np.isfinite(columns).any(axis=0))
    trees = HistGradientBoostingClassifier(
        learning_rate=0.08,
        max_iter=50,
        max_depth=3,
        min_samples_leaf=15,
        l2_regularization=5.0,
        early_stopping=False,
        categorical_features=np.flatnonzero(kept < signals.n_annotators),
        random_state=0,
    )
    with one_thread():
        trees.fit(columns[:, kept], gold[fitting], sample_weight=weights[fitting])
    return Boosting(trees, base.share, kept)


def _columns(signals: Signals) -> FloatArray:
    labels = np.where(signals.labels >= 0, signals.labels, np.nan)
    return np.concatenate([labels, signals.confidence, signals.features, signals.leanings], axis=1)
