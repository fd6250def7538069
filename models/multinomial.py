"""Error map as a ridge multinomial logit on machine labels, confidence and features."""

from dataclasses import dataclass

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from models.base_rate import BaseRate, fit_one_coin
from models.signals import Signals

RIDGE = 1.0
FEATURE_RIDGE = 5.0
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
class Columns:
    """How signals become the columns of a design matrix: those of every annotator, leanings, features.

    Leanings are logits and stay as they are. Features are standardised; those that do not vary are left out.
    """

    annotators: tuple[AnnotatorFeatures, ...]
    kept: IntArray
    mean: FloatArray
    scale: FloatArray

    @classmethod
    def of(cls, signals: Signals) -> "Columns":
        """The columns that the given units call for."""
        scale = signals.features.std(axis=0) if signals.n_units else np.zeros(signals.features.shape[1])
        kept = np.flatnonzero(scale > 0)
        return cls(
            annotators=tuple(
                AnnotatorFeatures.of(signals.labels[:, a], signals.confidence[:, a])
                for a in range(signals.n_annotators)
            ),
            kept=kept,
            mean=signals.features[:, kept].mean(axis=0) if kept.size else np.empty(0),
            scale=scale[kept],
        )

    def matrix(self, signals: Signals) -> FloatArray:
        """All columns side by side, (n, p)."""
        said = [
            each.columns(signals.labels[:, a], signals.confidence[:, a])
            for a, each in enumerate(self.annotators)
        ]
        standardised = (signals.features[:, self.kept] - self.mean) / self.scale
        return np.concatenate([*said, signals.leanings, np.clip(standardised, -4.0, 4.0)], axis=1)

    def ridge(self, n_columns: int) -> FloatArray:
        """The penalty of each column: the more features, the less each may say."""
        n_features = self.kept.size
        return np.repeat([RIDGE, FEATURE_RIDGE * n_features], [n_columns - n_features, n_features])


@dataclass(frozen=True)
class Multinomial:
    """P(code | signals) = softmax(log one-coin model + columns @ coefficients)."""

    columns: Columns
    coefficients: FloatArray
    prior: FloatArray

    def predict(self, signals: Signals) -> FloatArray:
        """Probabilities (m, K) of m units."""
        return _softmax(
            _offset(signals.labels, self.prior) + self.columns.matrix(signals) @ self.coefficients
        )


def fit_multinomials(
    signals: Signals, gold: IntArray, *, weights: FloatArray, bases: list[BaseRate]
) -> list[Multinomial]:
    """One fit per row of ``weights`` (fits, n), all at once; a weight of zero leaves a unit out.

    The coefficients are shrunk to zero, that is to the one-coin model of the annotators, so that few gold
    units already use what a label in the codebook means. All features together are shrunk as one signal is.
    """
    columns = Columns.of(signals)
    matrix = columns.matrix(signals)
    n_codes = bases[0].share.size
    priors = np.stack(
        [
            np.stack([fit_one_coin(label, gold, base, w).by_label() for label in signals.labels.T])
            for w, base in zip(weights, bases, strict=True)
        ]
    )
    offsets = np.stack([_offset(signals.labels, prior) for prior in priors])
    coefficients = ridge_multinomial(
        matrix, np.eye(n_codes)[gold], weights, offsets, columns.ridge(matrix.shape[1])
    )
    return [Multinomial(columns, c, p) for c, p in zip(coefficients, priors, strict=True)]


def ridge_multinomial(
    columns: FloatArray, one_hot: FloatArray, weights: FloatArray, offsets: FloatArray, ridge: FloatArray
) -> FloatArray:
    """Coefficients (fits, p, K) of ridge multinomial logits that share columns and outcomes.

    Parameters
    ----------
    columns : (n, p) array
    one_hot : (n, K) array
    weights : (fits, n) array
    offsets : (fits, n, K) array
        Added to the linear predictor of each fit.
    ridge : (p,) array
        Half this times a column's squared coefficients is added to the negative log-likelihood.

    Notes
    -----
    Böhning (1992): the Hessian is never above ``X'WX / 2``, so one factorisation serves every step and no
    step needs a line search. Nesterov momentum with restarts makes it fast. Any coefficients give a valid
    error map, so an unfinished fit is used as it is.
    """
    weighted = columns.T[None] * weights[:, None, :]
    bound = 0.5 * (weighted @ columns) + np.diag(ridge)
    inverse = np.linalg.inv(bound)
    coefficients: FloatArray = np.zeros((weights.shape[0], columns.shape[1], one_hot.shape[1]))
    ahead = coefficients
    momentum: FloatArray = np.zeros(weights.shape[0])
    for _ in range(MAX_ITERATIONS):
        residual = one_hot - _softmax(offsets + columns @ ahead)
        step = inverse @ (weighted @ residual - ridge[:, None] * ahead)
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
