"""Whether the place of a code in the list moves the answer, from a question asked in several orders.

If it does not, the answers of a unit could as well have come in any other assignment to the orders. Under
that permutation distribution, unit by unit, the counts of answers by place have known means and covariances
(Hoeffding, 1951, "A Combinatorial Central Limit Theorem"), and their sum over units gives a chi-square
statistic: the units' own content cannot look like an effect of the order, as it can in a test that takes all
answers for independent.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from models.arrays import BoolArray, FloatArray, IntArray

_ROUNDING = 1e-9


@dataclass(frozen=True)
class PositionBias:
    """Answers by place in the list.

    Attributes
    ----------
    share : (P,) array
        Of the answers, those that name the code in each place.
    expected : (P,) array
        The same if the order moved no answer.
    n_answers : int
    moved : float
        Share of the units whose answer was not the same in all orders.
    chi_square, p_value : float
        NaN where no answer moved.
    degrees_of_freedom : int
    """

    share: FloatArray
    expected: FloatArray
    n_answers: int
    moved: float
    chi_square: float
    degrees_of_freedom: int
    p_value: float


def position_bias(answers: BoolArray, place: IntArray) -> PositionBias:
    """Measure the effect of the order on the answers.

    Parameters
    ----------
    answers : (U, K, C) array of bool
        Which codes the answer of each unit names in each of K orders; none where there is no answer.
    place : (K, C) array of int
        Where each code stands in each order, from 0.

    Examples
    --------
    A model that always names the first code of the list:

    >>> first = np.zeros((50, 2, 2), dtype=bool)
    >>> first[:, 0, 0] = first[:, 1, 1] = True
    >>> found = position_bias(first, np.array([[0, 1], [1, 0]]))
    >>> found.share, found.expected, found.moved, bool(found.p_value < 1e-6)
    (array([1., 0.]), array([0.5, 0.5]), 1.0, True)
    """
    at = np.eye(place.shape[1])[place]
    counts = np.einsum("ukc,kcp->p", answers.astype(float), at)
    n_answers = round(float(counts.sum()))
    has_moved = (answers != answers[:, :1]).any(axis=(1, 2))
    excess, covariance = _against_chance(answers[has_moved].astype(float), at)
    # Places add up to all answers, so that the covariance is singular but for rounding.
    rank = int(np.linalg.matrix_rank(covariance, rtol=_ROUNDING, hermitian=True)) if has_moved.any() else 0
    inverse = np.linalg.pinv(covariance, rcond=_ROUNDING, hermitian=True)
    chi_square = float(excess @ inverse @ excess) if rank else np.nan
    total = max(n_answers, 1)
    return PositionBias(
        share=counts / total,
        expected=(counts - excess) / total,
        n_answers=n_answers,
        moved=float(has_moved.mean()) if len(answers) else 0.0,
        chi_square=chi_square,
        degrees_of_freedom=rank,
        p_value=float(special.chdtrc(rank, chi_square)) if rank else np.nan,
    )


def _against_chance(answers: FloatArray, at: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Counts by place less their mean over all assignments of answers to orders, and their covariance."""
    n_orders, _, n_places = at.shape
    excess, covariance = np.zeros(n_places), np.zeros((n_places, n_places))
    for start in range(0, len(answers), 4096):
        # counts[u, j, k, p]: what the j-th answer of a unit would count in place p had it come in order k.
        counts = np.einsum("ujc,kcp->ujkp", answers[start : start + 4096], at)
        centred = counts - counts.mean(axis=1, keepdims=True) - counts.mean(axis=2, keepdims=True)
        centred += counts.mean(axis=(1, 2), keepdims=True)
        excess += np.einsum("ukkp->p", centred)
        covariance += np.einsum("ujkp,ujkq->pq", centred, centred) / max(n_orders - 1, 1)
    return excess, covariance
