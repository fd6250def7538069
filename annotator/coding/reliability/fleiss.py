"""Fleiss' kappa: agreement of any number of coders beyond what their pooled codes give by chance."""

from annotator.coding.reliability.coefficient import Coefficient
from annotator.coding.reliability.pairs import of_pairs
from models.arrays import IntArray


def fleiss_kappa(codes: IntArray, n_codes: int) -> Coefficient:
    """``1 - D_o / (1 - sum_k p_k**2)`` with D_o the mean share of differing pairs; codes (n, C), -1 missing.

    Fleiss (1971), Measuring nominal scale agreement among many raters, Psychological Bulletin 76, asks for
    the same number of codes in every unit. Where units differ in it, they count alike, as in Gwet (2014),
    Handbook of Inter-Rater Reliability; with equal numbers the two are the same.

    >>> import numpy as np
    >>> round(fleiss_kappa(np.array([[0, 0], [1, 1], [0, 1], [1, 1]]), 2).value, 4)
    0.4667
    """
    return of_pairs(codes, n_codes, lambda shares: 1.0 - (shares**2).sum(axis=-1))
