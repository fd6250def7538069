"""Plots of a classifier as SVG: curves, calibration, confusion, losses and learning curves."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from sklearn import metrics

from models.arrays import FloatArray, IntArray
from models.calibration import calibration
from models.label_map import LabelMap
from models.score_table import title

SIZE = (4.5, 3.6)  # inches


def roc_curves(
    label_map: LabelMap, labels: IntArray, probability: FloatArray, weights: FloatArray | None = None
) -> str:
    """ROC curve of every code against the rest; codes that all or none of the texts carry are left out."""
    figure, axes = _axes("False positive rate", "True positive rate")
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=0.8)
    for code, truth, p in _codes(label_map, labels, probability):
        false, true, _ = metrics.roc_curve(truth, p, sample_weight=weights)
        axes.plot(false, true, label=f"{code} ({metrics.auc(false, true):.2f})")
    return _svg(figure, axes)


def precision_recall_curves(
    label_map: LabelMap, labels: IntArray, probability: FloatArray, weights: FloatArray | None = None
) -> str:
    """Precision against recall of every code, with its average precision."""
    figure, axes = _axes("Recall", "Precision")
    for code, truth, p in _codes(label_map, labels, probability):
        precision, recall, _ = metrics.precision_recall_curve(truth, p, sample_weight=weights)
        average = metrics.average_precision_score(truth, p, sample_weight=weights)
        axes.step(recall, precision, where="post", label=f"{code} ({average:.2f})")
    return _svg(figure, axes)


def reliability_diagram(
    label_map: LabelMap, labels: IntArray, probability: FloatArray, weights: FloatArray | None = None
) -> str:
    """Observed share against predicted probability of all pairs of text and code.

    The area of a point shows the weight of its bin.
    """
    each = np.ones(len(probability)) if weights is None else weights
    if label_map.is_multilabel:  # every code is a question of its own: does it apply or not
        p, labels = probability.ravel(), labels.ravel()
        probability, each = np.column_stack([1.0 - p, p]), np.repeat(each, label_map.n_codes)
    bins = calibration(probability, labels, each).reliability
    figure, axes = _axes("Predicted probability", "Observed share")
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=0.8)
    axes.scatter(
        [b.mean_prediction for b in bins],
        [b.observed_share for b in bins],
        s=[15 + 400 * b.weight for b in bins],
        alpha=0.7,
    )
    return _svg(figure, axes)


def confusion_matrix(
    label_map: LabelMap, labels: IntArray, probability: FloatArray, weights: FloatArray | None = None
) -> str:
    """Gold codes in rows, predicted ones in columns, as weighted shares of the row.

    Raises ValueError for a multilabel task, where no code is predicted in the place of another.
    """
    if label_map.is_multilabel:
        raise ValueError("a multilabel task has no confusion matrix of its codes")
    codes = list(range(label_map.n_codes))
    said = label_map.predict(probability)
    counts = metrics.confusion_matrix(labels, said, labels=codes, sample_weight=weights)
    total = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0)
    figure, axes = _axes("Predicted", "Gold", limits=False)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(codes, label_map.codes, rotation=45, ha="right")
    axes.set_yticks(codes, label_map.codes)
    for i in codes:
        for j in codes:
            axes.text(
                j, i, f"{share[i, j]:.2f}", ha="center", va="center", color="w" if share[i, j] > 0.6 else "k"
            )
    return _svg(figure, axes)


def losses(fitted: Mapping[str, Any]) -> str:
    """Loss by epoch in training and on held-out examples, from the ``metrics`` of a fitted encoder."""
    figure, axes = _axes("Epoch", "Loss (nats a text)", limits=False)
    for name, label in (("losses", "training"), ("held_out_losses", "held out")):
        values: Sequence[float] = fitted.get(name, ())
        if values:
            axes.plot(range(1, len(values) + 1), values, marker="o", markersize=3, label=label)
    return _svg(figure, axes)


def learning_curves(curves: Mapping[str, pd.DataFrame], metric: str = "f1_macro") -> str:
    """A figure against the number of labels, one line a classifier, with one SD over folds on either side."""
    figure, axes = _axes("Labels", title(metric), limits=False)
    for name, table in curves.items():
        rows = table[(table["metric"] == metric) & (table["code"] == "")]
        n, mean, sd = (rows[column].to_numpy(dtype=float) for column in ("n_labels", "mean", "sd"))
        [line] = axes.plot(n, mean, marker="o", markersize=3, label=name)
        axes.fill_between(n, mean - sd, mean + sd, color=line.get_color(), alpha=0.15, linewidth=0)
    return _svg(figure, axes)


def _codes(
    label_map: LabelMap, labels: IntArray, probability: FloatArray
) -> list[tuple[str, FloatArray, FloatArray]]:
    one_hot = label_map.one_hot(labels)
    shown = range(1, 2) if label_map.task == "binary" else range(label_map.n_codes)
    return [
        (label_map.codes[k], one_hot[:, k], probability[:, k])
        for k in shown
        if one_hot[:, k].min() < one_hot[:, k].max()
    ]


def _axes(x: str, y: str, *, limits: bool = True) -> tuple[Figure, Any]:
    figure = Figure(figsize=SIZE, layout="constrained")
    axes: Any = figure.add_subplot()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    if limits:
        axes.set_xlim(-0.01, 1.01)
        axes.set_ylim(-0.01, 1.01)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _svg(figure: Figure, axes: Any) -> str:
    """The figure as SVG, byte for byte the same for the same input."""
    if axes.get_legend_handles_labels()[1]:
        axes.legend(frameon=False, fontsize="small")
    stream = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "annotator", "svg.fonttype": "none"}):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()
