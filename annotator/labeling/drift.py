"""Did a model behind an address change without a word? Labels of the same texts, then and now.

A model asked twice for the same text at temperature zero gives the same label but for a rounding error here
and there. How many labels changed is held against that by an exact one-sided binomial test; whether the
confidences moved to one side, by an exact sign test (Conover 1999, Practical Nonparametric Statistics,
sections 3.1 and 3.4).
"""

from dataclasses import dataclass

import numpy as np

from models.arrays import BoolArray, FloatArray

REPEATING = 0.02
"""Share of labels that repeated asking alone may change at temperature zero."""
LEVEL = 0.01
"""A test that a change this unlikely has no cause but repeated asking is a warning."""
SAME_CONFIDENCE = 0.01
"""Confidences nearer than this count as the same."""


@dataclass(frozen=True)
class Drift:
    """What became of the labels of some units.

    Attributes:
        n_compared: units with a reply then and now.
        n_changed: those of them whose label is another one.
        ci_low, ci_high: exact (Clopper-Pearson) interval of the share changed; 0 and 1 without units.
        usual: the share that repeated asking alone explains.
        p_changed: probability of so many changed labels or more, if ``usual`` is right.
        confidence_change: mean of confidence now minus then, where there are both; NaN where none are.
        p_confidence: probability of so one-sided a move of the confidences if either side is as likely.
    """

    n_compared: int
    n_changed: int
    ci_low: float
    ci_high: float
    usual: float
    p_changed: float
    confidence_change: float
    p_confidence: float

    @property
    def share(self) -> float:
        """The share of labels that changed; NaN without units."""
        return self.n_changed / self.n_compared if self.n_compared else float("nan")

    @property
    def is_warning(self) -> bool:
        """Whether there is more change than repeated asking explains."""
        return min(self.p_changed, self.p_confidence) < LEVEL

    def __str__(self) -> str:
        if not self.n_compared:
            return "nothing to compare"
        interval = f"{100 * self.ci_low:.0f} to {100 * self.ci_high:.0f} %"
        moved = "" if np.isnan(self.confidence_change) else f", confidence {self.confidence_change:+.3f}"
        return f"{self.n_changed} of {self.n_compared} labels changed ({interval}){moved}"


def compare(
    changed: BoolArray,
    confidence_change: FloatArray,
    *,
    usual: float = REPEATING,
    confidence_level: float = 0.95,
) -> Drift:
    """Whether the change of some units is more than repeated asking explains.

    Args:
        changed: (n,) whether the label is another one.
        confidence_change: (n,) confidence now minus then, NaN where one is missing.
        usual: the share of labels that repeated asking alone may change.
        confidence_level: of the interval.

    >>> none = np.full(20, np.nan)
    >>> compare(np.arange(20) < 2, none).is_warning, compare(np.arange(20) < 3, none).is_warning
    (False, True)
    >>> print(compare(np.arange(20) < 3, none))
    3 of 20 labels changed (3 to 38 %)
    """
    from scipy.stats import binomtest  # noqa: PLC0415 (slow to import)

    n, k = len(changed), int(np.sum(changed))
    known = confidence_change[~np.isnan(confidence_change)]
    moved = known[np.abs(known) >= SAME_CONFIDENCE]
    low, high = (0.0, 1.0)
    if n:
        low, high = binomtest(k, n).proportion_ci(confidence_level, "exact")
    return Drift(
        n_compared=n,
        n_changed=k,
        ci_low=float(low),
        ci_high=float(high),
        usual=usual,
        p_changed=float(binomtest(k, n, usual, "greater").pvalue) if n else 1.0,
        confidence_change=float(known.mean()) if len(known) else float("nan"),
        p_confidence=float(binomtest(int((moved > 0).sum()), len(moved)).pvalue) if len(moved) else 1.0,
    )
