"""The variance that a superpopulation adds: the corpus itself is a sample of units or of clusters."""

from dataclasses import dataclass

import numpy as np

from annotator.errors import NotEstimableError
from annotator.inference.estimands import Solution
from annotator.inference.expected import OutcomeSolution
from annotator.inference.stretches import rows, stretches
from models.arrays import FloatArray, IntArray


@dataclass(frozen=True)
class SamplingVariance:
    """Variance of one value over samples from the superpopulation, as if every unit were coded.

    ``degrees_of_freedom`` is infinite for independent units and tells of few or unequal clusters otherwise.
    """

    variance: float
    degrees_of_freedom: float = np.inf


def sampling_variance(solution: Solution, t: int, labels: FloatArray) -> float:
    """Variance if units are independent draws: ``sum_i sum_k z_ik influence_ik**2``, unbiased over the draw.

    Parameters
    ----------
    solution : Solution
    t : int
    labels : (N, K) array
        Rectified labels, or one-hot ones.
    """
    support, total = solution.support(t), 0.0
    for stretch in stretches(support.size):
        units = support[stretch]
        if isinstance(solution, OutcomeSolution):
            total += _of_leverage(solution, t, units, rows(labels, units))
        else:
            total += float(np.sum(rows(labels, units) * solution.influence(t, units) ** 2))
    return max(total, 0.0)


def _of_leverage(solution: OutcomeSolution, t: int, units: IntArray, labels: FloatArray) -> float:
    """The square of ``h_i (o_k - m_i)`` needs only the mass and two moments of each unit's labels."""
    outcome = solution.outcome(t)
    middle = float(outcome.mean())
    centred = outcome - middle
    mass, first, second = (labels @ centred**j for j in range(3))
    fitted, leverage = solution.fitted(t, units) - middle, solution.leverage(t, units)
    return float((leverage * leverage) @ (second - fitted * (2.0 * first - fitted * mass)))


def clustered_variance(
    solution: Solution, t: int, labels: FloatArray, clusters: IntArray
) -> SamplingVariance:
    """Cluster-robust variance if clusters are independent draws, units within them not.

    With ``psi_i = sum_k z_ik influence_ik`` the squared cluster totals are estimated by the products of pairs
    of units within a cluster, which are unbiased as units are drawn (nearly) independently, and the unbiased
    squares of `sampling_variance`. A negative sum over pairs counts as zero, so the variance is never below
    that of independent units. It is corrected for the estimate being the centre of its own residuals, by
    G / (G - 1) for G equal clusters, and has Satterthwaite's degrees of freedom for squared cluster totals
    with a common correlation within clusters: heavy clusters leave few.

    Parameters
    ----------
    solution : Solution
    t : int
    labels : (N, K) array
    clusters : (N,) array of int
        Cluster of each unit, from 0.

    Raises
    ------
    NotEstimableError
        If all units are in one cluster.

    References
    ----------
    Liang and Zeger (1986), Longitudinal data analysis using generalized linear models, Biometrika 73; Bell
    and McCaffrey (2002), Bias reduction in standard errors for linear regression with multi-stage samples.
    """
    units = solution.support(t)
    influence = solution.influence(t, units)
    z = labels[units]
    psi = (z * influence).sum(axis=1)
    _, cluster, size = np.unique(clusters[units], return_inverse=True, return_counts=True)
    if size.size < 2:
        raise NotEstimableError(
            "All units are in one cluster, so nothing tells how clusters differ.",
            hint="Leave `corpus.cluster` out, or ask about more of the corpus.",
        )
    alone = np.maximum(np.bincount(cluster, (z * influence**2).sum(axis=1)), 0.0)
    together = max(float(np.sum(np.bincount(cluster, psi) ** 2) - np.sum(psi**2)), 0.0)
    pairs = size * (size - 1.0)
    expected = alone + together * pairs / max(float(pairs.sum()), 1.0)
    total = float(expected.sum())
    share = size / size.sum()
    freedom = total**2 / float(np.sum(expected**2)) - 1.0 if total > 0 else np.inf
    return SamplingVariance(total / (1.0 - float(share @ share)), max(freedom, 1.0))
