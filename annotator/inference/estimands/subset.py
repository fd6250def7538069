"""An estimand asked of some units of the corpus: a group, or those without missing covariates."""

from dataclasses import dataclass, replace

import numpy as np

from annotator.errors import NotEstimableError
from annotator.inference.estimands import Estimand, Reported, ReportingSolution, Solution, Term
from models.arrays import FloatArray, IntArray


@dataclass(frozen=True)
class Subset:
    """An estimand over some units only.

    Parameters
    ----------
    estimand : Estimand
        Built on the arrays of these units, in this order.
    units : (n,) array of int
        Positions in the corpus, ascending.
    group : str
        What the units have in common, if they are a group.
    """

    estimand: Estimand
    units: IntArray
    group: str = ""

    @property
    def name(self) -> str:
        """The estimand's."""
        return self.estimand.name

    def solve(self, labels: FloatArray) -> "SubsetSolution":
        """Raises NotEstimableError, with the group's name, when there is no answer."""
        try:
            inner = self.estimand.solve(labels[self.units])
        except NotEstimableError as error:
            error.group = self.group
            raise
        place = np.full(len(labels), -1, dtype=np.int64)
        place[self.units] = np.arange(self.units.size)
        return SubsetSolution(inner, self.units, place, self.group)


@dataclass(frozen=True)
class SubsetSolution:
    """The solution of the units, seen from the corpus; ``place`` (N,) is -1 for other units."""

    inner: Solution
    units: IntArray
    place: IntArray
    group: str

    @property
    def terms(self) -> tuple[Term, ...]:
        """The estimand's terms, of this group."""
        return tuple(replace(term, group=self.group or term.group) for term in self.inner.terms)

    @property
    def values(self) -> FloatArray:
        """The values, (T,)."""
        return self.inner.values

    @property
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest value possible."""
        return self.inner.bounds

    def support(self, t: int) -> IntArray:
        """Positions in the corpus."""
        inner = self.inner.support(t)
        return self.units if inner.size == self.units.size else self.units[inner]

    def influence(self, t: int, units: IntArray) -> FloatArray:
        """Zero for units that are not among these, (len(units), K)."""
        place = self.place[units]
        there = np.flatnonzero(place >= 0)
        found = self.inner.influence(t, place[there])
        if there.size == units.size:
            return found
        influence = np.zeros((units.size, found.shape[1]))
        influence[there] = found
        return influence

    def report(self, t: int, found: Reported, confidence_level: float) -> Reported:
        """As the estimand reports it."""
        if isinstance(self.inner, ReportingSolution):
            return self.inner.report(t, found, confidence_level)
        return found
