"""What the solutions of all regressions have in common."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from annotator.inference.estimands import Term
from models.arrays import FloatArray, IntArray

INTERCEPT = "intercept"
UNBOUNDED = (-np.inf, np.inf)
SEPARATED = 30.0  # a linear predictor beyond this means that covariates separate the outcome


@dataclass(frozen=True)
class Coefficients:
    """Coefficients solved on n units; ``inverse`` is that of minus the derivative of the summed score."""

    terms: tuple[Term, ...]
    values: FloatArray
    inverse: FloatArray
    n_units: int

    @property
    def bounds(self) -> tuple[float, float]:
        """A coefficient may be any number."""
        return UNBOUNDED

    def support(self, t: int) -> IntArray:
        """Every unit."""
        del t
        return np.arange(self.n_units)


def is_nuisance(term: str, terms: Sequence[str]) -> bool:
    """Whether a coefficient is the intercept beside others."""
    return term == INTERCEPT and len(terms) > 1
