"""What all agreement coefficients have in common: one minus observed over expected disagreement."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from models.arrays import BoolArray, FloatArray

MISSING = -1
NO_UNITS = "nothing was coded"
ONE_CODER = "one coder only: there is nobody to compare with"
NO_OVERLAP = "no unit was coded by two people"
ONE_CODE = "only one code was given: agreement by chance cannot be told from agreement"

Disagreement = tuple[FloatArray, FloatArray]
SparseRows = sparse.csr_array[np.float64, tuple[int, int]]


@dataclass(frozen=True)
class Coefficient:
    """One minus observed over expected disagreement, as a function of sums over units.

    Every statistic of this package has this form, so that one routine finds all bootstrap intervals.

    Attributes
    ----------
    per_unit : (n, p) sparse array
        What each unit adds to the sums, 0 or more.
    disagreement : function
        From sums (..., p) to (observed, expected) disagreement, (...) each.
    shows : (n,) array of bool
        Whether a unit has two codes that can be compared.
    differs : (n,) array of bool
        Whether two of its codes differ.
    severity : float
        Disagreement within a unit whose codes differ; used where no unit has been seen to differ.
    undefined : str
        Why there is no value; empty where there is one.
    """

    per_unit: SparseRows
    disagreement: Callable[[FloatArray], Disagreement]
    shows: BoolArray
    differs: BoolArray
    severity: float = 1.0
    undefined: str = ""

    @property
    def n(self) -> int:
        """How many units show agreement or disagreement."""
        return int(self.shows.sum())

    @property
    def value(self) -> float:
        """The coefficient with every unit counting once; NaN where it is `undefined`."""
        return np.nan if self.undefined else float(self.of(self.per_unit.sum(axis=0)))

    def of(self, sums: FloatArray) -> FloatArray:
        """The coefficient from sums (..., p); NaN where no disagreement can be expected."""
        observed, expected = self.disagreement(sums)
        possible = expected > 1e-12
        ratio = np.divide(observed, expected, out=np.full(np.shape(observed), np.nan), where=possible)
        return np.asarray(1.0 - ratio)
