"""Error map as a ridge multinomial logit on machine labels and confidence."""

from dataclasses import dataclass

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from models.base_rate import BaseRate, fit_one_coin

RIDGE = 1.0
MAX_ITERATIONS = 200
TOLERANCE = 1e-3


@dataclass(frozen=True)
class AnnotatorFeatures:
    """How the label and confidence of one machine annotator become columns.

    Columns: failed, missing confidence, and for a constant and each label that occurs: 1, c and c**2, with
    c the standardised confidence. A missing confidence counts as the mean, a failed label as no label.
    """

    labels: IntArray
    mean: float
    scale: float
    has_failed: bool
    has_missing: bool

    @classmethod
    def of(cls, label: IntArray, confidence: FloatArray) -> "AnnotatorFeatures":
        """The columns that the given units call for."""
        seen = confidence[np.isfinite(confidence)]
        scale = float(seen.std()) if seen.size else 0.0
        return cls(
            labels=np.unique(label[label >= 0]).astype(np.int64),
            mean=float(seen.mean()) if seen.size else 0.0,
            scale=scale,
            has_failed=bool(np.any(label < 0)),
            has_missing=bool(0 < seen.size < confidence.size),
        )

    def columns(self, label: IntArray, confidence: FloatArray) -> FloatArray:
        """The columns of the given units, (n, p)."""
        missing = ~np.isfinite(confidence)
        groups = np.column_stack([np.ones(label.size), label[:, None] == self.labels[None, :]])
        blocks = [groups]
        if self.scale > 0:
            c = np.clip(np.where(missing, 0.0, (confidence - self.mean) / self.scale), -4.0, 4.0)[:, None]
            blocks += [groups * c, groups * (c**2 - 1.0)]
        if self.has_failed:
            blocks.append((label < 0)[:, None])
        if self.has_missing:
            blocks.append(missing[:, None])
        return np.concatenate(blocks, axis=1, dtype=np.float64)


@dataclass(frozen=True)
class Multinomial:
    """P(code | features) = softmax(log one-coin model + features @ coefficients)."""

    features: tuple[AnnotatorFeatures, ...]
    coefficients: FloatArray
    prior: FloatArray

    def predict(self, machine_labels: IntArray, confidence: FloatArray) -> FloatArray:
        """Probabilities (m, K) of units with labels (m, A) and confidences (m, A)."""
        columns = feature_matrix(self.features, machine_labels, confidence)
        return _softmax(_offset(machine_labels, self.prior) + columns @ self.coefficients)


def features_of(machine_labels: IntArray, confidence: FloatArray) -> tuple[AnnotatorFeatures, ...]:
    """The columns of every annotator, from units with labels (n, A) and confidences (n, A)."""
    return tuple(
        AnnotatorFeatures.of(machine_labels[:, a], confidence[:, a]) for a in range(machine_labels.shape[1])
    )


def feature_matrix(
    features: tuple[AnnotatorFeatures, ...], machine_labels: IntArray, confidence: FloatArray
) -> FloatArray:
    """All columns of all annotators side by side, (n, p)."""
    return np.concatenate(
        [f.columns(machine_labels[:, a], confidence[:, a]) for a, f in enumerate(features)], axis=1
    )


def fit_multinomials(
    features: tuple[AnnotatorFeatures, ...],
    machine_labels: IntArray,
    confidence: FloatArray,
    gold: IntArray,
    *,
    weights: FloatArray,
    bases: list[BaseRate],
) -> list[Multinomial]:
    """One fit per row of ``weights`` (fits, n), all at once; a weight of zero leaves a unit out.

    The coefficients are shrunk to zero, that is to the one-coin model of the annotators, so that few gold
    units already use what a label in the codebook means.
    """
    columns = feature_matrix(features, machine_labels, confidence)
    n_codes = bases[0].share.size
    priors = np.stack(
        [
            np.stack([fit_one_coin(label, gold, base, w).by_label() for label in machine_labels.T])
            for w, base in zip(weights, bases, strict=True)
        ]
    )
    offsets = np.stack([_offset(machine_labels, prior) for prior in priors])
    coefficients = ridge_multinomial(columns, np.eye(n_codes)[gold], weights, offsets)
    return [Multinomial(features, c, p) for c, p in zip(coefficients, priors, strict=True)]


def ridge_multinomial(
    columns: FloatArray, one_hot: FloatArray, weights: FloatArray, offsets: FloatArray, ridge: float = RIDGE
) -> FloatArray:
    """Coefficients (fits, p, K) of ridge multinomial logits that share columns and outcomes.

    Parameters
    ----------
    columns : (n, p) array
    one_hot : (n, K) array
    weights : (fits, n) array
    offsets : (fits, n, K) array
        Added to the linear predictor of each fit.
    ridge : float
        Half this times the squared coefficients is added to the negative log-likelihood.

    Notes
    -----
    Böhning (1992): the Hessian is never above ``X'WX / 2``, so one factorisation serves every step and no
    step needs a line search. Nesterov momentum with restarts makes it fast. Any coefficients give a valid
    error map, so an unfinished fit is used as it is.
    """
    weighted = columns.T[None] * weights[:, None, :]
    bound = 0.5 * (weighted @ columns) + ridge * np.eye(columns.shape[1])
    inverse = np.linalg.inv(bound)
    coefficients: FloatArray = np.zeros((weights.shape[0], columns.shape[1], one_hot.shape[1]))
    ahead = coefficients
    momentum: FloatArray = np.zeros(weights.shape[0])
    for _ in range(MAX_ITERATIONS):
        residual = one_hot - _softmax(offsets + columns @ ahead)
        step = inverse @ (weighted @ residual - ridge * ahead)
        updated = ahead + step
        moved = updated - coefficients
        uphill: BoolArray = (step * moved).sum(axis=(1, 2)) >= 0
        momentum = np.where(uphill, momentum + 1.0, 0.0)
        coefficients = updated
        if np.abs(moved).max(initial=0.0) < TOLERANCE:
            break
        ahead = coefficients + (momentum / (momentum + 3.0))[:, None, None] * moved
    return coefficients


def _offset(machine_labels: IntArray, prior: FloatArray) -> FloatArray:
    """Log of the mean over annotators of their one-coin models, (n, K); ``prior`` is (A, K + 1, K)."""
    mean = prior[np.arange(prior.shape[0])[None, :], machine_labels].mean(axis=1)
    offset: FloatArray = np.log(mean)
    return offset


def _softmax(logits: FloatArray) -> FloatArray:
    exponential = np.exp(logits - logits.max(axis=-1, keepdims=True))
    softmax: FloatArray = exponential / exponential.sum(axis=-1, keepdims=True)
    return softmax
