"""The moments of an estimate's error that predicted probabilities let expect."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from annotator.inference.estimands import Solution
from annotator.inference.moments import CERTAIN, Moments
from annotator.inference.rectify import Rectified
from annotator.inference.stretches import stretches
from models.arrays import FloatArray, IntArray


@runtime_checkable
class OutcomeSolution(Protocol):
    """A solution that the label enters as an outcome: the influence on value t is ``h_i (o_k - m_i)``."""

    def support(self, t: int) -> IntArray:
        """Positions of the units that can move value t."""
        ...

    def outcome(self, t: int) -> FloatArray:
        """The outcome ``o_k`` that each code stands for, (K,)."""
        ...

    def leverage(self, t: int, units: IntArray) -> FloatArray:
        """How value t moves per unit of each unit's outcome, ``h_i``, (len(units),)."""
        ...

    def fitted(self, t: int, units: IntArray) -> FloatArray:
        """The outcome at which a unit does not move value t, ``m_i``, (len(units),)."""
        ...


@dataclass
class ExpectedMoments:
    """Moments as if units were drawn independently and had codes with the given probabilities.

    A unit's contribution to the error of a value is ``drawn / pi`` times the deviation of its influence from
    the expected one, so its cumulants are those of the draw, summed over rounds, times those of the code.

    Parameters
    ----------
    rectified : Rectified
    probabilities : (N, K) array
    """

    rectified: Rectified
    probabilities: FloatArray

    def of(self, solution: Solution, values: Sequence[int]) -> list[Moments]:
        """The moments of some of the values, in one pass over the corpus."""
        supports = [solution.support(t) for t in values]
        sums = np.zeros((len(values), 3))
        for stretch in stretches(len(self.probabilities)):
            of_stretch = _Stretch(stretch, _spread(self.rectified, stretch), self.probabilities[stretch])
            sums += [of_stretch.sums(solution, t, units) for t, units in zip(values, supports, strict=True)]
        return [Moments(float(two), float(three), float(max(four, 0.0))) for two, three, four in sums]


@dataclass
class _Stretch:
    """Neighbouring units: the cumulants of their draws (3, m) and the probabilities of their codes (m, K)."""

    where: slice
    spread: FloatArray
    probabilities: FloatArray
    _of_outcome: tuple[FloatArray, FloatArray] | None = None

    def sums(self, solution: Solution, t: int, support: IntArray) -> FloatArray:
        """The three moments of value t that these units add."""
        first, last = np.searchsorted(support, (self.where.start, self.where.stop))
        units = support[first:last]
        if units.size == 0:
            return np.zeros(3)
        if isinstance(solution, OutcomeSolution):
            return self._of_leverage(solution, t, units)
        return self._of_influence(solution, t, units)

    def _of_leverage(self, solution: OutcomeSolution, t: int, units: IntArray) -> FloatArray:
        """The cumulants of ``h_i (o_k - m_i)`` are powers of ``h_i`` times those of the outcome."""
        moments = self._inside(self._outcome_moments(solution.outcome(t)), units)
        leverage = solution.leverage(t, units)
        square = leverage * leverage
        return np.array(
            [moments[0] @ square, moments[1] @ (square * leverage), moments[2] @ (square * square)]
        )

    def _of_influence(self, solution: Solution, t: int, units: IntArray) -> FloatArray:
        expected, influence = self._inside(self.probabilities.T, units).T, solution.influence(t, units)
        deviation = influence - (expected * influence).sum(axis=1, keepdims=True)
        product, spread, sums = expected * deviation, self._inside(self.spread, units), np.empty(3)
        for j in range(3):
            product *= deviation
            sums[j] = spread[j] @ product.sum(axis=1)
        return sums

    def _outcome_moments(self, outcome: FloatArray) -> FloatArray:
        """Moments of the drawn outcome, (3, m); most values of an estimand have the same outcome."""
        if self._of_outcome is None or not np.array_equal(self._of_outcome[0], outcome):
            self._of_outcome = outcome, self.spread * _central(self.probabilities, outcome)
        return self._of_outcome[1]

    def _inside(self, columns: FloatArray, units: IntArray) -> FloatArray:
        """The columns (., m) of some of the units."""
        return columns if units.size == columns.shape[1] else columns[:, units - self.where.start]


def _spread(rectified: Rectified, stretch: slice) -> FloatArray:
    """Second and third cumulant of each unit's ``sum_r w_r drawn / pi``, and the same for a fourth moment.

    (3, m). A unit that is known or certain adds nothing.
    """
    spread = np.zeros((3, stretch.stop - stretch.start))
    for weight, each in zip(rectified.round_weights, rectified.rounds, strict=True):
        probability = each.inclusion_probability[stretch]
        closed = each.known[stretch] | (probability >= CERTAIN)
        if closed.any():
            probability = np.where(closed, 1.0, probability)
        expanded = weight / probability
        left = 1.0 - probability
        first = left * expanded
        spread[0] += weight * first
        first *= weight * expanded
        spread[1] += first * (left - probability)
        spread[2] += first * (left * expanded)
    return spread


def _central(probabilities: FloatArray, outcome: FloatArray) -> FloatArray:
    """Second to fourth central moment of the outcome of each unit, (3, m)."""
    centred = outcome - outcome.mean()
    mean, second, third, fourth = np.stack([centred**j for j in (1, 2, 3, 4)]) @ probabilities.T.copy()
    square = mean * mean
    central = np.empty((3, mean.size))
    np.maximum(second - square, 0.0, out=central[0])
    np.subtract(third, mean * (3.0 * second - 2.0 * square), out=central[1])
    np.subtract(fourth, mean * (4.0 * third - mean * (6.0 * second - 3.0 * square)), out=central[2])
    return central
