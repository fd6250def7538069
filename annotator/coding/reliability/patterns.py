"""Which rows of a sparse array differ."""

from collections import Counter
from itertools import pairwise

import numpy as np

from annotator.coding.reliability.coefficient import SparseRows
from models.arrays import IntArray

_ENTRY = np.dtype([("column", ">u8"), ("value", ">f8")])  # big-endian: bytes are in the order of the numbers


def distinct_rows(rows: SparseRows) -> tuple[IntArray, IntArray]:
    """For each kind of row where one of its kind is, and how many there are.

    They are in the order of ``numpy.unique(rows.toarray(), axis=0)``, which decides what a seed draws.
    Columns must be sorted within rows, and numbers that are stored above zero.

    >>> from scipy import sparse
    >>> rows = sparse.csr_array([[0.0, 2.0], [1.0, 0.0], [0.0, 2.0], [0.0, 0.0]])
    >>> where, times = distinct_rows(rows)
    >>> rows[where].toarray().tolist(), times.tolist()
    ([[0.0, 0.0], [0.0, 2.0], [1.0, 0.0]], [1, 2, 1])
    """
    entries = np.empty(rows.nnz, _ENTRY)
    entries["column"] = rows.shape[1] - rows.indices  # an earlier column makes a row greater
    entries["value"] = rows.data
    kinds = [entries[start:end].tobytes() for start, end in pairwise(rows.indptr.tolist())]
    times = Counter(kinds)
    where = {kind: at for at, kind in enumerate(kinds)}
    ascending = sorted(times)
    return np.array([where[kind] for kind in ascending]), np.array([times[kind] for kind in ascending])
