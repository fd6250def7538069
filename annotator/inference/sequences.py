"""Confidence sequences: intervals that hold at every round at once, so that one may stop at a width."""

import math

from annotator.inference.intervals import Interval, quantile, skewed_interval


def sequence_interval(
    estimate: float,
    variance: float,
    n_labels: int,
    planned_labels: int,
    confidence_level: float,
    *,
    third: float = 0.0,
    degrees_of_freedom: float = math.inf,
) -> Interval:
    """Asymptotic confidence sequence for the running weighted mean of the rounds, at one round.

    Whatever rule stops the study, the true value lies in the intervals of all rounds at once with about the
    stated confidence.

    Parameters
    ----------
    estimate, variance : float
        Of the mean over the rounds so far, weighted by their sizes.
    n_labels : int
        Human codes spent so far.
    planned_labels : int
        Human codes of the whole plan: the sequence is tightest there. Fixed before the first round.
    confidence_level : float
    third : float
        Third cumulant of the estimate's error; widens the side of the long tail.
    degrees_of_freedom : float
        Of the variance; the sequence is widened by the ratio of the t to the normal quantile.

    References
    ----------
    Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), Time-uniform central limit theory and asymptotic
    confidence sequences, Annals of Statistics, theorem 2.5 and appendix B.2 for the tuning.

    Examples
    --------
    >>> sequence_interval(0.5, 0.02**2, 500, 500, 0.95).half_width > 1.96 * 0.02
    True
    """
    if variance <= 0:
        return Interval(estimate, estimate)
    widening = quantile(confidence_level, degrees_of_freedom) / quantile(confidence_level)
    q = widening * boundary(n_labels / planned_labels, confidence_level)
    shift = q**2 * third / variance / 2.0
    return skewed_interval(estimate, q * math.sqrt(variance), shift)


def boundary(fraction: float, confidence_level: float) -> float:
    """How many standard errors wide (one side) the sequence is at a fraction of the planned labels.

    The normal mixture boundary ``sqrt(2 (x + 1) / x * log(sqrt(x + 1) / alpha))`` with ``x = rho**2 t``,
    ``rho`` chosen so that it is narrowest at fraction one.

    >>> round(boundary(1.0, 0.95), 2), round(boundary(0.2, 0.95), 2)
    (3.04, 3.36)
    """
    if fraction <= 0:
        raise ValueError("a confidence sequence starts with the first label")
    alpha = 1.0 - confidence_level
    x = fraction * (-2.0 * math.log(alpha) + math.log(1.0 - 2.0 * math.log(alpha)))
    return math.sqrt(2.0 * (x + 1.0) / x * math.log(math.sqrt(x + 1.0) / alpha))
