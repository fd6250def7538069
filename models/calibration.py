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


@dataclass(frozen=True)
class CalibrationIntervals:
    """Bootstrap intervals, (low, high) each, of a calibration's scores."""

    brier: tuple[float, float]
    expected_calibration_error: tuple[float, float]


def calibration_intervals(
    prediction: FloatArray,
    gold: IntArray,
    weights: FloatArray,
    rng: np.random.Generator,
    *,
    confidence_level: float = 0.95,
    n_bins: int = 10,
    n_resamples: int = 1000,
) -> CalibrationIntervals:
    """Percentile bootstrap over units of the scores that `calibration` gives for the same arguments.

    The expected calibration error of few units is too large even for perfectly calibrated predictions, and so
    is its interval: it says how far the number may move, not that calibration is bad.

    >>> rng = np.random.default_rng(1)
    >>> share = rng.uniform(size=400)
    >>> gold = (rng.random(400) < share).astype(int)
    >>> right = np.column_stack([1 - share, share])
    >>> low, high = calibration_intervals(right, gold, np.ones(400), rng).brier
    >>> low < calibration(right, gold, np.ones(400)).brier < high
    True
    """
    n_units, n_codes = prediction.shape
    one_hot = np.eye(n_codes)[gold]
    squared = ((prediction - one_hot) ** 2).sum(axis=1)
    place = (
        np.minimum((prediction * n_bins).astype(np.int64), n_bins - 1) + n_bins * np.arange(n_units)[:, None]
    )
    summed = np.bincount(place.ravel(), (one_hot - prediction).ravel(), n_bins * n_units)
    off = summed.reshape(n_units, n_bins) / n_codes
    share = rng.multinomial(n_units, np.full(n_units, 1.0 / n_units), n_resamples) * weights
    share /= share.sum(axis=1, keepdims=True)
    ends = [(1.0 - confidence_level) / 2.0, (1.0 + confidence_level) / 2.0]
    brier = np.quantile(share @ squared, ends)
    error = np.quantile(np.abs(share @ off).sum(axis=1), ends)
    return CalibrationIntervals((float(brier[0]), float(brier[1])), (float(error[0]), float(error[1])))


def variance_misfit(prediction: FloatArray, gold: IntArray, n_bins: int = 5) -> float:
    """How far predicted residual variances may be off: the root mean square over bins of what gold shows.

    A unit's predicted residual variance is ``sum_k f_k (1 - f_k)``, its squared residual ``sum_k (y_k -
    f_k)**2``. Units are put into bins of equal size by the former; a bin is off by the difference of the two
    means, or by the standard error of that difference where gold cannot show less.

    Parameters
    ----------
    prediction : (n, K) array
        Out-of-fold predictions of gold units.
    gold : (n,) array of int

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> share = rng.uniform(0.05, 0.95, 5000)
    >>> gold = (rng.random(5000) < share).astype(int)
    >>> right = np.column_stack([1 - share, share])
    >>> variance_misfit(right, gold) < 0.03
    True
    >>> variance_misfit(right[:, ::-1], gold) > 0.2
    True
    """
    predicted = (prediction * (1.0 - prediction)).sum(axis=1)
    squared = ((np.eye(prediction.shape[1])[gold] - prediction) ** 2).sum(axis=1)
    off = squared - predicted
    total = 0.0
    for units in np.array_split(np.argsort(predicted, kind="stable"), min(n_bins, gold.size)):
        total += units.size * max(float(off[units].mean() ** 2), float(off[units].var() / units.size))
    return float(np.sqrt(total / gold.size))
