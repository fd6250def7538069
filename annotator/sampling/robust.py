"""How much of a budget to spread uniformly, when the error map may be wrong."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from annotator.sampling.allocate import allocate
from models.arrays import FloatArray

CANDIDATE_MIXES = np.linspace(0.0, 1.0, 21)


def mixed(score: FloatArray, size: int, uniform_mix: float) -> FloatArray:
    """Inclusion probabilities (m,): the allocation to the scores, a share of the budget uniform.

    >>> mixed(np.array([1.0, 3.0]), 1, 0.5).tolist()
    [0.375, 0.625]
    """
    share = size / score.size
    if uniform_mix >= 1.0:
        return np.full(score.size, share)
    probability = uniform_mix * share + (1.0 - uniform_mix) * allocate(score, size)
    return np.minimum(probability, 1.0)


@dataclass(frozen=True)
class Contribution:
    """What one question adds to the variance of the next round.

    Attributes
    ----------
    variance : (m,) array
        Predicted variance of a unit's contribution, ``score**2``.
    residual_variance : (m,) array
        The predicted residual variance in it.
    misfit : float
        Root mean square error of ``residual_variance``.
    """

    variance: FloatArray
    residual_variance: FloatArray
    misfit: float


def robust_mix(contributions: Sequence[Contribution], size: int, smallest: float) -> float:
    """The mix with the smallest worst case of the next round's variance.

    The predicted variance of the round is ``sum_i variance_i / pi_i``. It rests on predicted residual
    variances; were they off by ``delta`` with a root mean square of ``misfit``, the worst such ``delta``
    would add ``misfit * sqrt(m) * norm(weight / pi)``, where ``weight = variance / residual_variance`` is
    what a unit of residual variance counts for. The mix minimises the sum, over all contributions.

    Parameters
    ----------
    contributions : sequence of Contribution
        Of the same m units.
    size : int
        Units to draw.
    smallest : float
        The mix is never below it.

    References
    ----------
    Li, Zrnic and Candès (2025), Robust sampling for active statistical inference.

    Examples
    --------
    >>> predicted = np.linspace(0.01, 0.25, 100)
    >>> sure, unsure = (Contribution(predicted, predicted, misfit) for misfit in (0.0, 0.5))
    >>> robust_mix([sure], 20, 0.1), robust_mix([unsure], 20, 0.1) > 0.3
    (0.1, True)
    """
    variance: FloatArray = np.sum([of.variance for of in contributions], axis=0)
    weights = [of.variance / np.maximum(of.residual_variance, 1e-12) for of in contributions]
    best, smallest_bound = 1.0, np.inf
    optimal = mixed(np.sqrt(variance), size, 0.0)
    for mix in np.union1d(CANDIDATE_MIXES[smallest <= CANDIDATE_MIXES], [smallest]):
        probability = np.minimum(mix * size / variance.size + (1.0 - mix) * optimal, 1.0)
        expansion = 1.0 / probability
        bound = float(variance @ expansion)
        for of, weight in zip(contributions, weights, strict=True):
            bound += of.misfit * float(np.sqrt(variance.size) * np.linalg.norm(weight * expansion))
        if bound < smallest_bound:
            best, smallest_bound = float(mix), bound
    return best
