"""Prevalence: the share of the units that carry each code, over the corpus or by group."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from annotator.inference.estimands import Term
from models.arrays import FloatArray, IntArray

NO_GROUP = -1


@dataclass(frozen=True)
class MeanSolution:
    """The shares and what is needed for their influence."""

    terms: tuple[Term, ...]
    values: FloatArray
    members: tuple[IntArray, ...]
    masses: FloatArray
    n_codes: int
    bounds: tuple[float, float] = (0.0, 1.0)

    def support(self, t: int) -> IntArray:
        """The units of the term's group."""
        return self.members[t // self.n_codes]

    def influence(self, t: int, units: IntArray) -> FloatArray:
        """``(1[k = code] - value) / group size`` for units of the group, (len(units), K)."""
        group, code = divmod(t, self.n_codes)
        members = self.members[group]
        influence = np.full((units.size, self.n_codes), -self.values[t])
        influence[:, code] += 1.0
        influence /= self.masses[group]
        if members is not units:
            position = np.minimum(np.searchsorted(members, units), max(members.size - 1, 0))
            outside = members[position] != units if members.size else np.ones(units.size, dtype=bool)
            influence[outside] = 0.0
        return influence


@dataclass(frozen=True)
class Mean:
    """The mean of the one-hot label.

    Parameters
    ----------
    name : str
    groups : (N,) array of int, optional
        The group of each unit, -1 for none. Group sizes are known, so only labels are estimated.
    group_names : sequence of str
        One name a group. A group without a unit has no rows.

    Examples
    --------
    >>> Mean("prevalence").solve(np.array([[1.0, 0.0], [0.5, 0.5]])).values.tolist()
    [0.75, 0.25]
    """

    name: str
    groups: IntArray | None = None
    group_names: Sequence[str] = ()

    def solve(self, labels: FloatArray) -> MeanSolution:
        """Shares ``sum_i z_ik / sum_i sum_k z_ik`` by group; for rectified labels simply their mean.

        A group whose labels have no mass at all, as when humans coded none of its units, gets the shares of
        the whole corpus.
        """
        n_units, n_codes = labels.shape
        if self.groups is None:
            members: tuple[IntArray, ...] = (np.arange(n_units),)
            names: tuple[str, ...] = ("",)
        else:
            found = {g: np.flatnonzero(self.groups == g) for g in range(len(self.group_names))}
            members = tuple(units for units in found.values() if units.size)
            names = tuple(self.group_names[g] for g, units in found.items() if units.size)
        overall = labels.sum(axis=0)
        values, masses = [], []
        for units in members:
            totals = overall if units.size == n_units else labels[units].sum(axis=0)
            mass = float(totals.sum())
            values.append(totals / mass if mass > 0 else overall / overall.sum())
            masses.append(mass if mass > 0 else float(units.size))
        terms = tuple(Term("mean", code, name) for name in names for code in range(n_codes))
        return MeanSolution(terms, np.concatenate(values), members, np.array(masses), n_codes)
