"""Gwet's AC1: a coefficient that does not collapse where one code is far more common than the others."""

from annotator.coding.reliability.coefficient import Coefficient
from annotator.coding.reliability.pairs import of_pairs
from models.arrays import IntArray


def gwet_ac1(codes: IntArray, n_codes: int) -> Coefficient:
    """``1 - D_o / (1 - p_e)``, ``p_e = sum_k p_k (1 - p_k) / (K - 1)``; codes (n, C), -1 where missing.

    K counts all codes of the codebook, also those that nobody gave. Gwet (2008), Computing inter-rater
    reliability and its variance in the presence of high agreement, British Journal of Mathematical and
    Statistical Psychology 61; units with differing numbers of coders as in `fleiss_kappa`. Raises
    ValueError for fewer than two codes.

    >>> import numpy as np
    >>> round(gwet_ac1(np.array([[0, 0], [1, 1], [0, 1], [1, 1]]), 2).value, 4)
    0.5294
    """
    if n_codes < 2:
        raise ValueError(f"AC1 needs two codes or more, got {n_codes}")
    return of_pairs(
        codes, n_codes, lambda shares: 1.0 - (shares * (1.0 - shares)).sum(axis=-1) / (n_codes - 1)
    )
