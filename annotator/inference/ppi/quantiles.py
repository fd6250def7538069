"""The prediction-powered quantile."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from annotator.errors import NotEstimableError
from annotator.inference import intervals
from annotator.inference.ppi.answer import Method, PredictionPowered, columns, is_tuned, refuse_unpaired
from annotator.inference.ppi.means import tuned_factor
from models.arrays import FloatArray, IntArray

GRID_SIZE = 5000


def quantile(
    y: ArrayLike,
    y_hat: ArrayLike,
    y_hat_unlabelled: ArrayLike,
    q: float,
    *,
    exact: bool = False,
    method: Method = "ppi_plus_plus",
    confidence_level: float = 0.95,
) -> PredictionPowered:
    """Where the rectified distribution function is closest to q.

    The function is that of the predictions of the unlabelled units, plus the difference on the labelled ones
    between labels and predictions. It is looked at on a grid, by default 5,000 equal steps over the range of
    all numbers, as in ppi_py. The interval holds the points of the grid whose value does not differ
    significantly from q. Time and memory are those of sorting the units.

    Parameters
    ----------
    y, y_hat : (n,) arrays
        Labels and predictions of the labelled units.
    y_hat_unlabelled : (N,) array
    q : float
        Between 0 and 1.
    exact : bool
        Look at every number that occurs instead of equal steps.
    method : str
        ``ppi`` or ``ppi_plus_plus``, which here tunes lambda for the distribution function at the estimate of
        ``ppi``; ppi_py has no such method for quantiles.
    confidence_level : float

    Raises
    ------
    ValueError
        If labels and predictions do not pair up or are not finite, or q is not between 0 and 1.
    NotEstimableError
        If no point of the grid is near q, as when the label takes few values.

    Examples
    --------
    >>> numbers = np.arange(1.0, 1001.0)
    >>> found = quantile(numbers[::10], numbers[::10], numbers, 0.25, exact=True, method="ppi")
    >>> found.estimate.tolist(), found.low.tolist(), found.high.tolist()
    ([250.0], [225.0], [277.0])
    """
    tuned = is_tuned(method)
    if not 0 < q < 1:
        raise ValueError(f"q must lie between 0 and 1, not {q}")
    y, y_hat, elsewhere = columns(y, y_hat, y_hat_unlabelled)
    refuse_unpaired(y, y_hat)
    below = _Below.of(y, y_hat, elsewhere, exact)
    factor = 1.0
    if tuned:
        first = below.grid[_nearest(below.rectified(1.0), q)]
        said = (elsewhere <= first).astype(np.float64)
        seen = (y <= first).astype(np.float64), (y_hat <= first).astype(np.float64)
        factor = tuned_factor(*seen, said, float(said.var()))
    rectified = below.rectified(factor)
    width = intervals.quantile(confidence_level) * below.std_error(factor)
    inside = below.grid[np.abs(rectified - q) <= width]
    if inside.size == 0:
        raise NotEstimableError(
            f"The {q:g} quantile has no interval: the rectified distribution function jumps past it.",
            hint="For a label of few values use the estimand Quantile, which is made for codes.",
        )
    return PredictionPowered(below.grid[[_nearest(rectified, q)]], inside[:1], inside[-1:], factor)


def _nearest(rectified: FloatArray, q: float) -> int:
    return int(np.argmin(np.abs(rectified - q)))


@dataclass(frozen=True)
class _Below:
    """How many units lie at or below each point of the grid, (G,) each.

    ``seen`` counts labels, ``said`` predictions of the labelled units, ``both`` those units whose label and
    prediction lie there, ``elsewhere`` predictions of the unlabelled units.
    """

    grid: FloatArray
    seen: IntArray
    said: IntArray
    both: IntArray
    elsewhere: IntArray
    n: int
    n_elsewhere: int

    @classmethod
    def of(cls, y: FloatArray, y_hat: FloatArray, elsewhere: FloatArray, exact: bool) -> "_Below":
        ordered = [np.sort(each) for each in (y, y_hat, np.maximum(y, y_hat), elsewhere)]
        if exact:
            grid = np.sort(np.concatenate([y, y_hat, elsewhere]))
        else:
            lowest = min(ordered[0][0], ordered[1][0], ordered[3][0])
            highest = max(ordered[2][-1], ordered[3][-1])
            grid = np.linspace(lowest, highest, GRID_SIZE)
        seen, said, both, far = (np.searchsorted(each, grid, side="right") for each in ordered)
        return cls(grid, seen, said, both, far, y.size, elsewhere.size)

    def rectified(self, factor: float) -> FloatArray:
        """The rectified distribution function, (G,)."""
        rectifier = (self.seen - factor * self.said) / self.n
        rectified: FloatArray = factor * (self.elsewhere / self.n_elsewhere) + rectifier
        return rectified

    def std_error(self, factor: float) -> FloatArray:
        """Of the rectified distribution function, (G,)."""
        share = self.elsewhere / self.n_elsewhere
        rectifier = (self.seen - factor * self.said) / self.n
        square = (self.seen + factor**2 * self.said - 2.0 * factor * self.both) / self.n
        near = np.maximum(square - rectifier**2, 0.0) / self.n
        std_error: FloatArray = np.sqrt(factor**2 * share * (1.0 - share) / self.n_elsewhere + near)
        return std_error
