"""What can be asked of the labels. An estimand solves for its values and tells how each unit moves them.

With the score ``psi_ik`` of unit i as if it had code k, an estimand is the root of
``sum_i sum_k z_ik psi_ik(theta) = 0`` for labels ``z``; the influence of unit i with code k on a value is
``(A^-1 psi_ik) / N`` with ``A`` minus the mean derivative of the score.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from models.arrays import FloatArray, IntArray


@dataclass(frozen=True)
class Term:
    """Names one value.

    ``label`` is the code it speaks of, if any; ``group`` is empty for the corpus. A nuisance, such as the
    intercept of a regression with covariates, is estimated but no human code is spent on it.
    """

    term: str
    label: int | None
    group: str
    is_nuisance: bool = False


class Solution(Protocol):
    """An estimand solved for one set of labels; T values."""

    @property
    def terms(self) -> tuple[Term, ...]:
        """What each value is."""
        ...

    @property
    def values(self) -> FloatArray:
        """The values, (T,)."""
        ...

    @property
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest value possible; intervals are clipped to them."""
        ...

    def support(self, t: int) -> IntArray:
        """Positions of the units that can move value t, ascending."""
        ...

    def influence(self, t: int, units: IntArray) -> FloatArray:
        """How value t moves per unit of each label entry, (len(units), K); zero outside the support."""
        ...


@dataclass(frozen=True)
class Reported:
    """A value with its standard error and interval on the scale that is reported."""

    estimate: float
    std_error: float
    low: float
    high: float


@runtime_checkable
class ReportingSolution(Protocol):
    """A solution whose values are estimated on one scale and reported on another."""

    def report(self, t: int, found: Reported, confidence_level: float) -> Reported:
        """Value t as it is reported: ``found`` is on the scale of ``values``."""
        ...


class Estimand(Protocol):
    """A question about the labels."""

    @property
    def name(self) -> str:
        """As it stands in the study file."""
        ...

    def solve(self, labels: FloatArray) -> Solution:
        """Solve for labels (N, K): rectified ones, one-hot ones, or weighted ones.

        Raises NotEstimableError when there is no answer.
        """
        ...
