"""The design variance of an estimate: how far it would move if other units had been drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from annotator.inference.estimands import Solution
from annotator.inference.expected import ExpectedMoments
from annotator.inference.moments import CERTAIN, Moments
from annotator.inference.rectify import Rectified, Round
from models.arrays import FloatArray, IntArray

PREDICTION_COUNTS_AS = 30.0
PRIOR_DEGREES_OF_FREEDOM = 8.0
SMALLEST_STRATUM = 5


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
    n_drawn : int
        Those of them that a round drew; the others were coded before the first.
    floored : bool
        Whether the variance that the error map predicts raised the observed one.
    """

    variance: float
    third: float
    degrees_of_freedom: float
    n_coded: int
    n_drawn: int
    floored: bool


def design_variances(
    rectified: Rectified, solution: Solution, expected: FloatArray | None = None
) -> list[DesignVariance]:
    """Design variances of all values of a solution.

    Within a round and stratum the observed variance is that of a fixed-size draw in Hajek's form (Deville
    1999): residuals over inclusion probability, centred. Rounds add up with squared weights, as their errors
    are martingale differences.

    The observed variance rests on few residuals when a code is rare or the map is good, and is zero when no
    residual shows. It is therefore never let below its average with the variance that the error map itself
    predicts, ``sum (1 - pi) / pi * f (1 - f)``, the prediction counting as 30 degrees of freedom, of which
    the average is granted eight. Those of the observed variance are Satterthwaite's; its relative variance,
    of which they are made, is the mean of the one that fourth moments of the residuals show and the one that
    the map predicts. The third cumulant is half the average so weighted and half the predicted one, since
    few residuals say little about a tail.

    Parameters
    ----------
    rectified : Rectified
    solution : Solution
        Solved from ``rectified.labels``.
    expected : (N, K) array, optional
        Probabilities from which to predict the moments; by default those of the last round, which rest on the
        most gold.
    """
    return _Evidence.of(rectified, expected).variances(solution, range(len(solution.terms)))


def design_variance(
    rectified: Rectified, solution: Solution, t: int, expected: FloatArray | None = None
) -> DesignVariance:
    """Design variance of value t alone; see `design_variances`, which is faster for several values."""
    return _Evidence.of(rectified, expected).variances(solution, [t])[0]


@dataclass(frozen=True)
class _Evidence:
    """What the variances of all values share."""

    rectified: Rectified
    drawn: tuple["_Drawn", ...]
    expected: ExpectedMoments

    @classmethod
    def of(cls, rectified: Rectified, expected: FloatArray | None) -> "_Evidence":
        probabilities = rectified.rounds[-1].prediction if expected is None else expected
        drawn = tuple(_Drawn.of(each, rectified.gold) for each in rectified.rounds)
        return cls(rectified, drawn, ExpectedMoments(rectified, probabilities))

    def variances(self, solution: Solution, values: Sequence[int]) -> list[DesignVariance]:
        expected = self.expected.of(solution, values)
        coded = np.flatnonzero(self.rectified.gold >= 0)
        drawn = np.flatnonzero(np.any([each.drawn for each in self.rectified.rounds], axis=0))
        return [
            self._variance(solution, t, predicted, _counts(solution.support(t), coded, drawn))
            for t, predicted in zip(values, expected, strict=True)
        ]

    def _variance(
        self, solution: Solution, t: int, predicted: Moments, counts: tuple[int, int]
    ) -> DesignVariance:
        observed, contributing = Moments(), 0
        for weight, each in zip(self.rectified.round_weights, self.drawn, strict=True):
            moments, n_units = each.moments(solution, t)
            observed += moments.weighted(weight)
            contributing += n_units
        most = min(sum(each.freedom for each in self.drawn), contributing - 1)
        return _combined(observed, predicted, most, *counts)


def _combined(observed: Moments, predicted: Moments, most: int, n_coded: int, n_drawn: int) -> DesignVariance:
    if predicted.variance <= 0 and observed.variance <= 0:
        return DesignVariance(0.0, 0.0, np.inf, n_coded, n_drawn, floored=False)
    relative = predicted.relative_variance
    if observed.variance > 0:
        relative = (observed.relative_variance + relative) / 2.0
    freedom = min(2.0 / relative if relative > 0 else np.inf, float(max(most, 0)))
    share = PREDICTION_COUNTS_AS / (freedom + PREDICTION_COUNTS_AS)
    pooled = (1.0 - share) * observed.variance + share * predicted.variance
    third = (1.0 - share) * observed.third + share * predicted.third
    return DesignVariance(
        variance=max(pooled, observed.variance),
        third=(third + predicted.third) / 2.0,
        degrees_of_freedom=freedom + PRIOR_DEGREES_OF_FREEDOM,
        n_coded=n_coded,
        n_drawn=n_drawn,
        floored=pooled > observed.variance,
    )


@dataclass(frozen=True)
class _Drawn:
    """The drawn units of a round that were not certain, and how they are centred; n units.

    ``residual`` (n, K) is gold minus prediction, over the inclusion probability; ``share`` (n,) is the weight
    of a unit in the mean of its stratum (zero for independent draws, whose residuals are not centred),
    ``factor`` (n,) Deville's for small samples.
    """

    units: IntArray
    residual: FloatArray
    probability: FloatArray
    stratum: IntArray
    share: FloatArray
    factor: FloatArray
    freedom: int

    @classmethod
    def of(cls, each: Round, gold: IntArray) -> "_Drawn":
        units = np.flatnonzero(each.drawn & (each.inclusion_probability < CERTAIN))
        probability = each.inclusion_probability[units]
        residual = -each.prediction[units]
        residual[np.arange(units.size), gold[units]] += 1.0
        residual /= probability[:, None]
        spread = 1.0 - probability
        if not each.fixed_size:
            one, nothing = np.ones(units.size), np.zeros(units.size)
            return cls(units, residual, probability, np.zeros_like(units), nothing, one, units.size)
        stratum = _collapsed(each.stratum[units])
        share = spread / np.bincount(stratum, spread)[stratum] if units.size else spread
        # A lone unit has no deviation, so its factor does not matter.
        loss = 1.0 - np.bincount(stratum, share**2)
        factor = (1.0 / np.maximum(loss, 0.5))[stratum] if units.size > 1 else np.ones(units.size)
        return cls(units, residual, probability, stratum, share, factor, units.size - loss.size)

    def moments(self, solution: Solution, t: int) -> tuple[Moments, int]:
        """Moments seen in value t, and how many units contribute to it."""
        if self.units.size == 0:
            return Moments(), 0
        influence = solution.influence(t, self.units)
        expanded = (self.residual * influence).sum(axis=1)
        centre = np.bincount(self.stratum, self.share * expanded)
        deviation = expanded - centre[self.stratum]
        spread = 1.0 - self.probability
        squares = self.factor * spread * deviation**2
        variance = float(squares.sum())
        moments = Moments(
            variance=variance,
            third=float(np.sum(spread * (spread - self.probability) * deviation**3)),
            variance_of_variance=float(max(np.sum(squares**2) - variance**2 / self.units.size, 0.0)),
        )
        return moments, int(np.any(influence != 0, axis=1).sum())


def _collapsed(stratum: IntArray) -> IntArray:
    """Strata numbered from 0; all become one when any holds too few units to have a mean of its own."""
    _, position, counts = np.unique(stratum, return_inverse=True, return_counts=True)
    if counts.size == 0 or counts.min() < SMALLEST_STRATUM:
        return np.zeros(stratum.size, dtype=np.int64)
    return position.astype(np.int64)


def _counts(support: IntArray, coded: IntArray, drawn: IntArray) -> tuple[int, int]:
    return _n_among(coded, support), _n_among(drawn, support)


def _n_among(units: IntArray, support: IntArray) -> int:
    """How many of some units are in the support; both ascending."""
    place = np.minimum(np.searchsorted(support, units), support.size - 1)
    return int(np.count_nonzero(support[place] == units)) if support.size else 0
