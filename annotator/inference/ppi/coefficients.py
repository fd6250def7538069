"""Prediction-powered linear and logistic regression."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from annotator.inference.estimands.newton import inverse, root
from annotator.inference.estimands.regression import Part, equations, mean_and_change
from annotator.inference.ppi.answer import (
    Method,
    PredictionPowered,
    columns,
    is_tuned,
    refuse_not_finite,
    refuse_unpaired,
)
from annotator.inference.stretches import stretches
from models.arrays import FloatArray

Link = Literal["identity", "logit"]


def ols(
    x: ArrayLike,
    y: ArrayLike,
    y_hat: ArrayLike,
    x_unlabelled: ArrayLike,
    y_hat_unlabelled: ArrayLike,
    *,
    method: Method = "ppi_plus_plus",
    confidence_level: float = 0.95,
) -> PredictionPowered:
    """Least-squares coefficients: those of the predictions on the unlabelled units, plus those of the errors.

    Parameters
    ----------
    x : (n, p) array
        Covariates of the labelled units; no intercept is added.
    y, y_hat : (n,) arrays
        Their labels and predictions.
    x_unlabelled : (N, p) array
    y_hat_unlabelled : (N,) array
    method : str
        ``ppi`` or ``ppi_plus_plus``. The second tunes lambda for the sum of the coefficients' variances: for
        the estimate where lambda = 1 puts the coefficients, for the interval once more at that estimate, as
        ppi_py does. The centre of the interval therefore differs from the estimate by a small part of its
        width.
    confidence_level : float

    Raises
    ------
    ValueError
        If labels, predictions and covariates do not pair up or are not finite.
    NotEstimableError
        If a covariate follows from the others.

    Examples
    --------
    >>> x = np.column_stack([np.ones(4), [0.0, 1.0, 2.0, 3.0]])
    >>> found = ols(x, [0.0, 1.0, 2.0, 3.0], [0.5, 1.5, 2.5, 3.5], np.tile(x, (50, 1)),
    ...             np.tile([0.5, 1.5, 2.5, 3.5], 50), method="ppi")
    >>> np.abs(found.estimate).round(6).tolist()
    [0.0, 1.0]
    """
    tuned = is_tuned(method)
    samples = _Samples.of(x, y, y_hat, x_unlabelled, y_hat_unlabelled, link="identity")
    return _inference(samples, tuned, confidence_level)


def logistic(
    x: ArrayLike,
    y: ArrayLike,
    y_hat: ArrayLike,
    x_unlabelled: ArrayLike,
    y_hat_unlabelled: ArrayLike,
    *,
    method: Method = "ppi_plus_plus",
    confidence_level: float = 0.95,
) -> PredictionPowered:
    """Coefficients of a logistic regression: the root of the rectified score, found by Newton's method.

    Parameters and errors are those of `ols`; labels and predictions lie between 0 and 1. NotEstimableError is
    also raised where the covariates separate the labels.

    Examples
    --------
    >>> one = np.ones((4, 1))
    >>> found = logistic(one, [0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 1.0], np.ones((40, 1)),
    ...                  np.tile([0.0, 0.0, 0.0, 1.0], 10), method="ppi")
    >>> bool(np.isclose(found.estimate[0], np.log(1 / 3)))
    True
    """
    tuned = is_tuned(method)
    samples = _Samples.of(x, y, y_hat, x_unlabelled, y_hat_unlabelled, link="logit")
    return _inference(samples, tuned, confidence_level)


def _inference(samples: "_Samples", tuned: bool, confidence_level: float) -> PredictionPowered:
    estimate, factor = samples.solved(1.0, samples.start), 1.0
    centre = estimate
    if tuned:
        estimate = samples.solved(_Scores.at(samples, estimate).factor(), estimate)
        factor = _Scores.at(samples, estimate).factor()
        centre = samples.solved(factor, estimate)
    std_error = np.sqrt(np.diag(_Scores.at(samples, centre).variance(factor)))
    return PredictionPowered.around(centre, std_error, confidence_level, factor, estimate)


@dataclass(frozen=True)
class _Samples:
    """Labelled units, ``x`` (n, p), ``y`` and ``y_hat``, and the others, ``x_far`` (N, p) and ``y_far``."""

    x: FloatArray
    y: FloatArray
    y_hat: FloatArray
    x_far: FloatArray
    y_far: FloatArray
    link: Link

    @classmethod
    def of(
        cls,
        x: ArrayLike,
        y: ArrayLike,
        y_hat: ArrayLike,
        x_far: ArrayLike,
        y_far: ArrayLike,
        *,
        link: Link,
    ) -> "_Samples":
        y, y_hat, y_far = columns(y, y_hat, y_far)
        # By column, so that a stretch of units is contiguous memory.
        x, x_far = (np.asarray(each, dtype=np.float64, order="F") for each in (x, x_far))
        if x.ndim != 2 or x_far.ndim != 2 or x.shape[1] != x_far.shape[1]:
            raise ValueError(f"covariates of the shapes {x.shape} and {x_far.shape} do not go together")
        refuse_not_finite(x, x_far)
        refuse_unpaired(x, y, y_hat)
        refuse_unpaired(x_far, y_far)
        return cls(x, y, y_hat, x_far, y_far, link)

    @property
    def name(self) -> str:
        return "ols" if self.link == "identity" else "logistic"

    @property
    def start(self) -> FloatArray:
        """The coefficients of the labelled units alone, (p,)."""
        return self._root(np.zeros(self.x.shape[1]), [Part(self.x, np.ones(self.y.size), self.y)])

    def solved(self, factor: float, start: FloatArray) -> FloatArray:
        """The prediction-powered coefficients for one lambda, (p,)."""
        if self.link == "identity":
            far, near, of_predictions = self._fits
            return factor * (far - of_predictions) + near
        n, n_far = self.y.size, self.y_far.size
        near_part = Part(self.x, np.full(n, (1.0 - factor) / n), (self.y - factor * self.y_hat) / n)
        far_part = Part(self.x_far, np.full(n_far, factor / n_far), factor / n_far * self.y_far)
        return self._root(start, [near_part, far_part] if factor > 0 else [near_part])

    @cached_property
    def _fits(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Least-squares coefficients of the far predictions, the labels, and the labelled predictions."""
        far = inverse(self.name, self.x_far.T @ self.x_far) @ (self.x_far.T @ self.y_far)
        solve = inverse(self.name, self.x.T @ self.x) @ self.x.T
        return far, solve @ self.y, solve @ self.y_hat

    def _root(self, start: FloatArray, parts: list[Part]) -> FloatArray:
        return root(self.name, start, lambda theta: equations(theta, parts, self.link))[0]


@dataclass(frozen=True)
class _Scores:
    """Scores at some coefficients: ``x (mean - y)`` of the labels and of the predictions.

    ``of_labels`` and ``of_predictions`` (n, p) are those of the labelled units. Of the unlabelled ones only
    the sum ``far`` (p,) and the sum of squares ``far_squares`` (p, p) are kept. ``curvature`` and
    ``far_curvature`` (p, p) are the summed derivatives.
    """

    samples: _Samples
    of_labels: FloatArray
    of_predictions: FloatArray
    curvature: FloatArray
    far: FloatArray
    far_squares: FloatArray
    far_curvature: FloatArray

    @classmethod
    def at(cls, samples: _Samples, theta: FloatArray) -> "_Scores":
        x, p = samples.x, theta.size
        mean, change = mean_and_change(x @ theta, samples.link)
        near = x * (mean - samples.y)[:, None], x * (mean - samples.y_hat)[:, None]
        far, squares, curvature = np.zeros(p), np.zeros((p, p)), np.zeros((p, p))
        for stretch in stretches(samples.y_far.size):
            columns = samples.x_far[stretch].T.copy()
            far_mean, far_change = mean_and_change(theta @ columns, samples.link)
            scores = columns * (far_mean - samples.y_far[stretch])
            far += scores.sum(axis=1)
            squares += scores @ scores.T
            curvature += (columns * far_change) @ columns.T
        return cls(samples, *near, (x.T * change) @ x, far, squares, curvature)

    def factor(self) -> float:
        """The lambda in [0, 1] with the smallest sum of variances; 1 where predictions move nothing."""
        n, n_far = self.samples.y.size, self.samples.y_far.size
        inverted = self._inverse(use_far=True)
        said = self.of_predictions - self.of_predictions.mean(axis=0)
        seen = self.of_labels - self.of_labels.mean(axis=0)
        together = inverted @ (seen.T @ said) @ inverted / n
        total = self.of_predictions.sum(axis=0) + self.far
        squares = self.of_predictions.T @ self.of_predictions + self.far_squares
        alone = inverted @ _covariance(total, squares, n + n_far) @ inverted
        best = np.trace(together) / (1.0 + n / n_far)
        return float(np.clip(best / np.trace(alone), 0.0, 1.0)) if np.trace(alone) > 0 else 1.0

    def variance(self, factor: float) -> FloatArray:
        """Of the coefficients for one lambda, (p, p); with lambda = 0 the unlabelled units have no part."""
        n, n_far = self.samples.y.size, self.samples.y_far.size
        inverted = self._inverse(use_far=factor > 0)
        rectified = self.of_labels - factor * self.of_predictions
        near = _covariance(rectified.sum(axis=0), rectified.T @ rectified, n) / n
        far = _covariance(self.far, self.far_squares, n_far) / n_far
        return inverted @ (near + factor**2 * far) @ inverted

    def _inverse(self, *, use_far: bool) -> FloatArray:
        """The inverse of the mean derivative."""
        n, name = self.samples.y.size, self.samples.name
        if not use_far:
            return inverse(name, self.curvature / n)
        return inverse(name, (self.curvature + self.far_curvature) / (n + self.samples.y_far.size))


def _covariance(total: FloatArray, squares: FloatArray, count: int) -> FloatArray:
    """The covariance matrix from sums, (p, p)."""
    covariance: FloatArray = (squares - np.outer(total, total) / count) / (count - 1)
    return covariance
