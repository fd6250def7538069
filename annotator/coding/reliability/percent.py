"""Percent agreement: the share of pairs of codes within a unit that are the same."""

import numpy as np

from annotator.coding.reliability.coefficient import Coefficient
from annotator.coding.reliability.pairs import of_pairs
from models.arrays import IntArray


def percent_agreement(codes: IntArray, n_codes: int) -> Coefficient:
    """Mean over units of the share of their pairs of codes that agree; codes (n, C), -1 where missing.

    Not corrected for chance: two coders who always give the one common code agree on everything.

    >>> percent_agreement(np.array([[0, 0], [1, 1], [0, 1], [1, -1]]), 2).value
    0.6666666666666667
    """
    return of_pairs(codes, n_codes, lambda shares: np.ones(shares.shape[:-1]), corrected=False)
