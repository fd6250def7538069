"""How well predicted probabilities agree with the codes that humans gave."""

from dataclasses import dataclass

import numpy as np

from models.arrays import FloatArray, IntArray


@dataclass(frozen=True)
class ReliabilityBin:
    """Predictions that fell between ``low`` and ``high``, and how often they were right."""

    low: float
    high: float
    mean_prediction: float
    observed_share: float
    weight: float
    n: int


@dataclass(frozen=True)
class Calibration:
    """Scores of a set of predictions; every (unit, code) pair counts as one prediction.

    ``brier`` is the mean over units of the squared distance between prediction and one-hot code;
    ``expected_calibration_error`` is the weighted mean over bins of ``|observed - predicted|``.
    """

    brier: float
    expected_calibration_error: float
    reliability: tuple[ReliabilityBin, ...]


def calibration(prediction: FloatArray, gold: IntArray, weights: FloatArray, n_bins: int = 10) -> Calibration:
    """Score predictions (n, K) against codes (n,) with unit weights (n,).

    >>> calibration(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([0, 1]), np.ones(2)).brier
    0.0
    """
    one_hot = np.eye(prediction.shape[1])[gold]
    share = weights / weights.sum()
    brier = float(share @ ((prediction - one_hot) ** 2).sum(axis=1))
    pair_weight = np.repeat(share / prediction.shape[1], prediction.shape[1])
    predicted, observed = prediction.ravel(), one_hot.ravel()
    position = np.minimum((predicted * n_bins).astype(np.int64), n_bins - 1)
    mass = np.bincount(position, pair_weight, n_bins)
    predicted_mass = np.bincount(position, pair_weight * predicted, n_bins)
    observed_mass = np.bincount(position, pair_weight * observed, n_bins)
    counts = np.bincount(position, minlength=n_bins)
    bins = tuple(
        ReliabilityBin(
            low=b / n_bins,
            high=(b + 1) / n_bins,
            mean_prediction=float(predicted_mass[b] / mass[b]),
            observed_share=float(observed_mass[b] / mass[b]),
            weight=float(mass[b]),
            n=int(counts[b]),
        )
        for b in np.flatnonzero(mass > 0)
    )
    return Calibration(brier, float(np.abs(observed_mass - predicted_mass).sum()), bins)
