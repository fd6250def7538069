"""Which codes met within units, and how often: the pairs that Krippendorff's alpha is made of."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from annotator.coding.reliability.coefficient import SparseRows
from annotator.coding.reliability.counts import Counts
from models.arrays import FloatArray, IntArray


@dataclass(frozen=True)
class Coincidences:
    """The cells of the coincidence matrix that are not empty, unit by unit.

    Attributes
    ----------
    per_unit : (n, Q) sparse array
        Ordered pairs of codes that two coders gave to a unit, over its m - 1 where it has m codes.
    codes : (D,) array of int
        Positions in the codebook of the codes that met another or themselves, ascending.
    first, second : (Q,) array of int
        The two codes of each cell, as positions among those D; cells are ordered by them.
    starts : (D,) array of int
        Where the cells of each first code begin.
    """

    per_unit: SparseRows
    codes: IntArray
    first: IntArray
    second: IntArray
    starts: IntArray

    def margins(self, sums: FloatArray) -> FloatArray:
        """(..., D) how often each code was given, from sums (..., Q) over units."""
        return np.asarray(np.add.reduceat(sums, self.starts, axis=-1))


def coincidences(counts: Counts) -> Coincidences:
    """Coincidences of the units with two codes or more.

    >>> from annotator.coding.reliability.counts import code_counts
    >>> found = coincidences(code_counts(np.array([[0, 4, 4], [-1, 0, -1]]), 5))
    >>> found.codes.tolist(), found.first.tolist(), found.second.tolist()
    ([0, 4], [0, 1, 1], [1, 0, 1])
    >>> found.per_unit.toarray().tolist()
    [[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]
    """
    m, n_codes = counts.m, len(counts.codes)
    (units,) = np.nonzero(m >= 2)
    shown = counts.per_unit[units]
    row, one, other = _within(shown.indptr.astype(np.int64))
    code, met = shown.indices[one].astype(np.int64), shown.indices[other]
    times = shown.data[one] * (shown.data[other] - (code == met)) / (m[units[row]] - 1.0)
    there = times > 0  # a code given once does not meet itself
    cells, at = np.unique((code * n_codes + met)[there], return_inverse=True)
    per_unit = sparse.csr_array((times[there], (units[row[there]], at)), shape=(len(m), len(cells)))
    of_first, of_second = np.divmod(cells, max(n_codes, 1))
    used, starts, first = np.unique(of_first, return_index=True, return_inverse=True)
    return Coincidences(per_unit, counts.codes[used], first, np.searchsorted(used, of_second), starts)


def _within(starts: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """All ordered pairs of entries of the same row, where each begins: the row, one entry, the other."""
    lengths = np.diff(starts)
    n_pairs = lengths**2
    row = np.repeat(np.arange(len(lengths)), n_pairs)
    place = np.arange(len(row)) - np.repeat(np.cumsum(n_pairs) - n_pairs, n_pairs)
    one, other = np.divmod(place, lengths[row])
    return row, starts[row] + one, starts[row] + other
