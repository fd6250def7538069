"""How often each code was given to each unit.

Only what was given is kept: of labels that are sets of codes there may be nearly as many as units.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from annotator.coding.reliability.coefficient import (
    MISSING,
    NO_OVERLAP,
    NO_UNITS,
    ONE_CODE,
    ONE_CODER,
    SparseRows,
)
from models.arrays import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class Counts:
    """Codes of n units, whoever gave them.

    Attributes
    ----------
    per_unit : (n, S) sparse array
        How many coders gave a code to a unit, of the S codes that were given at all.
    codes : (S,) array of int
        Their positions in the codebook, ascending.
    n_coders : int
        How many coders gave any.
    """

    per_unit: SparseRows
    codes: IntArray
    n_coders: int

    @property
    def m(self) -> FloatArray:
        """(n,) how many codes each unit has."""
        return np.asarray(self.per_unit.sum(axis=1))

    def of(self, one: IntArray) -> SparseRows:
        """(n, S) counts of one of the coders alone, whose codes are (n,)."""
        (units,) = np.nonzero(one != MISSING)
        return _tallied(units, np.searchsorted(self.codes, one[units]), (len(one), len(self.codes)))

    def without(self, one: IntArray) -> "Counts":
        """Counts of all coders but one, whose codes are (n,).

        >>> codes = np.array([[0, 1, 1], [-1, 0, -1]])
        >>> rest = code_counts(codes, 2).without(codes[:, 0])
        >>> rest.per_unit.toarray().tolist(), rest.n_coders
        ([[0.0, 2.0], [1.0, 0.0]], 2)
        """
        left = sparse.csr_array(self.per_unit - self.of(one))
        return Counts(left, self.codes, self.n_coders - int((one != MISSING).any()))


def code_counts(codes: IntArray, n_codes: int | None = None) -> Counts:
    """Counts of codes (n, C), a column a coder, -1 where missing.

    Raises ValueError unless codes are (n, C) and between 0 and ``n_codes`` - 1, or -1.

    >>> found = code_counts(np.array([[0, 3, 3], [-1, 0, -1]]), 4)
    >>> found.per_unit.toarray().tolist(), found.codes.tolist(), found.n_coders
    ([[1.0, 2.0], [1.0, 0.0]], [0, 3], 3)
    """
    if codes.ndim != 2:
        raise ValueError(f"codes need a row a unit and a column a coder, got shape {codes.shape}")
    units, coders = np.nonzero(codes != MISSING)
    seen, at = np.unique(codes[units, coders], return_inverse=True)
    if seen.size and (seen[0] < 0 or (n_codes is not None and seen[-1] >= n_codes)):
        until = "" if n_codes is None else f" and {n_codes - 1}"
        raise ValueError(f"codes must lie between 0{until}, or be {MISSING} where missing")
    return Counts(_tallied(units, at, (len(codes), len(seen))), seen, len(np.unique(coders)))


def why_undefined(counts: Counts, *, corrected: bool = True) -> str:
    """Why codes allow no coefficient, or nothing; ``corrected`` for chance needs two codes in use.

    >>> why_undefined(code_counts(np.array([[0, -1], [-1, 1]])))
    'no unit was coded by two people'
    """
    if not counts.per_unit.nnz:
        return NO_UNITS
    if counts.n_coders < 2:
        return ONE_CODER
    compared = counts.m >= 2
    if not compared.any():
        return NO_OVERLAP
    used = counts.per_unit.indices[np.repeat(compared, np.diff(counts.per_unit.indptr))]
    return ONE_CODE if corrected and np.unique(used).size < 2 else ""


def divided(rows: SparseRows, by: FloatArray) -> SparseRows:
    """Rows (n, p), each over its own number (n,)."""
    data = rows.data / np.repeat(by, np.diff(rows.indptr))
    return sparse.csr_array((data, rows.indices, rows.indptr), shape=rows.shape)


def beside(rows: Sequence[SparseRows], *columns: FloatArray | BoolArray) -> SparseRows:
    """Sparse rows (n, p) of several kinds and columns (n,), side by side."""
    dense = sparse.csr_array(np.column_stack(columns).astype(float))
    return sparse.csr_array(sparse.hstack([*rows, dense], format="csr"))


def _tallied(rows: IntArray, columns: IntArray, shape: tuple[int, int]) -> SparseRows:
    """How often each place occurs, from places whose rows ascend."""
    starts = np.searchsorted(rows, np.arange(shape[0] + 1))
    found: SparseRows = sparse.csr_array((np.ones(len(rows)), columns, starts), shape=shape)
    found.sum_duplicates()
    return found
