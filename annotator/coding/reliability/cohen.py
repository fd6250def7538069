"""Cohen's kappa of two coders, and of one coder (or a machine) against several others."""

import numpy as np

from annotator.coding.reliability.coefficient import (
    MISSING,
    NO_OVERLAP,
    ONE_CODE,
    Coefficient,
    Disagreement,
    code_counts,
)
from models.arrays import FloatArray, IntArray


def cohen_kappa(first: IntArray, second: IntArray, n_codes: int, *, corrected: bool = True) -> Coefficient:
    """``1 - D_o / (1 - sum_k p_k q_k)`` over the units that both coded; codes (n,), -1 where missing.

    p and q are the shares of the codes that each of the two gave to these units. With ``corrected=False``
    the share of units on which they agree. Cohen (1960), A coefficient of agreement for nominal scales,
    Educational and Psychological Measurement 20.

    >>> round(cohen_kappa(np.array([0, 1, 0, 1]), np.array([0, 1, 1, 1]), 2).value, 4)
    0.5
    """
    return against_others(first, second[:, None], n_codes, corrected=corrected)


def against_others(one: IntArray, others: IntArray, n_codes: int, *, corrected: bool = True) -> Coefficient:
    """Cohen's kappa of one coder (n,) with the shares of the others' codes (n, C) in the second one's place.

    A unit's disagreement is the share of the others who gave another code than this coder; chance is what
    this coder's codes and the others' mean shares would give. With one other it is Cohen's kappa.

    >>> others = np.array([[0, 0], [1, 0], [1, -1], [-1, -1]])
    >>> found = against_others(np.array([0, 1, 1, 1]), others, 2, corrected=False)
    >>> found.value, found.n
    (0.8333333333333334, 3)
    """
    mine, theirs = code_counts(one[:, None], n_codes), code_counts(others, n_codes)
    shows = (one != MISSING) & (theirs.sum(axis=1) > 0)
    mine, theirs = mine * shows[:, None], theirs * shows[:, None]
    theirs /= np.maximum(theirs.sum(axis=1), 1.0)[:, None]
    differing = np.where(shows, 1.0 - (mine * theirs).sum(axis=1), 0.0)

    def disagreement(sums: FloatArray) -> Disagreement:
        n = np.maximum(sums[..., -1], 1e-300)
        by_chance = (sums[..., :n_codes] * sums[..., n_codes : 2 * n_codes]).sum(axis=-1) / n**2
        return sums[..., -2] / n, 1.0 - by_chance if corrected else np.ones(n.shape)

    return Coefficient(
        per_unit=np.column_stack([mine, theirs, differing, shows]).astype(float),
        disagreement=disagreement,
        shows=shows,
        differs=differing > 1e-12,
        undefined=_undefined(mine + theirs, shows.any(), corrected),
    )


def _undefined(used: FloatArray, is_shown: bool, corrected: bool) -> str:
    if not is_shown:
        return NO_OVERLAP
    return ONE_CODE if corrected and (used.sum(axis=0) > 0).sum() < 2 else ""
