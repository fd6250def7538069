"""Several questions put together: the codes of their combinations, the first question varying fastest."""

from collections.abc import Sequence

import numpy as np

from models.arrays import FloatArray, IntArray


def combined_codes(codes: Sequence[IntArray], sizes: Sequence[int]) -> IntArray:
    """Codes (N,) of the combinations of some questions' codes (N,), -1 where one is unknown.

    >>> combined_codes([np.array([0, 1, 1]), np.array([1, 0, -1])], [2, 2]).tolist()
    [2, 1, -1]
    """
    total = np.zeros(codes[0].shape, dtype=np.int64)
    for one, step in zip(codes, np.cumprod([1, *sizes[:-1]]), strict=True):
        total += one * step
    unknown = np.any([one < 0 for one in codes], axis=0)
    return np.where(unknown, -1, total)


def combined_probabilities(probabilities: Sequence[FloatArray]) -> FloatArray:
    """Probabilities (N, prod A) of the combinations, from those of each question (N, A), as if independent.

    >>> combined_probabilities([np.array([[0.5, 0.5]]), np.array([[0.9, 0.1]])]).round(2).tolist()
    [[0.45, 0.45, 0.05, 0.05]]
    """
    found = probabilities[0]
    for other in probabilities[1:]:
        found = (other[:, :, None] * found[:, None, :]).reshape(len(found), -1)
    return found
