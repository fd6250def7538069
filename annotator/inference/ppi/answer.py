"""What prediction-powered inference takes and gives."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from annotator.inference.intervals import quantile
from models.arrays import FloatArray

Method = Literal["ppi", "ppi_plus_plus"]


@dataclass(frozen=True)
class PredictionPowered:
    """Estimates with two-sided normal intervals, one entry a value.

    Attributes
    ----------
    estimate, low, high : (p,) arrays
    lambda_ : float
        The factor on the predictions that the interval uses: 1 for ``ppi``, tuned for ``ppi_plus_plus``.
    """

    estimate: FloatArray
    low: FloatArray
    high: FloatArray
    lambda_: float

    @classmethod
    def around(
        cls,
        centre: FloatArray,
        std_error: FloatArray,
        confidence_level: float,
        lambda_: float,
        estimate: FloatArray | None = None,
    ) -> "PredictionPowered":
        """The normal interval (p,) around a centre, which is the estimate unless another is given."""
        width = quantile(confidence_level) * std_error
        return cls(centre if estimate is None else estimate, centre - width, centre + width, lambda_)


def is_tuned(method: Method) -> bool:
    """Whether the method tunes lambda. Raises ValueError for a method that does not exist."""
    if method not in get_args(Method):
        raise ValueError(f"there is no method {method!r}; choose from {', '.join(get_args(Method))}")
    return method == "ppi_plus_plus"


def columns(*values: ArrayLike) -> list[FloatArray]:
    """Arrays of one number a unit as float64, (n,) each. Raises ValueError unless they are finite numbers."""
    found = [np.asarray(each, dtype=np.float64) for each in values]
    if any(each.ndim != 1 or each.size < 2 for each in found):
        raise ValueError("labels and predictions must be one-dimensional, with at least two units")
    refuse_not_finite(*found)
    return found


def refuse_not_finite(*arrays: FloatArray) -> None:
    """Raise ValueError if a number is missing or infinite."""
    if not all(np.isfinite(each).all() for each in arrays):
        raise ValueError("labels, predictions and covariates must be finite")


def refuse_unpaired(*labelled: FloatArray) -> None:
    """Raise ValueError unless all arrays have the same number of units."""
    if len({len(each) for each in labelled}) > 1:
        raise ValueError(f"the numbers of units differ: {', '.join(str(len(each)) for each in labelled)}")
