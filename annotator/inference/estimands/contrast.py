"""Differences and ratios of means: between groups, or between codes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from annotator.errors import NotEstimableError
from annotator.inference.estimands import Reported, Term
from annotator.inference.estimands.coefficients import UNBOUNDED
from annotator.inference.estimands.log_scale import exponential
from annotator.inference.estimands.mean import Mean, MeanSolution
from models.arrays import FloatArray, IntArray


@dataclass(frozen=True)
class Contrast:
    """The first mean less, or over, the second, for pairs of a mean's values.

    Parameters
    ----------
    name : str
    mean : Mean
        Whose values are compared.
    kind : str
        ``difference``, or ``ratio``, which is estimated on the log scale.
    pairs : sequence of pairs of (code or None, group)
        What to compare.
    codes : sequence of str, optional
        Names of the codes, where two of them are compared.

    Examples
    --------
    >>> labels = np.array([[0.5, 0.5], [0.25, 0.75]])
    >>> mean = Mean("m", groups=np.array([0, 1]), group_names=("left", "right"))
    >>> gap = Contrast("gap", mean, "difference", [((1, "right"), (1, "left"))]).solve(labels)
    >>> gap.terms[0].group, float(gap.values[0])
    ('right - left', 0.25)
    """

    name: str
    mean: Mean
    kind: Literal["difference", "ratio"]
    pairs: Sequence[tuple[tuple[int | None, str], tuple[int | None, str]]]
    codes: Sequence[str] = ()

    def solve(self, labels: FloatArray) -> "DifferenceSolution | RatioSolution":
        """Raises NotEstimableError if a group has no unit, or a ratio has a side that is not positive."""
        means = self.mean.solve(labels)
        place = {(term.label, term.group): t for t, term in enumerate(means.terms)}
        try:
            pairs = tuple((place[first], place[second]) for first, second in self.pairs)
        except KeyError as error:
            raise NotEstimableError(f"Estimand '{self.name}': there is no unit in {error}.") from error
        first, second = np.array(pairs).T
        if self.kind == "difference":
            low, high = means.bounds
            values = means.values[first] - means.values[second]
            return DifferenceSolution(self._terms(" - "), values, means, pairs, (low - high, high - low))
        if not np.all(means.values[[*first, *second]] > 0):
            raise NotEstimableError(
                f"Estimand '{self.name}' has no finite answer: a mean it compares is not positive.",
                hint="Code more units, or ask for the difference.",
            )
        values = np.log(means.values[first] / means.values[second])
        return RatioSolution(self._terms(" / "), values, means, pairs)

    def _terms(self, sign: str) -> tuple[Term, ...]:
        return tuple(
            Term(
                self.kind if other is None or one == other else f"{self.kind} to {self._name(other)}",
                one,
                group if group == reference else f"{group}{sign}{reference}",
            )
            for (one, group), (other, reference) in self.pairs
        )

    def _name(self, code: int) -> str:
        return self.codes[code] if self.codes else f"code {code}"


@dataclass(frozen=True)
class DifferenceSolution:
    """Differences of pairs of means."""

    terms: tuple[Term, ...]
    values: FloatArray
    means: MeanSolution
    pairs: tuple[tuple[int, int], ...]
    bounds: tuple[float, float]

    def support(self, t: int) -> IntArray:
        """The units of both groups."""
        return _either(self.means, self.pairs[t])

    def influence(self, t: int, units: IntArray) -> FloatArray:
        """The first mean's influence less the second's, (len(units), K)."""
        first, second = self.pairs[t]
        return self.means.influence(first, units) - self.means.influence(second, units)


@dataclass(frozen=True)
class RatioSolution:
    """Logarithms of ratios of pairs of means."""

    terms: tuple[Term, ...]
    values: FloatArray
    means: MeanSolution
    pairs: tuple[tuple[int, int], ...]
    bounds: tuple[float, float] = UNBOUNDED

    def support(self, t: int) -> IntArray:
        """The units of both groups."""
        return _either(self.means, self.pairs[t])

    def influence(self, t: int, units: IntArray) -> FloatArray:
        """The relative influence on the first mean less that on the second, (len(units), K)."""
        first, second = self.pairs[t]
        upper = self.means.influence(first, units) / self.means.values[first]
        lower = self.means.influence(second, units) / self.means.values[second]
        influence: FloatArray = upper - lower
        return influence

    def report(self, t: int, found: Reported, confidence_level: float) -> Reported:
        """The ratio itself."""
        del t, confidence_level
        return exponential(found)


def _either(means: MeanSolution, pair: tuple[int, int]) -> IntArray:
    first, second = (means.support(t) for t in pair)
    return first if first is second else np.union1d(first, second)
