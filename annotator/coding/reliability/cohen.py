"""Cohen's kappa of two coders, and of one coder (or a machine) against several others."""

import numpy as np

from annotator.coding.reliability.coefficient import MISSING, NO_OVERLAP, ONE_CODE, Coefficient, Disagreement
from annotator.coding.reliability.counts import beside, code_counts, divided
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
    shows = (one != MISSING) & (others != MISSING).any(axis=1)
    one, others = np.where(shows, one, MISSING), np.where(shows[:, None], others, MISSING)
    counts = code_counts(np.column_stack([one, others]), n_codes)
    n_seen = len(counts.codes)
    mine, theirs = counts.of(one), counts.without(one)
    shares = divided(theirs.per_unit, np.maximum(theirs.m, 1.0))
    differing = np.where(shows, 1.0 - mine.multiply(shares).sum(axis=1), 0.0)

    def disagreement(sums: FloatArray) -> Disagreement:
        n = np.maximum(sums[..., -1], 1e-300)
        by_chance = (sums[..., :n_seen] * sums[..., n_seen : 2 * n_seen]).sum(axis=-1) / n**2
        return sums[..., -2] / n, 1.0 - by_chance if corrected else np.ones(n.shape)

    return Coefficient(
        per_unit=beside([mine, shares], differing, shows),
        disagreement=disagreement,
        shows=shows,
        differs=differing > 1e-12,
        undefined=_undefined(n_seen, corrected),
    )


def _undefined(n_seen: int, corrected: bool) -> str:
    if not n_seen:
        return NO_OVERLAP
    return ONE_CODE if corrected and n_seen < 2 else ""
