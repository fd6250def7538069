"""The design variance of an estimate: how far it would move if other units had been drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from annotator.inference.estimands import Solution
from annotator.inference.rectify import Rectified, Round
from models.arrays import FloatArray, IntArray

PRIOR_DEGREES_OF_FREEDOM = 4.0
SMALLEST_STRATUM = 5
CERTAIN = 1.0 - 1e-9


@dataclass(frozen=True)
class Moments:
    """Second and third cumulant of an estimate's error, and the variance of the estimated second one."""

    variance: float = 0.0
    third: float = 0.0
    variance_of_variance: float = 0.0

    def weighted(self, weight: float) -> "Moments":
        """The moments of ``weight`` times the error."""
        return Moments(
            weight**2 * self.variance, weight**3 * self.third, weight**4 * self.variance_of_variance
        )

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(
            self.variance + other.variance,
            self.third + other.third,
            self.variance_of_variance + other.variance_of_variance,
        )

    @property
    def degrees_of_freedom(self) -> float:
        """Satterthwaite: of the scaled chi-square with this mean and variance."""
        if self.variance_of_variance <= 0:
            return np.inf
        return 2.0 * self.variance**2 / self.variance_of_variance


@dataclass(frozen=True)
class DesignVariance:
    """Design variance of one value, ready for an interval.

    Attributes
    ----------
    variance : float
        Zero only for a census.
    third : float
        Third cumulant of the error.
    degrees_of_freedom : float
    n_coded : int
        Units with a human code that can move the value.
    floored : bool
        Whether the variance that the error map predicts raised the observed one.
    """

    variance: float
    third: float
    degrees_of_freedom: float
    n_coded: int
    floored: bool


def design_variance(
    rectified: Rectified, solution: Solution, t: int, expected: Sequence[FloatArray] | None = None
) -> DesignVariance:
    """Design variance of value t of a solution.

    Within a round and stratum the observed variance is that of a fixed-size draw in Hajek's form (Deville
    1999): residuals over inclusion probability, centred. Rounds add up with squared weights, as their errors
    are martingale differences.

    The observed variance rests on few residuals when a code is rare or the map is good, and is zero when no
    residual shows. It is therefore never let below its average with the variance that the error map itself
    predicts, ``sum (1 - pi) / pi * f (1 - f)``, the prediction counting as four degrees of freedom. The
    degrees of freedom of the observed one are Satterthwaite's, from the fourth moment of the residuals, and
    no more than the error map lets expect.

    Parameters
    ----------
    rectified : Rectified
    solution : Solution
        Solved from ``rectified.labels``.
    t : int
    expected : sequence of (N, K) arrays, optional
        Probabilities from which to predict the variance of each round; the round's predictions by default.
    """
    support = solution.support(t)
    influence = solution.influence(t, support)
    observed, predicted = Moments(), Moments()
    n_contributing, most = 0, 0
    for r, (weight, each) in enumerate(zip(rectified.round_weights, rectified.rounds, strict=True)):
        probabilities = each.prediction if expected is None else expected[r]
        units = np.flatnonzero(each.drawn & (each.inclusion_probability < CERTAIN))
        moments, freedom, contributing = _observed(each, rectified.gold, units, solution.influence(t, units))
        observed += moments.weighted(weight)
        predicted += _predicted(each, support, influence, probabilities[support]).weighted(weight)
        n_contributing += contributing
        most += freedom
    n_coded = int((rectified.gold[support] >= 0).sum())
    if predicted.variance <= 0 and observed.variance <= 0:
        return DesignVariance(0.0, 0.0, np.inf, n_coded, floored=False)
    return _combined(observed, predicted, min(most, n_contributing - 1), n_coded)


def sampling_variance(solution: Solution, t: int, labels: FloatArray) -> float:
    """Variance that a superpopulation adds: the corpus itself is a sample of independent units."""
    units = solution.support(t)
    return max(float(np.sum(labels[units] * solution.influence(t, units) ** 2)), 0.0)


def _combined(observed: Moments, predicted: Moments, most: int, n_coded: int) -> DesignVariance:
    freedom = 0.0
    if most > 0 and observed.variance > 0:
        freedom = min(observed.degrees_of_freedom, predicted.degrees_of_freedom, float(most))
    elif most > 0:
        freedom = min(predicted.degrees_of_freedom, float(most))
    prior = PRIOR_DEGREES_OF_FREEDOM
    variance = (freedom * observed.variance + prior * predicted.variance) / (freedom + prior)
    third = (freedom * observed.third + prior * predicted.third) / (freedom + prior)
    return DesignVariance(
        variance=max(variance, observed.variance),
        third=third,
        degrees_of_freedom=max(freedom, 1.0),
        n_coded=n_coded,
        floored=variance > observed.variance,
    )


def _observed(
    each: Round, gold: IntArray, units: IntArray, influence: FloatArray
) -> tuple[Moments, int, int]:
    """Moments seen in the drawn units, their degrees of freedom, and how many units contribute."""
    if units.size == 0:
        return Moments(), 0, 0
    probability = each.inclusion_probability[units]
    predicted = (each.prediction[units] * influence).sum(axis=1)
    expanded = (influence[np.arange(units.size), gold[units]] - predicted) / probability
    stratum = _collapsed(each.stratum[units])
    n_strata = int(stratum.max()) + 1
    spread = 1.0 - probability
    share = spread / np.bincount(stratum, spread, n_strata)[stratum]
    centre = np.bincount(stratum, share * expanded, n_strata)
    deviation = expanded - centre[stratum]
    # Deville's small-sample factor; a lone unit has no deviation, so its factor does not matter.
    loss = 1.0 - np.bincount(stratum, share**2, n_strata)
    factor = (1.0 / np.maximum(loss, 0.5))[stratum] if units.size > 1 else np.ones(1)
    squares = factor * spread * deviation**2
    variance = float(squares.sum())
    moments = Moments(
        variance=variance,
        third=float(np.sum(spread * (spread - probability) * deviation**3)),
        variance_of_variance=float(max(np.sum(squares**2) - variance**2 / units.size, 0.0)),
    )
    contributing = int(np.any(influence != 0, axis=1).sum())
    return moments, units.size - n_strata, contributing


def _collapsed(stratum: IntArray) -> IntArray:
    """Strata numbered from 0; all become one when any holds too few units to have a mean of its own."""
    _, position, counts = np.unique(stratum, return_inverse=True, return_counts=True)
    if counts.min() < SMALLEST_STRATUM:
        return np.zeros(stratum.size, dtype=np.int64)
    return position.astype(np.int64)


def _predicted(each: Round, support: IntArray, influence: FloatArray, expected: FloatArray) -> Moments:
    """Moments that the probabilities let expect, as if units were drawn independently."""
    probability = each.inclusion_probability[support]
    open_ = ~each.known[support] & (probability < CERTAIN)
    probability, influence, expected = probability[open_], influence[open_], expected[open_]
    deviation = influence - (expected * influence).sum(axis=1, keepdims=True)
    spread = 1.0 - probability
    product = expected * deviation * deviation
    second = product.sum(axis=1)
    product *= deviation
    third = product.sum(axis=1)
    product *= deviation
    fourth = product.sum(axis=1)
    return Moments(
        variance=float(np.sum(spread / probability * second)),
        third=float(np.sum(spread * (spread - probability) / probability**2 * third)),
        variance_of_variance=float(np.sum(spread**2 / probability**3 * fourth)),
    )
