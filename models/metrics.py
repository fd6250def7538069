"""How good predictions are, by every figure that papers report: scikit-learn's, with weights."""

import warnings

import numpy as np
from sklearn import config_context, metrics

from models.arrays import FloatArray, IntArray
from models.calibration import calibration
from models.label_map import LabelMap

Scores = dict[tuple[str, str], float]
"""Figures by metric and code; the code is empty where a figure is of all codes."""

LOG_FLOOR = 1e-6  # a certain but wrong prediction costs as much as this probability


def scores(label_map: LabelMap, labels: IntArray, probability: FloatArray, weights: FloatArray) -> Scores:
    """All figures of probabilities (n, K) against labels (n,), or (n, K) for a multilabel task.

    ``precision``, ``recall``, ``f1``, ``roc_auc`` and ``pr_auc`` (average precision) for each code against
    the rest; ``_macro``, their plain mean over codes, and ``_weighted``, weighted by the code's share;
    ``f1_micro``; ``accuracy`` (multilabel: all codes right), ``balanced_accuracy`` (the mean recall, of a
    multilabel code that of its presence and absence), ``mcc`` (multilabel: the mean over codes), ``log_loss``
    in nats, ``ece``, and for an ordinal task ``mean_absolute_error`` in steps. A code that is never predicted
    has the precision zero; a curve or a mean that is not defined, as without texts of a code, is NaN.

    >>> p = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]])
    >>> found = scores(LabelMap(("no", "yes"), "binary"), np.array([0, 0, 1]), p, np.ones(3))
    >>> round(found["accuracy", ""], 3), found["recall", "yes"], found["roc_auc", "yes"]
    (0.667, 1.0, 1.0)
    """
    with warnings.catch_warnings(), config_context(assume_finite=True, skip_parameter_validation=True):
        warnings.simplefilter("ignore")  # what is not defined becomes NaN
        said = label_map.predict(probability)
        found = _overall(label_map, labels, said, weights)
        found |= _by_code(label_map, labels, said, probability, weights)
        found |= _of_probabilities(label_map, labels, probability, weights)
    return found


def _overall(label_map: LabelMap, labels: IntArray, said: IntArray, weights: FloatArray) -> Scores:
    found: dict[str, float] = {"accuracy": float(metrics.accuracy_score(labels, said, sample_weight=weights))}
    codes = range(label_map.n_codes)
    if label_map.is_multilabel:
        columns = [(labels[:, k], said[:, k]) for k in codes]
        mcc = np.mean([metrics.matthews_corrcoef(y, p, sample_weight=weights) for y, p in columns])
        balanced = np.mean([metrics.balanced_accuracy_score(y, p, sample_weight=weights) for y, p in columns])
    else:
        mcc = metrics.matthews_corrcoef(labels, said, sample_weight=weights)
        balanced = metrics.balanced_accuracy_score(labels, said, sample_weight=weights)
    found |= {"mcc": float(mcc), "balanced_accuracy": float(balanced)}
    found["f1_micro"] = float(
        metrics.f1_score(
            labels, said, labels=list(codes), average="micro", sample_weight=weights, zero_division=0
        )
    )
    if label_map.task == "ordinal":
        found["mean_absolute_error"] = float(np.average(np.abs(labels - said), weights=weights))
    return {(name, ""): value for name, value in found.items()}


def _by_code(
    label_map: LabelMap, labels: IntArray, said: IntArray, probability: FloatArray, weights: FloatArray
) -> Scores:
    codes = list(range(label_map.n_codes))
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        labels, said, labels=codes, average=None, sample_weight=weights, zero_division=0
    )
    one_hot = label_map.one_hot(labels)
    curves = [_curves(one_hot[:, k], probability[:, k], weights) for k in codes]
    columns = {
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "roc_auc": np.array([roc for roc, _ in curves]),
        "pr_auc": np.array([pr for _, pr in curves]),
    }
    share = support / weights.sum()
    # As scikit-learn has it, a code that is neither there nor predicted counts in no mean.
    absent = (share == 0) & (said.sum(axis=0) == 0 if label_map.is_multilabel else ~np.isin(codes, said))
    found = {("share", code): float(share[k]) for k, code in enumerate(label_map.codes)}
    for name, column in columns.items():
        values = np.where(absent, np.nan, column)
        found |= {(name, code): float(values[k]) for k, code in enumerate(label_map.codes)}
        found[f"{name}_macro", ""] = _mean(values, np.ones(len(codes)))
        found[f"{name}_weighted", ""] = _mean(values, share)
    return found


def _mean(values: FloatArray, share: FloatArray) -> float:
    """Weighted mean of the values that are numbers; NaN if none has weight."""
    some = np.isfinite(values) & (share > 0)
    return float(np.average(values[some], weights=share[some])) if some.any() else np.nan


def _curves(truth: FloatArray, probability: FloatArray, weights: FloatArray) -> tuple[float, float]:
    """Areas under the ROC curve, and under the precision-recall curve as average precision, of one code."""
    if truth.min() == truth.max():
        return np.nan, np.nan
    _, false, _, true, _ = metrics.confusion_matrix_at_thresholds(truth, probability, sample_weight=weights)
    recall, fall_out = np.append(0.0, true / true[-1]), np.append(0.0, false / false[-1])
    return float(metrics.auc(fall_out, recall)), float(np.diff(recall) @ (true / (true + false)))


def _of_probabilities(
    label_map: LabelMap, labels: IntArray, probability: FloatArray, weights: FloatArray
) -> Scores:
    one_hot = label_map.one_hot(labels)
    inside = np.clip(probability, LOG_FLOOR, 1.0 - LOG_FLOOR)
    if label_map.is_multilabel:
        loss = -(one_hot * np.log(inside) + (1.0 - one_hot) * np.log(1.0 - inside)).mean(axis=1)
        pairs = zip(probability.T, labels.T, strict=True)
        each = [calibration(np.column_stack([1.0 - p, p]), y, weights) for p, y in pairs]
        ece = float(np.mean([one.expected_calibration_error for one in each]))
    else:
        inside /= inside.sum(axis=1, keepdims=True)
        loss = -np.log(inside[np.arange(len(labels)), labels])
        ece = calibration(probability, labels, weights).expected_calibration_error
    return {("log_loss", ""): float(np.average(loss, weights=weights)), ("ece", ""): float(ece)}
