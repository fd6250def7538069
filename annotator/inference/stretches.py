"""Stretches of a corpus: what is summed over all units is summed piece by piece, without large copies."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.arrays import IntArray

CHUNK = 16_384


def stretches(n_units: int) -> list[slice]:
    """Slices of neighbouring units, each short enough for the processor's cache.

    >>> stretches(20_000)
    [slice(0, 16384, None), slice(16384, 20000, None)]
    """
    return [slice(start, min(start + CHUNK, n_units)) for start in range(0, n_units, CHUNK)]


def rows(array: NDArray[Any], units: IntArray) -> NDArray[Any]:
    """``array[units]``, not copied where the units are neighbours in ascending order.

    >>> column = np.array([5.0, 6.0, 7.0, 8.0])
    >>> rows(column, np.array([1, 2])).tolist(), rows(column, np.array([2, 0])).tolist()
    ([6.0, 7.0], [7.0, 5.0])
    """
    if units.size:
        first, last = int(units[0]), int(units[-1])
        if last - first + 1 == units.size and np.array_equal(units, np.arange(first, last + 1)):
            return array[first : last + 1]
    return array[units]
