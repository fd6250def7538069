"""Confidence intervals from a variance, a skewness and degrees of freedom."""

import math
from dataclasses import dataclass

from scipy import special


@dataclass(frozen=True)
class Interval:
    """A confidence interval; its ends are finite."""

    low: float
    high: float

    def clipped(self, low: float, high: float) -> "Interval":
        """The part within the limits; an interval wholly outside shrinks to the nearer limit's side.

        >>> Interval(-0.2, 0.4).clipped(0.0, 1.0)
        Interval(low=0.0, high=0.4)
        """
        return Interval(min(max(self.low, low), high), max(min(self.high, high), low))

    @property
    def half_width(self) -> float:
        """Half the distance between the ends."""
        return (self.high - self.low) / 2.0


def quantile(confidence_level: float, degrees_of_freedom: float = math.inf) -> float:
    """Two-sided quantile of Student's t.

    >>> round(quantile(0.95), 3), round(quantile(0.95, 5), 3)
    (1.96, 2.571)
    """
    upper = 0.5 + confidence_level / 2.0
    if math.isinf(degrees_of_freedom):
        return float(special.ndtri(upper))
    return float(special.stdtrit(degrees_of_freedom, upper))


def score_interval(
    estimate: float, variance: float, third: float, degrees_of_freedom: float, confidence_level: float
) -> Interval:
    """Interval of a skewed estimate: the values v with ``(estimate - v)**2 <= q**2 * (variance at v)``.

    An error with third cumulant ``third`` has a variance that changes with the true value at the rate
    ``third / variance`` (exact for a count, where it gives Wilson's score interval to first order). Solving
    the quadratic moves the interval towards the long tail, the short side by half as much
    (`skewed_interval`). With no skewness it is the usual interval.

    >>> usual = score_interval(0.5, 0.01, 0.0, math.inf, 0.95)
    >>> round(usual.low, 3), round(usual.high, 3)
    (0.304, 0.696)
    >>> rare = score_interval(0.02, 0.02 / 100, 0.02 / 100**2, math.inf, 0.95)
    >>> round(rare.low, 4), round(rare.high, 4)
    (0.0003, 0.0729)
    """
    if variance <= 0:
        return Interval(estimate, estimate)
    q = quantile(confidence_level, degrees_of_freedom)
    shift = q**2 * third / variance / 2.0
    return skewed_interval(estimate, q * math.sqrt(variance), shift)


def skewed_interval(estimate: float, half_width: float, shift: float) -> Interval:
    """The score interval around a shifted centre, with half the shift on the side of the short tail.

    Wilson's lower end is too high when very few events carry the estimate, and a true value just below it
    is then missed too often. With half the shift there, both ends are close to the exact ones of a count.

    >>> one_event = skewed_interval(1.0, 1.645, 1.645**2 / 2)  # exact: 0.05 to 4.74
    >>> round(one_event.low, 2), round(one_event.high, 2)
    (-0.1, 4.48)
    >>> ten_events = skewed_interval(10.0, 1.645 * 10**0.5, 1.645**2 / 2)  # exact: 5.43 to 16.96
    >>> round(ten_events.low, 2), round(ten_events.high, 2)
    (5.43, 16.73)
    """
    down, up = (shift / 2.0, shift) if shift > 0 else (shift, shift / 2.0)
    return Interval(
        estimate + down - math.hypot(half_width, down), estimate + up + math.hypot(half_width, up)
    )
