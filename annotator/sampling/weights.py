"""How much each round counts, fixed before anyone codes."""

from collections.abc import Sequence

import numpy as np

from models.arrays import FloatArray


def planned_weights(
    variance: FloatArray, sizes: Sequence[int], uniform_mix: float, before: FloatArray | None = None
) -> FloatArray:
    """Weights of planned rounds, (R,), the first being one: their expected precisions.

    A late round is more precise than an early one of the same size, since units coded before count exactly.
    Where a budget nearly exhausts the few units that can move an estimand, most of the precision lies in the
    last rounds, and equal weights would throw it away.

    The precisions are expected ones. Each round is planned as `design_round` allocates it, for the units
    that the rounds before are expected to leave. As no code enters, the weights cannot follow the errors.

    Parameters
    ----------
    variance : (N,) array
        What the variance of a unit's contribution is expected to be before any gold (`worth`).
    sizes : sequence of int
        Planned size of each round.
    uniform_mix : float
        Share of each budget that is spread uniformly.
    before : (N,) array, optional
        Probability that a unit was coded before the first of these rounds. Where that was a draw of its own
        (every unit had a chance), its weight is one, and those of the rounds are relative to it.

    Examples
    --------
    >>> planned_weights(np.ones(1000), [100, 100, 100], 1.0).round(2).tolist()
    [1.0, 1.25, 1.61]
    >>> few = np.where(np.arange(1000) < 60, 1.0, 0.0)
    >>> planned_weights(few, [20, 20, 20], 0.1).round(1).tolist()
    [1.0, 2.5, 18.3]
    >>> planned_weights(np.ones(1000), [100, 100], 1.0, before=np.full(1000, 0.1)).round(2).tolist()
    [1.25, 1.61]
    """
    score = np.sqrt(variance)
    left: FloatArray = np.ones(variance.size) if before is None else 1.0 - before
    precisions: list[float] = []
    for size in sizes:
        probability = planned_probability(score, left, size, uniform_mix)
        precisions.append(_precision(variance, left, probability))
        left = left * (1.0 - probability)
    first = precisions[0]
    if before is not None and np.all(before > 0):
        first = _precision(variance, np.ones(variance.size), before)
    # A planned census has no error at all; `rectify` gives it all the weight once it has happened.
    return np.array([1.0 if np.isinf(p) else min(p / first, 1e6) for p in precisions])


def _precision(variance: FloatArray, left: FloatArray, probability: FloatArray) -> float:
    expected = float(np.sum(left * variance * (1.0 - probability) / probability))
    return 1.0 / expected if expected > 0 else np.inf


def planned_probability(score: FloatArray, left: FloatArray, size: float, uniform_mix: float) -> FloatArray:
    """Inclusion probabilities of a planned round, as `design_round` would allocate it.

    Parameters
    ----------
    score : (N,) array
        What the budget is spread by; not negative.
    left : (N,) array
        Probability that a unit has not been coded by then. A unit that has cannot be drawn, and its entry of
        the result means nothing.
    size : float
        Planned size of the round.
    uniform_mix : float
        Share of the budget that is spread uniformly.

    Returns
    -------
    (N,) array in ``(0, 1]``. With ``left`` as weights it sums to the size, unless every unit that scores is
    certain to be drawn.

    Examples
    --------
    >>> planned_probability(np.array([1.0, 3.0]), np.array([1.0, 0.5]), 0.5, 0.5).round(3).tolist()
    [0.267, 0.467]
    """
    available = float(left.sum())
    share = min(size / available, 1.0) if available > 0 else 1.0
    uniform, targeted = uniform_mix * share, (1.0 - uniform_mix) * _allocate(score, left, size)
    return np.clip(uniform + targeted, 1e-12, 1.0)


def _allocate(score: FloatArray, left: FloatArray, size: float) -> FloatArray:
    """``min(1, c * score)`` with ``sum(left * probability) = size``: water-filling over expected units."""
    if size >= float(left[score > 0].sum()):
        return (score > 0).astype(np.float64)
    certain = np.zeros(score.size, dtype=bool)
    while True:
        mass = float(left[~certain] @ score[~certain])
        scale = (size - float(left[certain].sum())) / mass
        over = ~certain & (scale * score > 1.0)
        if not over.any():
            return np.where(certain, 1.0, scale * score)
        certain |= over
