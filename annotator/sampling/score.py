"""What a human code of each unit is worth to the intervals that the study asks for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from annotator.errors import EstimateRefusedError
from annotator.inference.estimands import Estimand, Solution
from models.arrays import FloatArray, IntArray


@dataclass(frozen=True)
class Worth:
    """The predicted worth of a code for each eligible unit.

    Attributes
    ----------
    variance : (m,) array
        Predicted variance of a unit's contributions, summed over the estimands' values, each relative to the
        sum over all units: the square of the score. Zero where nothing is asked.
    unsolved : tuple of str
        Estimands that could not be solved on the predictions and so do not count.
    """

    variance: FloatArray
    unsolved: tuple[str, ...]

    @property
    def is_equal(self) -> bool:
        """Whether every unit is worth the same, so that nothing is gained by choosing."""
        return bool(np.ptp(self.variance) <= 1e-9 * self.variance.max())

    @property
    def score(self) -> FloatArray:
        """The predicted standard deviation, (m,)."""
        return np.sqrt(self.variance)

    @classmethod
    def together(cls, several: Sequence[Self]) -> Self:
        """The sum, of the same units; equal for all of them if nothing that was asked can be solved."""
        total = np.sum([one.variance for one in several], axis=0)
        if not total.any():
            total = np.full(total.size, 1.0 / total.size)
        return cls(total, tuple(dict.fromkeys(name for one in several for name in one.unsolved)))


def worth(
    estimands: Sequence[Estimand],
    labels: FloatArray,
    prediction: FloatArray,
    units: IntArray,
    say: Sequence[float] | None = None,
) -> Worth:
    """The predicted worth of coding each of some units.

    Every estimand has the same say, and so has every value within it that is no nuisance: with ``v_it`` the
    variance of unit i's influence on value t under its predicted code, a unit is worth ``sum_t v_it / sum_j
    v_jt``. Under uniform sampling the variance of value t is proportional to ``sum_j v_jt``, so a budget
    spread by the root of the worth (`allocate`) minimises the average over values of the variance relative to
    that of uniform sampling.

    Parameters
    ----------
    estimands : sequence of Estimand
    labels : (N, K) array
        Labels to solve the estimands with.
    prediction : (N, K) array
        Class probabilities of every unit.
    units : (m,) array of int
        The units that can be drawn.
    say : sequence of float, optional
        What each estimand counts: 1 by default, less where one question makes several estimands.
    """
    total = np.zeros(units.size)
    unsolved = []
    for estimand, weight in zip(estimands, say or [1.0] * len(estimands), strict=True):
        try:
            solution = estimand.solve(labels)
        except EstimateRefusedError:
            unsolved.append(estimand.name)
            continue
        wanted = [t for t, term in enumerate(solution.terms) if not term.is_nuisance]
        shares = [_relative(_spread(solution, t, prediction, units)) for t in wanted]
        if shares:
            total += weight * np.mean(shares, axis=0)
    return Worth(total, tuple(unsolved))


def _spread(solution: Solution, t: int, prediction: FloatArray, units: IntArray) -> FloatArray:
    """Variance of each unit's influence on value t under its predicted code, (m,)."""
    expected = prediction[units]
    influence = solution.influence(t, units)
    mean = (expected * influence).sum(axis=1, keepdims=True)
    spread: FloatArray = (expected * (influence - mean) ** 2).sum(axis=1)
    return spread


def _relative(spread: FloatArray) -> FloatArray:
    total = float(spread.sum())
    return spread / total if total > 0 else spread
