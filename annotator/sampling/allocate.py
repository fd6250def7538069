"""How a budget is spread over units: the inclusion probabilities with the smallest variance."""

from collections.abc import Callable

import numpy as np

from models.arrays import FloatArray


def allocate(score: FloatArray, budget: float, floor: float = 0.0) -> FloatArray:
    """Inclusion probabilities that minimise ``sum(score**2 / pi)`` for a given expected number of draws.

    The solution is ``pi = clip(c * score, floor, 1)`` with the one ``c`` that spends the budget
    (water-filling), found exactly after at most one sort.

    Parameters
    ----------
    score : (N,) array
        Non-negative, in any unit: the predicted standard deviation of a unit's contribution.
    budget : float
        Expected number of draws, in ``[N * floor, N]``.
    floor : float
        Smallest inclusion probability, in ``[0, 1]``.

    Returns
    -------
    (N,) array of probabilities in ``[floor, 1]`` whose sum is ``budget`` up to rounding. Units that
    score zero get the floor, unless budget is left when every other unit is certain: they share it.

    Raises
    ------
    ValueError
        If the budget cannot be spent within the limits, or a score is negative or not finite.

    References
    ----------
    Neyman (1934); Särndal, Swensson and Wretman (1992), section 12.2.

    Examples
    --------
    >>> allocate(np.array([1.0, 1.0, 2.0, 40.0]), budget=2.0).round(6).tolist()
    [0.25, 0.25, 0.5, 1.0]
    """
    score = np.asarray(score, dtype=np.float64)
    n_units = score.size
    if not (np.all(np.isfinite(score)) and np.all(score >= 0)):
        raise ValueError("scores must be finite and not negative")
    if not 0 <= floor <= 1:
        raise ValueError(f"the floor {floor} is not a probability")
    slack = 1e-9 * max(n_units, 1)
    if not n_units * floor - slack <= budget <= n_units + slack:
        raise ValueError(f"a budget of {budget} does not fit {n_units} units with a floor of {floor}")
    proportional = _proportional(score, budget, floor)
    if proportional is not None:
        return proportional
    ascending = np.sort(score)
    positive = ascending[np.searchsorted(ascending, 0.0, side="right") :]
    n_zero = n_units - positive.size
    left_for_zeros = budget - positive.size
    if left_for_zeros >= n_zero * floor:
        share = left_for_zeros / n_zero if n_zero else 1.0
        return np.where(score > 0, 1.0, np.clip(share, floor, 1.0))
    scale = _water_level(positive, budget - n_zero * floor, floor)
    return np.clip(scale * score, floor, 1.0)


def _proportional(score: FloatArray, budget: float, floor: float) -> FloatArray | None:
    """Probabilities proportional to the scores, if they keep within the limits: there is nothing to level."""
    total = float(score.sum())
    if not 0.0 < total < np.inf:
        return None
    probability = score * (budget / total)
    within = probability.max() <= 1.0 and (floor == 0.0 or probability.min() >= floor)
    return probability if within else None


def _water_level(ascending: FloatArray, budget: float, floor: float) -> float:
    """The ``c`` with ``sum(clip(c * ascending, floor, 1)) == budget``; scores positive and sorted."""
    n_units = ascending.size
    cumulative = np.concatenate([[0.0], np.cumsum(ascending)])

    def limits(scale: float) -> tuple[int, int]:
        at_floor = int(np.searchsorted(ascending, floor / scale, side="right"))
        below_cap = int(np.searchsorted(ascending, 1.0 / scale, side="left"))
        return min(at_floor, below_cap), below_cap

    def spent(scale: float) -> float:
        low, high = limits(scale)
        return low * floor + scale * float(cumulative[high] - cumulative[low]) + (n_units - high)

    # The spending is piecewise linear in c and bends where a unit leaves the floor or meets the cap;
    # both kinds of bend are sorted, so a bisection over each finds the linear piece that holds c.
    lower, upper = 0.0, np.inf
    for bends in (1.0 / ascending[::-1], floor / ascending[::-1]):
        inside = _count_not_above(bends, budget, spent)
        if inside > 0:
            lower = max(lower, float(bends[inside - 1]))
        if inside < bends.size:
            upper = min(upper, float(bends[inside]))
    if lower == 0.0:
        middle = upper / 2.0
    elif np.isinf(upper):
        middle = lower
    else:
        middle = (lower + upper) / 2.0
    low, high = limits(middle)
    between = float(cumulative[high] - cumulative[low])
    if between <= 0:
        return middle
    return (budget - low * floor - (n_units - high)) / between


def _count_not_above(bends: FloatArray, budget: float, spent: Callable[[float], float]) -> int:
    """How many of the ascending ``bends`` spend no more than the budget."""
    low, high = 0, bends.size
    while low < high:
        middle = (low + high) // 2
        scale = float(bends[middle])
        if scale == 0.0 or spent(scale) <= budget:
            low = middle + 1
        else:
            high = middle
    return low
