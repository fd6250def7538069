"""Moments of an estimate's error."""

from dataclasses import dataclass

CERTAIN = 1.0 - 1e-9


@dataclass(frozen=True)
class Moments:
    """Second and third cumulant of an estimate's error, and the variance of the estimated second one.

    >>> (Moments(1.0, 2.0, 3.0).weighted(0.5) + Moments(0.75)).variance
    1.0
    """

    variance: float = 0.0
    third: float = 0.0
    variance_of_variance: float = 0.0

    def weighted(self, weight: float) -> "Moments":
        """The moments of ``weight`` times the error."""
        return Moments(
            weight**2 * self.variance, weight**3 * self.third, weight**4 * self.variance_of_variance
        )

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(
            self.variance + other.variance,
            self.third + other.third,
            self.variance_of_variance + other.variance_of_variance,
        )

    @property
    def relative_variance(self) -> float:
        """Of the estimated variance; two over Satterthwaite's degrees of freedom."""
        return self.variance_of_variance / self.variance**2 if self.variance > 0 else 0.0
