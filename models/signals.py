"""What is known of every unit before people code: the input of every error map."""

from dataclasses import dataclass, field, replace

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray


def _no_features() -> FloatArray:
    return np.empty((0, 0))


@dataclass(frozen=True)
class Signals:
    """Machine labels, confidences and features of N units.

    Attributes
    ----------
    labels : (N, A) array of int
        Codes given by A machine annotators, -1 where the label failed.
    confidence : (N, A) array
        NaN where there is none.
    features : (N, F) array
        Finite numbers known of every unit, such as covariates; none by default.
    leanings : (N, L) array
        How far a trained classifier leans to the codes (`models.log_odds`), of coded units without having
        seen their code; none by default.

    Raises
    ------
    ValueError
        If the arrays do not describe the same units or a feature is not finite.

    Examples
    --------
    >>> said = Signals(np.array([[0], [1], [-1]]), np.array([[0.9], [0.6], [np.nan]]))
    >>> said.n_units, said.take(np.array([1])).labels.tolist(), said.features.shape
    (3, [[1]], (3, 0))
    """

    labels: IntArray
    confidence: FloatArray
    features: FloatArray = field(default_factory=_no_features)
    leanings: FloatArray = field(default_factory=_no_features)

    def __post_init__(self) -> None:
        for name in ("features", "leanings"):
            if getattr(self, name).size == 0:
                object.__setattr__(self, name, np.empty((len(self.labels), 0)))
        described = {len(self.labels), len(self.features), len(self.leanings)}
        if self.labels.shape != self.confidence.shape or len(described) > 1:
            raise ValueError("labels, confidence and features do not describe the same units")
        if not (np.isfinite(self.features).all() and np.isfinite(self.leanings).all()):
            raise ValueError("a feature is not a finite number")

    @property
    def n_units(self) -> int:
        """N, the number of units."""
        return len(self.labels)

    @property
    def n_annotators(self) -> int:
        """A, the number of machine annotators."""
        return int(self.labels.shape[1])

    def with_leanings(self, leanings: FloatArray) -> "Signals":
        """The same with what a classifier says. Raises ValueError as a new one does."""
        return replace(self, leanings=leanings)

    def take(self, units: IntArray | BoolArray) -> "Signals":
        """The signals of some units."""
        return Signals(self.labels[units], self.confidence[units], self.features[units], self.leanings[units])
