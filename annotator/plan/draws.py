"""The draws of a planned study: who can be expected to be coded, and how much that leaves open."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from annotator.plan.outlook import Outlook
from annotator.sampling.campaign import worth_before_gold
from annotator.sampling.weights import planned_probability, planned_weights
from models.arrays import FloatArray


@dataclass(frozen=True)
class Draws:
    """The rounds to come of one plan; N units, C rounds that are closed.

    Attributes
    ----------
    budget : int
        Units that are coded in the end.
    spread : (3, N) array
        What multiplies the second to fourth moment of each unit's influence in those of the estimate's error.
    coded : (N,) array
        Probability that a unit is coded in the end.
    closed_weights : (C,) array
        Weights of the closed rounds; those of all rounds sum to one.
    """

    budget: int
    spread: FloatArray
    coded: FloatArray
    closed_weights: FloatArray


def planned_draws(outlook: Outlook, plans: Sequence[Sequence[int]]) -> list[Draws]:
    """The draws of each plan, which is the sizes of the rounds after the closed ones.

    Each round is allocated to the units that the rounds before it are expected to leave, and weighs what
    `planned_weights` gives it before anyone codes. A plan that codes every unit ends with a census.
    """
    variance = worth_before_gold(outlook.campaign).variance
    return [_planned(outlook, sizes, variance) for sizes in plans]


def draw_moments(weight: float, probability: FloatArray) -> FloatArray:
    """Second and third cumulant of ``weight * drawn / pi`` and the same for a fourth moment, (3, N).

    >>> draw_moments(1.0, np.array([0.25, 0.5])).tolist()
    [[3.0, 1.0], [6.0, 0.0], [36.0, 2.0]]
    """
    missed, expanded = 1.0 - probability, weight / probability
    second = weight * missed * expanded
    return np.stack([second, second * expanded * (missed - probability), second * expanded**2 * missed])


def _planned(outlook: Outlook, sizes: Sequence[int], variance: FloatArray) -> Draws:
    weights, is_census = _weights(outlook, sizes, variance)
    n_closed = len(outlook.closed)
    left: FloatArray = np.where(outlook.known, 0.0, 1.0)
    spread = np.zeros((3, outlook.n_units))
    for number, size in enumerate(sizes):
        by = outlook.later_rounds if number else outlook.next_round
        probability = planned_probability(by.score, left, size, by.uniform_mix)
        if is_census and number == len(sizes) - 1:
            probability.fill(1.0)
        spread += left * draw_moments(float(weights[n_closed + number]), probability)
        left = left * (1.0 - probability)
    return Draws(outlook.n_coded + sum(sizes), spread, 1.0 - left, weights[:n_closed])


def _weights(outlook: Outlook, sizes: Sequence[int], variance: FloatArray) -> tuple[FloatArray, bool]:
    """Weights of all rounds, (R,), summing to one, and whether the last one is a census."""
    closed = [int(each.drawn.sum()) for each in outlook.closed]
    if sum(sizes) >= outlook.n_units - outlook.n_coded:
        last: FloatArray = np.eye(len(closed) + len(sizes))[-1]
        return last, True
    weights = planned_weights(variance, [*closed, *sizes], outlook.campaign.uniform_mix)
    for r, each in enumerate(outlook.closed):
        weights[r] = weights[r] if each.weight is None else each.weight
    return weights / weights.sum(), False
