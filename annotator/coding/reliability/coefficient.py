"""What all agreement coefficients have in common: one minus observed over expected disagreement."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray

MISSING = -1
NO_UNITS = "nothing was coded"
ONE_CODER = "one coder only: there is nobody to compare with"
NO_OVERLAP = "no unit was coded by two people"
ONE_CODE = "only one code was given: agreement by chance cannot be told from agreement"

Disagreement = tuple[FloatArray, FloatArray]


@dataclass(frozen=True)
class Coefficient:
    """One minus observed over expected disagreement, as a function of sums over units.

    Every statistic of this package has this form, so that one routine finds all bootstrap intervals.

    Attributes
    ----------
    per_unit : (n, p) array
        What each unit adds to the sums.
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

    per_unit: FloatArray
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


def why_undefined(codes: IntArray, *, corrected: bool = True) -> str:
    """Why codes (n, C) allow no coefficient, or nothing; ``corrected`` for chance needs two codes in use.

    >>> why_undefined(np.array([[0, -1], [-1, 1]]))
    'no unit was coded by two people'
    """
    given = codes != MISSING
    if not given.any():
        return NO_UNITS
    if given.any(axis=0).sum() < 2:
        return ONE_CODER
    if given.sum(axis=1).max() < 2:
        return NO_OVERLAP
    compared = codes[given & (given.sum(axis=1) >= 2)[:, None]]
    return ONE_CODE if corrected and np.unique(compared).size < 2 else ""


def code_counts(codes: IntArray, n_codes: int) -> FloatArray:
    """(n, K) how many coders gave each code to each unit.

    Raises ValueError unless codes are (n, C) and between 0 and ``n_codes`` - 1, or -1 where missing.

    >>> code_counts(np.array([[0, 1, 1], [-1, 0, -1]]), 2)
    array([[1., 2.],
           [1., 0.]])
    """
    if codes.ndim != 2:
        raise ValueError(f"codes need a row a unit and a column a coder, got shape {codes.shape}")
    if codes.size and not (codes.min() >= MISSING and codes.max() < n_codes):
        raise ValueError(f"codes must lie between 0 and {n_codes - 1}, or be {MISSING} where missing")
    return np.stack([(codes == k).sum(axis=1) for k in range(n_codes)], axis=1).astype(float)
