"""How well a kind of classifier does on texts it has not seen: cross-validation and learning curves."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.arrays import FloatArray, IntArray
from models.classifier import Make
from models.folds import stratified_folds, stratified_sample
from models.label_map import LabelMap, Text
from models.metrics import scores


@dataclass(frozen=True)
class CrossValidation:
    """What k classifiers said of the fold that each had not seen.

    Attributes
    ----------
    label_map : LabelMap
    fold : (n,) array of int
    probability : (n, K) array
        Of every text, from the classifier that did not see it: `models.evaluation.evaluate` takes it.
    by_fold : DataFrame
        ``fold``, ``metric``, ``code``, ``value``.
    """

    label_map: LabelMap
    fold: IntArray
    probability: FloatArray
    by_fold: pd.DataFrame

    def summary(self) -> pd.DataFrame:
        """``metric``, ``code``, ``mean`` and ``sd`` over the folds in which a figure is defined."""
        grouped = self.by_fold.groupby(["metric", "code"], sort=False)["value"]
        return grouped.agg(mean="mean", sd="std").reset_index()


def cross_validate(
    make: Make,
    texts: Sequence[Text],
    labels: IntArray,
    *,
    rng: np.random.Generator,
    weights: FloatArray | None = None,
    n_folds: int = 5,
) -> CrossValidation:
    """Fit on all folds but one and predict that one, in turn.

    Folds are stratified by code, and copies of a text share one. Fits and figures are weighted, so the
    figures hold for the corpus that weights of one over the inclusion probability stand for. The SD over
    folds, which papers report, says how much folds differ; it is no standard error of the mean.

    Raises
    ------
    ValueError
        Fewer different texts than folds, or what `Classifier.fit` raises.
    """
    label_map = make().label_map
    labels = label_map.checked(labels, len(texts))
    weights = np.ones(len(texts)) if weights is None else weights
    fold = stratified_folds(labels, n_folds, rng, groups=list(texts))
    probability = np.empty((len(texts), label_map.n_codes))
    rows = []
    for j, child in enumerate(rng.spawn(n_folds)):
        fitting, held = np.flatnonzero(fold != j), np.flatnonzero(fold == j)
        fitted = make().fit([texts[i] for i in fitting], labels[fitting], weights[fitting], child)
        probability[held] = fitted.predict_proba([texts[i] for i in held])
        found = scores(label_map, labels[held], probability[held], weights[held])
        rows += [
            {"fold": j, "metric": metric, "code": code, "value": v} for (metric, code), v in found.items()
        ]
    return CrossValidation(label_map, fold, probability, pd.DataFrame(rows))


def learning_curve(
    make: Make,
    texts: Sequence[Text],
    labels: IntArray,
    sizes: Sequence[int],
    *,
    rng: np.random.Generator,
    weights: FloatArray | None = None,
    n_folds: int = 5,
) -> pd.DataFrame:
    """Figures against the number of labels: what more coding would bring.

    Each fold is predicted by classifiers fitted on stratified parts of the other folds; a larger part holds
    the smaller ones. Sizes beyond what the folds leave are cut to that.

    Returns
    -------
    DataFrame
        ``n_labels``, ``metric``, ``code``, ``mean``, ``sd`` over folds.
    """
    label_map = make().label_map
    labels = label_map.checked(labels, len(texts))
    weights = np.ones(len(texts)) if weights is None else weights
    fold = stratified_folds(labels, n_folds, rng, groups=list(texts))
    most = min(int((fold != j).sum()) for j in range(n_folds))
    wanted = sorted({min(size, most) for size in sizes}, reverse=True)
    rows = []
    for j, child in enumerate(rng.spawn(n_folds)):
        part, held = np.flatnonzero(fold != j), np.flatnonzero(fold == j)
        for size in wanted:
            part = part[stratified_sample(labels[part], size, child)]
            fitted = make().fit([texts[i] for i in part], labels[part], weights[part], child)
            probability = fitted.predict_proba([texts[i] for i in held])
            found = scores(label_map, labels[held], probability, weights[held])
            rows += [
                {"n_labels": size, "metric": metric, "code": code, "value": v}
                for (metric, code), v in found.items()
            ]
    grouped = pd.DataFrame(rows).groupby(["n_labels", "metric", "code"], sort=False)["value"]
    table = grouped.agg(mean="mean", sd="std").reset_index()
    return table.sort_values("n_labels", kind="stable", ignore_index=True)
