"""Error map as a table: how common each code is for a machine label and a bin of confidence."""

from dataclasses import dataclass

import numpy as np

from models.arrays import FloatArray, IntArray
from models.base_rate import BaseRate, fit_one_coin
from models.signals import Signals

LABEL_PRIOR_UNITS = 3.0
CELL_PRIOR_UNITS = 5.0
UNITS_PER_BIN = 20
MAX_BINS = 8


@dataclass(frozen=True)
class SmoothedTable:
    """P(code | label of one machine annotator, bin of its confidence).

    ``cells`` has the shape (K + 1, bins + 1, K): the last label is a failed one, the last bin a missing
    confidence.
    """

    annotator: int
    edges: FloatArray
    cells: FloatArray

    def predict(self, signals: Signals) -> FloatArray:
        """Probabilities (m, K) of m units."""
        label = signals.labels[:, self.annotator]
        position = confidence_bin(signals.confidence[:, self.annotator], self.edges)
        prediction: FloatArray = self.cells[label, position]
        return prediction


def confidence_edges(confidence: FloatArray, n_units: int) -> FloatArray:
    """Inner edges of bins that hold about equally many of the given confidences."""
    seen = confidence[np.isfinite(confidence)]
    n_bins = min(MAX_BINS, max(1, n_units // UNITS_PER_BIN))
    if seen.size == 0 or n_bins == 1:
        return np.empty(0)
    edges: FloatArray = np.unique(np.quantile(seen, np.arange(1, n_bins) / n_bins))
    return edges


def confidence_bin(confidence: FloatArray, edges: FloatArray) -> IntArray:
    """Bin of each confidence; a missing one falls into the last bin."""
    missing = ~np.isfinite(confidence)
    position = np.searchsorted(edges, np.where(missing, 0.0, confidence), side="left")
    return np.where(missing, edges.size + 1, position).astype(np.int64)


def fit_smoothed_table(
    annotator: int,
    signals: Signals,
    gold: IntArray,
    *,
    weights: FloatArray,
    edges: FloatArray,
    base: BaseRate,
) -> SmoothedTable:
    """Weighted shares, shrunk cell -> machine label -> one-coin model of the annotator.

    Each level counts as a few coded units, so an empty cell falls back on its label and an empty label on
    the annotator's overall agreement.
    """
    label = signals.labels[:, annotator]
    n_codes = base.share.size
    n_bins = edges.size + 2
    row = np.where(label < 0, n_codes, label)
    prior = fit_one_coin(label, gold, base, weights).by_label()
    label_counts = _counts(row * n_codes + gold, weights, (n_codes + 1) * n_codes)
    by_label = _shrunk(label_counts.reshape(n_codes + 1, n_codes), prior, LABEL_PRIOR_UNITS)
    by_label[n_codes] = base.share
    cell = (row * n_bins + confidence_bin(signals.confidence[:, annotator], edges)) * n_codes + gold
    counts = _counts(cell, weights, (n_codes + 1) * n_bins * n_codes)
    cells = _shrunk(counts.reshape(n_codes + 1, n_bins, n_codes), by_label[:, None, :], CELL_PRIOR_UNITS)
    cells[n_codes] = base.share
    return SmoothedTable(annotator, edges, cells)


def _counts(position: IntArray, weights: FloatArray, size: int) -> FloatArray:
    return np.bincount(position, weights, size).astype(np.float64)


def _shrunk(counts: FloatArray, prior: FloatArray, prior_units: float) -> FloatArray:
    shrunk: FloatArray = (counts + prior_units * prior) / (counts.sum(axis=-1, keepdims=True) + prior_units)
    return shrunk
