"""The moments of an estimate's error that predicted probabilities let expect."""

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np

from annotator.inference.estimands import Solution
from annotator.inference.moments import CERTAIN, Moments
from annotator.inference.rectify import Rectified
from models.arrays import FloatArray, IntArray

CHUNK = 16_384


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


@dataclass
class ExpectedMoments:
    """Moments as if units were drawn independently and had codes with the given probabilities.

    A unit's contribution to the error of a value is ``drawn / pi`` times the deviation of its influence from
    the expected one, so its cumulants are those of the draw, summed over rounds, times those of the code.
    What does not depend on the value is computed once.

    Parameters
    ----------
    rectified : Rectified
    probabilities : (N, K) array
    """

    rectified: Rectified
    probabilities: FloatArray
    _spread: FloatArray = field(init=False)
    _outcome: FloatArray | None = field(init=False, default=None)
    _of_outcome: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        self._spread = _spread(self.rectified)

    def of(self, solution: Solution, t: int) -> Moments:
        """The moments of value t."""
        if isinstance(solution, OutcomeSolution):
            sums = self._of_leverage(solution, t)
        else:
            sums = self._of_influence(solution, t)
        return Moments(float(sums[0]), float(sums[1]), float(max(sums[2], 0.0)))

    def _of_leverage(self, solution: OutcomeSolution, t: int) -> FloatArray:
        """The cumulants of ``h_i (o_k - m_i)`` are powers of ``h_i`` times those of the outcome."""
        outcome = solution.outcome(t)
        if self._outcome is None or not np.array_equal(self._outcome, outcome):
            self._of_outcome = np.empty_like(self._spread)
            for part in _parts(len(self.probabilities)):
                central = _central(self.probabilities[part], outcome)
                np.multiply(self._spread[:, part], central, out=self._of_outcome[:, part])
            self._outcome = outcome
        units = solution.support(t)
        moments = self._of_outcome if units.size == len(self.probabilities) else self._of_outcome[:, units]
        sums = np.zeros(3)
        for part in _parts(units.size):
            leverage = solution.leverage(t, units[part])
            square = leverage * leverage
            sums[0] += moments[0, part] @ square
            sums[1] += moments[1, part] @ (square * leverage)
            sums[2] += moments[2, part] @ (square * square)
        return sums

    def _of_influence(self, solution: Solution, t: int) -> FloatArray:
        support = solution.support(t)
        sums = np.zeros(3)
        for part in _parts(support.size):
            units = support[part]
            expected, influence = self.probabilities[units], solution.influence(t, units)
            deviation = influence - (expected * influence).sum(axis=1, keepdims=True)
            product = expected * deviation
            for j in range(3):
                product *= deviation
                sums[j] += self._spread[j, units] @ product.sum(axis=1)
        return sums


def _spread(rectified: Rectified) -> FloatArray:
    """Second and third cumulant of each unit's ``sum_r w_r drawn / pi``, and the same for a fourth moment.

    (3, N). A unit that is known or certain adds nothing.
    """
    n_units = rectified.gold.size
    spread = np.zeros((3, n_units))
    for part in _parts(n_units):
        for weight, each in zip(rectified.round_weights, rectified.rounds, strict=True):
            probability = each.inclusion_probability[part]
            open_ = ~each.known[part] & (probability < CERTAIN)
            probability = np.where(open_, probability, 1.0)
            expanded = weight / probability
            left = 1.0 - probability
            first = weight * left * expanded
            spread[0, part] += first
            first *= expanded
            spread[1, part] += first * (left - probability)
            spread[2, part] += first * left * expanded
    return spread


def _central(probabilities: FloatArray, outcome: FloatArray) -> FloatArray:
    """Second to fourth central moment of the outcome of each unit, (3, n)."""
    centred = outcome - outcome.mean()
    mean, second, third, fourth = (probabilities @ np.stack([centred**j for j in (1, 2, 3, 4)], axis=1)).T
    square = mean * mean
    return np.stack(
        [
            np.maximum(second - square, 0.0),
            third - 3.0 * mean * second + 2.0 * mean * square,
            np.maximum(fourth - 4.0 * mean * third + 6.0 * square * second - 3.0 * square * square, 0.0),
        ]
    )


def _parts(n_units: int) -> list[slice]:
    """Stretches of units that fit the processor's cache."""
    return [slice(start, start + CHUNK) for start in range(0, n_units, CHUNK)]
