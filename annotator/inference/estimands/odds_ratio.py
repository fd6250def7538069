"""The odds ratio of a code and a yes-or-no feature of the units."""

from dataclasses import dataclass

import numpy as np

from annotator.errors import NotEstimableError
from annotator.inference.estimands import Reported, Term
from annotator.inference.estimands.coefficients import UNBOUNDED
from annotator.inference.estimands.log_scale import exponential
from models.arrays import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class OddsRatio:
    """The odds of a code among units with a feature over those among units without.

    It is estimated on the log scale, where it is close to normal, and reported as the ratio.

    Parameters
    ----------
    name : str
    code : int
    feature : (N,) array of bool
    weights : (N,) array, optional
        Of the corpus.
    term : str
        What to call the feature.

    Examples
    --------
    >>> labels = np.array([[3.0, 1.0], [1.0, 1.0]])
    >>> ratio = OddsRatio("odds", 0, np.array([True, False]))
    >>> round(float(np.exp(ratio.solve(labels).values[0])), 6)
    3.0
    """

    name: str
    code: int
    feature: BoolArray
    weights: FloatArray | None = None
    term: str = "odds_ratio"

    def solve(self, labels: FloatArray) -> "OddsRatioSolution":
        """The difference of the log odds. Raises NotEstimableError if a share is not between 0 and 1."""
        weighted = labels if self.weights is None else labels * self.weights[:, None]
        masses, shares = np.empty(2), np.empty(2)
        for g, chosen in enumerate((~self.feature, self.feature)):
            totals = weighted[chosen].sum(axis=0)
            masses[g] = totals.sum()
            shares[g] = totals[self.code] / masses[g] if masses[g] > 0 else np.nan
        if not np.all((shares > 0) & (shares < 1)):
            raise NotEstimableError(
                f"Estimand '{self.name}' has no finite answer: the estimated share of the code is not "
                f"between 0 and 1 on both sides of '{self.term}'.",
                hint="Code more units: the code is too rare or too common so far.",
            )
        value = float(np.log(shares[1] / (1 - shares[1])) - np.log(shares[0] / (1 - shares[0])))
        term = Term(self.term, self.code, "")
        return OddsRatioSolution((term,), np.array([value]), shares, masses, self, labels.shape[1])


@dataclass(frozen=True)
class OddsRatioSolution:
    """The log odds ratio; ``shares`` and ``masses`` (2,) are those without and with the feature."""

    terms: tuple[Term, ...]
    values: FloatArray
    shares: FloatArray
    masses: FloatArray
    estimand: OddsRatio
    n_codes: int
    bounds: tuple[float, float] = UNBOUNDED

    def support(self, t: int) -> IntArray:
        """Every unit."""
        del t
        return np.arange(self.estimand.feature.size)

    def influence(self, t: int, units: IntArray) -> FloatArray:
        """``+-(1[code] - share) / (mass * share * (1 - share))``, (len(units), K)."""
        del t
        side = self.estimand.feature[units].astype(np.int64)
        share = self.shares[side]
        scale = np.where(side == 1, 1.0, -1.0) / (self.masses[side] * share * (1.0 - share))
        if self.estimand.weights is not None:
            scale = scale * self.estimand.weights[units]
        influence: FloatArray = scale[:, None] * (np.eye(self.n_codes)[self.estimand.code] - share[:, None])
        return influence

    def report(self, t: int, found: Reported, confidence_level: float) -> Reported:
        """The ratio itself."""
        del t, confidence_level
        return exponential(found)
