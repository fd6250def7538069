"""Prevalence, the share of the units that carry each code, and the mean of a numeric code; also by group."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from annotator.inference.estimands import Term
from annotator.inference.stretches import rows
from models.arrays import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class MeanSolution:
    """The means and what is needed for their influence.

    ``outcomes`` (T, K) is the outcome that each code stands for in each value.
    """

    terms: tuple[Term, ...]
    values: FloatArray
    members: tuple[IntArray, ...]
    masses: FloatArray
    weights: FloatArray | None
    outcomes: FloatArray
    bounds: tuple[float, float]

    def support(self, t: int) -> IntArray:
        """The units of the term's group."""
        return self.members[t]

    def outcome(self, t: int) -> FloatArray:
        """The outcome of each code, (K,)."""
        outcome: FloatArray = self.outcomes[t]
        return outcome

    def leverage(self, t: int, units: IntArray) -> FloatArray:
        """The unit's share of the group, ``weight / mass``; zero outside, (len(units),)."""
        weight = np.ones(units.size) if self.weights is None else rows(self.weights, units)
        leverage: FloatArray = weight * _among(self.members[t], units) / self.masses[t]
        return leverage

    def fitted(self, t: int, units: IntArray) -> FloatArray:
        """The value, (len(units),)."""
        return np.full(units.size, self.values[t])

    def influence(self, t: int, units: IntArray) -> FloatArray:
        """``leverage * (outcome - value)``, (len(units), K)."""
        influence: FloatArray = np.outer(self.leverage(t, units), self.outcomes[t] - self.values[t])
        return influence


@dataclass(frozen=True)
class Mean:
    """The mean of the one-hot label, or of any other outcome that the code decides.

    Parameters
    ----------
    name : str
    groups : (N,) array of int, optional
        The group of each unit, -1 for none. Group sizes are known, so only labels are estimated.
    group_names : sequence of str
        One name a group. A group without a unit has no rows.
    weights : (N,) array, optional
        Weights of the corpus.
    outcomes : (T, K) array, optional
        What each code stands for in each of T means; by default the K shares.
    labels : sequence of (int or None), optional
        The code that each outcome speaks of, T of them; none by default.

    Examples
    --------
    >>> labels = np.array([[1.0, 0.0], [0.5, 0.5]])
    >>> Mean("prevalence").solve(labels).values.tolist()
    [0.75, 0.25]
    >>> Mean("score", outcomes=np.array([[1.0, 3.0]])).solve(labels).values.tolist()
    [1.5]
    """

    name: str
    groups: IntArray | None = None
    group_names: Sequence[str] = ()
    weights: FloatArray | None = None
    outcomes: FloatArray | None = None
    labels: Sequence[int | None] | None = None

    def solve(self, labels: FloatArray) -> MeanSolution:
        """Means ``sum_i w_i z_i . o / sum_i w_i sum_k z_ik`` by group.

        A group whose labels have no mass at all, as when humans coded none of its units, gets the mean of
        the whole corpus.
        """
        n_units, n_codes = labels.shape
        outcomes = np.eye(n_codes) if self.outcomes is None else self.outcomes
        codes: Sequence[int | None] = range(n_codes) if self.outcomes is None else [None] * len(outcomes)
        codes = self.labels or codes
        overall, overall_mass = self._totals(labels, None)
        terms, values, members, masses = [], [], [], []
        for name, units in self._members(n_units):
            totals, mass = (overall, overall_mass) if units.size == n_units else self._totals(labels, units)
            if mass <= 0:
                mass = float(units.size if self.weights is None else self.weights[units].sum())
                totals = overall * (mass / overall_mass)
            for code, outcome in zip(codes, outcomes, strict=True):
                terms.append(Term("mean", code, name))
                values.append(float(totals @ outcome) / mass)
                members.append(units)
                masses.append(mass)
        return MeanSolution(
            terms=tuple(terms),
            values=np.array(values),
            members=tuple(members),
            masses=np.array(masses),
            weights=self.weights,
            outcomes=np.tile(outcomes, (len(terms) // len(codes), 1)),
            bounds=(float(outcomes.min()), float(outcomes.max())),
        )

    def _members(self, n_units: int) -> list[tuple[str, IntArray]]:
        if self.groups is None:
            return [("", np.arange(n_units))]
        found = [(name, np.flatnonzero(self.groups == g)) for g, name in enumerate(self.group_names)]
        return [(name, units) for name, units in found if units.size]

    def _totals(self, labels: FloatArray, units: IntArray | None) -> tuple[FloatArray, float]:
        """Weighted totals of the codes, (K,), and their sum."""
        weights = np.ones(len(labels)) if self.weights is None else self.weights
        totals: FloatArray = weights @ labels if units is None else weights[units] @ labels[units]
        return totals, float(totals.sum())


def _among(members: IntArray, units: IntArray) -> BoolArray:
    """Whether each unit is a member; members are ascending."""
    if members.size == members[-1] + 1:
        return units < members.size
    place = np.minimum(np.searchsorted(members, units), members.size - 1)
    among: BoolArray = members[place] == units
    return among
