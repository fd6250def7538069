"""The prediction-powered mean."""

import numpy as np
from numpy.typing import ArrayLike

from annotator.inference.ppi.answer import Method, PredictionPowered, columns, is_tuned, refuse_unpaired
from models.arrays import FloatArray


def mean(
    y: ArrayLike,
    y_hat: ArrayLike,
    y_hat_unlabelled: ArrayLike,
    *,
    method: Method = "ppi_plus_plus",
    confidence_level: float = 0.95,
) -> PredictionPowered:
    """The mean of the label: ``lambda mean(y_hat_unlabelled) + mean(y - lambda y_hat)``.

    Parameters
    ----------
    y : (n,) array
        Labels of the labelled units.
    y_hat : (n,) array
        Predictions of the same units.
    y_hat_unlabelled : (N,) array
        Predictions of the unlabelled units.
    method : str
        ``ppi`` or ``ppi_plus_plus``.
    confidence_level : float

    Raises
    ------
    ValueError
        If labels and predictions do not pair up or are not finite.

    Examples
    --------
    Perfect predictions let every unit count, though here only two are labelled:

    >>> found = mean([0.0, 1.0], [0.0, 1.0], np.tile([0.0, 1.0, 1.0, 0.0], 100), method="ppi")
    >>> found.estimate.tolist(), found.low.round(3).tolist(), found.high.round(3).tolist()
    ([0.5], [0.451], [0.549])
    """
    tuned = is_tuned(method)
    y, y_hat, elsewhere = columns(y, y_hat, y_hat_unlabelled)
    refuse_unpaired(y, y_hat)
    spread = float(elsewhere.var())
    factor = tuned_factor(y, y_hat, elsewhere, spread) if tuned else 1.0
    residual = y - factor * y_hat
    estimate = factor * elsewhere.mean() + residual.mean()
    std_error = np.sqrt(factor**2 * spread / elsewhere.size + residual.var() / y.size)
    return PredictionPowered.around(np.array([estimate]), np.array([std_error]), confidence_level, factor)


def tuned_factor(y: FloatArray, y_hat: FloatArray, elsewhere: FloatArray, spread: float) -> float:
    """The lambda in [0, 1] that narrows the interval of a mean most (section 6 of the PPI++ paper).

    Parameters
    ----------
    y, y_hat : (n,) arrays
    elsewhere : (N,) array
        Predictions of the unlabelled units.
    spread : float
        Their variance.

    Returns
    -------
    1 where predictions do not vary: they then cancel, whatever the factor.
    """
    n, n_elsewhere = y.size, elsewhere.size
    gap = float(y_hat.mean() - elsewhere.mean())
    squares = n * float(y_hat.var()) + n_elsewhere * spread + gap**2 * n * n_elsewhere / (n + n_elsewhere)
    if squares <= 0:
        return 1.0
    together = float((y - y.mean()) @ (y_hat - y_hat.mean())) / n
    return float(np.clip(together * (n + n_elsewhere - 1) / squares / (1.0 + n / n_elsewhere), 0.0, 1.0))
