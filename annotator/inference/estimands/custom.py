"""A user's own estimand: a class with the score of each code."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from annotator.inference.estimands import Term
from annotator.inference.estimands.coefficients import Coefficients
from annotator.inference.estimands.newton import inverse, root
from models.arrays import FloatArray, IntArray


class Score(Protocol):
    """What a user writes. An estimand is the root of its score, summed over units."""

    @property
    def terms(self) -> Sequence[str]:
        """One name a value; p of them."""
        ...

    @property
    def start(self) -> FloatArray:
        """Where the search for the root starts, (p,)."""
        ...

    def score(self, theta: FloatArray, code: int) -> FloatArray:
        """The score of every unit as if it had the code, (N, p)."""
        ...


@runtime_checkable
class DifferentiableScore(Protocol):
    """A score that knows its derivative; without one, differences of the summed score are taken."""

    def derivative(self, theta: FloatArray, code: int) -> FloatArray:
        """The derivative of every unit's score by theta, (N, p, p)."""
        ...


@dataclass(frozen=True)
class Custom:
    """The root of a user's score.

    Parameters
    ----------
    name : str
    user : Score
    weights : (N,) array, optional
        Of the corpus.

    Examples
    --------
    The share of the second code, written as a score:

    >>> class Share:
    ...     terms, start = ("share",), np.zeros(1)
    ...     def score(self, theta, code):
    ...         return np.full((3, 1), float(code == 1)) - theta
    >>> Custom("mine", Share()).solve(np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])).values.round(6)
    array([0.5])
    """

    name: str
    user: Score
    weights: FloatArray | None = None

    def solve(self, labels: FloatArray) -> "CustomSolution":
        """The root of ``sum_i w_i sum_k z_ik psi_ik(theta)``. Raises NotEstimableError without one."""
        weighted = labels if self.weights is None else labels * self.weights[:, None]
        start = np.asarray(self.user.start, dtype=np.float64)
        theta, slope = root(self.name, start, lambda theta: self._equations(theta, weighted))
        terms = tuple(Term(term, None, "") for term in self.user.terms)
        return CustomSolution(terms, theta, inverse(self.name, -slope), len(labels), self, labels.shape[1])

    def _equations(self, theta: FloatArray, labels: FloatArray) -> tuple[FloatArray, FloatArray]:
        score = self._summed(theta, labels)
        if isinstance(self.user, DifferentiableScore):
            slopes = [z @ _flat(self.user.derivative(theta, k)) for k, z in enumerate(labels.T)]
            return score, np.sum(slopes, axis=0).reshape(theta.size, theta.size)
        steps = 1e-6 * np.maximum(np.abs(theta), 1.0)
        columns = [
            (self._summed(theta + step, labels) - self._summed(theta - step, labels)) / (2.0 * step.max())
            for step in np.diag(steps)
        ]
        return score, np.column_stack(columns)

    def _summed(self, theta: FloatArray, labels: FloatArray) -> FloatArray:
        summed: FloatArray = np.sum([z @ self.user.score(theta, k) for k, z in enumerate(labels.T)], axis=0)
        return summed


@dataclass(frozen=True)
class CustomSolution(Coefficients):
    """The root; ``inverse`` (p, p) is that of minus the derivative of the summed score."""

    estimand: Custom
    n_codes: int

    def influence(self, t: int, units: IntArray) -> FloatArray:
        """``w (A^-1 psi_k)_t``, (len(units), K)."""
        scores = [self.estimand.user.score(self.values, k)[units] for k in range(self.n_codes)]
        influence: FloatArray = np.column_stack([score @ self.inverse[t] for score in scores])
        weights = self.estimand.weights
        return influence if weights is None else influence * weights[units][:, None]


def _flat(derivative: FloatArray) -> FloatArray:
    return derivative.reshape(len(derivative), -1)
