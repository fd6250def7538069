"""Whether a new classifier beats the last one by more than noise."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.arrays import FloatArray, IntArray
from models.base_rate import fit_base_rate
from models.multinomial import ridge_multinomial

QUANTILE = 1.645
RIDGE = 1.0


@dataclass(frozen=True)
class Question:
    """One question about n coded units, and what two classifiers say of it.

    Attributes
    ----------
    codes : (n,) array of int
        Human codes, 0 to ``n_codes - 1``.
    n_codes : int
    new : (n, c) array
        The new classifier's `log_odds`, none of them by a classifier that had seen the unit's code.
    last : (n, c) array, optional
        The same of the last one. Without, the base rate is what has to be beaten.
    """

    codes: IntArray
    n_codes: int
    new: FloatArray
    last: FloatArray | None = None


@dataclass(frozen=True)
class Comparison:
    """Log losses on the same units, weighted for the corpus.

    Attributes
    ----------
    log_loss, last_log_loss : float
    gain : float
        How much smaller the new one's is.
    std_error : float
        Of the gain: the losses are paired.
    n_units : int
    """

    log_loss: float
    last_log_loss: float
    gain: float
    std_error: float
    n_units: int

    @property
    def lower_bound(self) -> float:
        """The end of a one-sided 95 % interval of the gain."""
        return self.gain - QUANTILE * self.std_error

    @property
    def is_better(self) -> bool:
        """Whether noise alone would hardly bring such a gain."""
        return self.lower_bound > 0.0


def compare(questions: Sequence[Question], fold: IntArray, weights: FloatArray) -> Comparison:
    """The paired, weighted comparison of two classifiers on coded units.

    Parameters
    ----------
    questions : sequence of Question
        One, or one a code where several may apply to a unit: their losses add up.
    fold : (n,) array of int
        Both are recalibrated on the units of all other folds before they are scored: an error map does so
        too, and a classifier that is right but too sure of itself is worth having.
    weights : (n,) array
        One over the inclusion probability; only ratios matter.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> codes, fold, even = rng.integers(0, 2, 200), np.arange(200) % 5, np.ones(200)
    >>> knows, guesses = (2.0 * codes - 1.0)[:, None], rng.normal(size=(200, 1))
    >>> compare([Question(codes, 2, knows)], fold, even).is_better
    True
    >>> compare([Question(codes, 2, guesses)], fold, even).is_better
    False
    >>> compare([Question(codes, 2, guesses, last=knows)], fold, even).is_better
    False
    """
    weights = weights / weights.sum()
    nothing = np.empty((fold.size, 0))
    new, last = (
        np.sum([_loss(q, said, fold, weights) for q, said in zip(questions, of, strict=True)], axis=0)
        for of in ([q.new for q in questions], [nothing if q.last is None else q.last for q in questions])
    )
    gain = last - new
    mean = float(weights @ gain)
    return Comparison(
        log_loss=float(weights @ new),
        last_log_loss=float(weights @ last),
        gain=mean,
        std_error=float(np.sqrt(np.sum((weights * (gain - mean)) ** 2))),
        n_units=fold.size,
    )


def _loss(question: Question, columns: FloatArray, fold: IntArray, weights: FloatArray) -> FloatArray:
    """Log loss (n,) of each unit under a logit of its code on the columns, fitted without its fold."""
    codes, n_codes = question.codes, question.n_codes
    folds = np.unique(fold)
    kept = np.stack([np.where(fold != j, weights, 0.0) for j in folds]) * codes.size
    unsaid = np.empty((0, 1), dtype=np.int64)
    shares = [fit_base_rate(unsaid, codes, n_codes, w).share for w in kept]
    offsets = np.repeat(np.log(shares)[:, None, :], codes.size, axis=1)
    design = np.concatenate([np.ones((codes.size, 1)), columns], axis=1)
    ridge = np.full(design.shape[1], RIDGE)
    coefficients = ridge_multinomial(design, np.eye(n_codes)[codes], kept, offsets, ridge)
    logits = offsets + design @ coefficients
    own = logits[np.searchsorted(folds, fold), np.arange(codes.size)]
    loss: FloatArray = np.logaddexp.reduce(own, axis=1) - own[np.arange(codes.size), codes]
    return loss
