"""Quantiles of a numeric code."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from annotator.inference.estimands import Reported, Term
from annotator.inference.estimands.newton import refuse_no_mass
from annotator.inference.intervals import quantile as t_quantile
from models.arrays import FloatArray, IntArray


@dataclass(frozen=True)
class Quantile:
    """The smallest number that at least a share ``q`` of the corpus does not exceed.

    It is found on the distribution function, whose design variance is that of a share, and reported as a
    number: the ends of the interval are the quantiles at the ends of the share's interval (Woodruff 1952,
    Confidence intervals for medians and other position measures).

    Parameters
    ----------
    name : str
    code_values : (K,) array
        The number that each code stands for.
    q : sequence of float
        Between 0 and 1.
    weights : (N,) array, optional
        Of the corpus.

    Examples
    --------
    >>> median = Quantile("median", np.array([1.0, 2.0, 3.0]), [0.5]).solve(np.array([[0.2, 0.5, 0.3]]))
    >>> found = median.report(0, Reported(0.7, 0.2, 0.3, 0.95), 0.95)
    >>> found.estimate, found.low, found.high
    (2.0, 1.0, 3.0)
    """

    name: str
    code_values: FloatArray
    q: Sequence[float]
    weights: FloatArray | None = None

    def solve(self, labels: FloatArray) -> "QuantileSolution":
        """The distribution function of the code's number, and where it passes each ``q``."""
        weighted = labels if self.weights is None else labels * self.weights[:, None]
        totals = weighted.sum(axis=0)
        refuse_no_mass(self.name, float(totals.sum()))
        numbers, place = np.unique(self.code_values, return_inverse=True)
        shares = np.bincount(place, totals) / totals.sum()
        # Rectified shares may be negative; the function is made to rise.
        below = np.maximum.accumulate(np.cumsum(shares))
        found = np.array([_first_at_least(below, q) for q in self.q])
        return QuantileSolution(
            terms=tuple(Term(f"q{q:g}", None, "") for q in self.q),
            values=np.cumsum(shares)[found],
            estimand=self,
            numbers=numbers,
            below=below,
            found=numbers[found],
            mass=float(totals.sum()),
            n_units=len(labels),
        )


@dataclass(frozen=True)
class QuantileSolution:
    """The distribution function at the quantiles; ``below`` (V,) is that at the distinct ``numbers``."""

    terms: tuple[Term, ...]
    values: FloatArray
    estimand: Quantile
    numbers: FloatArray
    below: FloatArray
    found: FloatArray
    mass: float
    n_units: int
    bounds: tuple[float, float] = (0.0, 1.0)

    def support(self, t: int) -> IntArray:
        """Every unit."""
        del t
        return np.arange(self.n_units)

    def outcome(self, t: int) -> FloatArray:
        """Whether each code's number is at most the quantile, (K,)."""
        outcome: FloatArray = (self.estimand.code_values <= self.found[t]).astype(np.float64)
        return outcome

    def leverage(self, t: int, units: IntArray) -> FloatArray:
        """The unit's share of the corpus, (len(units),)."""
        del t
        weights = self.estimand.weights
        share: FloatArray = (np.ones(units.size) if weights is None else weights[units]) / self.mass
        return share

    def fitted(self, t: int, units: IntArray) -> FloatArray:
        """The distribution function at the quantile, (len(units),)."""
        return np.full(units.size, self.values[t])

    def influence(self, t: int, units: IntArray) -> FloatArray:
        """On the distribution function at the quantile, (len(units), K)."""
        return np.outer(self.leverage(t, units), self.outcome(t) - self.values[t])

    def report(self, t: int, found: Reported, confidence_level: float) -> Reported:
        """Woodruff's interval around the quantile; its standard error is the interval's half-width over q."""
        q = self.estimand.q[t]
        low = self._at(q + found.low - found.estimate)
        high = self._at(q + found.high - found.estimate)
        low, high = min(low, self.found[t]), max(high, self.found[t])
        return Reported(float(self.found[t]), (high - low) / (2.0 * t_quantile(confidence_level)), low, high)

    def _at(self, share: float) -> float:
        return float(self.numbers[_first_at_least(self.below, share)])


def _first_at_least(below: FloatArray, share: float) -> int:
    """Rounding must not skip a number whose share is met exactly."""
    return min(int(np.searchsorted(below, share - 1e-12)), below.size - 1)
