"""The confidence-to-error map: P(code | machine labels, confidence), fitted on gold units."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from models.arrays import FloatArray, IntArray
from models.base_rate import BaseRate, fit_base_rate
from models.calibration import Calibration, calibration
from models.multinomial import features_of, fit_multinomials
from models.smoothed_table import confidence_edges, fit_smoothed_table

N_FOLDS = 5
MIN_GOLD = 8
SKILL_QUANTILE = 1.645


class FittedMap(Protocol):
    """What every fitted candidate can do."""

    def predict(self, machine_labels: IntArray, confidence: FloatArray) -> FloatArray:
        """Probabilities (m, K) of units with labels (m, A), -1 for failed, and confidences (m, A)."""
        ...


@dataclass(frozen=True)
class CandidateLoss:
    """Cross-validated log loss of one candidate, and how far it is behind the best, with standard errors."""

    candidate: str
    log_loss: float
    std_error: float
    behind_best: float
    behind_best_std_error: float


@dataclass(frozen=True)
class ErrorMap:
    """A fitted map and how good it is.

    Attributes
    ----------
    candidate : str
        The one chosen: ``intercept``, ``table`` (``table_<annotator>`` with several) or ``logistic``.
    losses : tuple of CandidateLoss
        All candidates, simplest first.
    has_skill : bool
        Whether the chosen candidate beats the intercept in cross-validation by more than noise
        (one-sided 5 % test on the paired log losses).
    out_of_fold : (n, K) array
        Predictions for the gold units from fits that did not see them.
    calibration : Calibration
        Brier score, expected calibration error and reliability bins of ``out_of_fold``.
    n_gold : int
        Gold units that helped to fit.
    """

    candidate: str
    losses: tuple[CandidateLoss, ...]
    has_skill: bool
    out_of_fold: FloatArray
    calibration: Calibration | None
    n_gold: int
    fitted: FittedMap
    base: BaseRate

    def predict(self, machine_labels: IntArray, confidence: FloatArray) -> FloatArray:
        """Probabilities (m, K), each positive, rows summing to one."""
        return _inside(self.fitted.predict(machine_labels, confidence), self.base, self.n_gold)


def fit_error_map(
    machine_labels: IntArray,
    confidence: FloatArray,
    gold: IntArray,
    *,
    n_codes: int,
    weights: FloatArray,
    rng: np.random.Generator,
) -> ErrorMap:
    """Fit every candidate and keep the simplest one that cross-validation cannot tell from the best.

    Parameters
    ----------
    machine_labels : (n, A) array of int
        Codes given by A machine annotators, -1 where the label failed.
    confidence : (n, A) array
        NaN where there is none.
    gold : (n,) array of int
        Human codes, 0 to ``n_codes - 1``.
    n_codes : int
    weights : (n,) array
        One over the inclusion probability; only ratios matter.
    rng : numpy.random.Generator
        Decides the cross-validation folds.

    Notes
    -----
    Candidates, simple to rich: the base rate; a smoothed table of machine label x confidence bin, one for
    each annotator; a ridge multinomial logit on labels, confidence, confidence squared and their products.
    The simplest candidate within one standard error of the smallest cross-validated log loss is kept; the
    standard error is that of the paired difference to the best. Fewer than 8 gold units fit the base rate.

    Raises
    ------
    ValueError
        If a gold code lies outside the codebook or the shapes disagree.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> gold = rng.integers(0, 3, 200)
    >>> said = np.where(rng.random(200) < 0.8, gold, rng.integers(0, 3, 200))[:, None]
    >>> none = np.full((200, 1), np.nan)
    >>> fitted = fit_error_map(said, none, gold, n_codes=3, weights=np.ones(200), rng=rng)
    >>> fitted.has_skill, int(fitted.predict(np.array([[2]]), np.array([[np.nan]])).argmax())
    (True, 2)
    """
    if gold.size and not (gold.min() >= 0 and gold.max() < n_codes):
        raise ValueError(f"gold codes must lie in 0..{n_codes - 1}")
    if not machine_labels.shape == confidence.shape or gold.shape != machine_labels.shape[:1]:
        raise ValueError("machine_labels, confidence and gold do not describe the same units")
    if gold.size == 0:
        return _without_gold(n_codes)
    weights = weights / weights.mean()
    fold = _folds(gold, rng)
    # Row 0 fits on every unit, row j + 1 leaves out fold j.
    kept = np.vstack([np.ones(gold.size), *(fold != j for j in range(fold.max() + 1))]) * weights
    bases = [fit_base_rate(machine_labels, gold, n_codes, w) for w in kept]
    candidates = _fit_candidates(machine_labels, confidence, gold, kept, bases)
    held_out = {
        name: _out_of_fold(fits, bases, machine_labels, confidence, fold) for name, fits in candidates.items()
    }
    loss = {name: -np.log(p[np.arange(gold.size), gold]) for name, p in held_out.items()}
    losses = _compare(loss, weights)
    chosen = next(c for c in losses if c.behind_best <= c.behind_best_std_error).candidate
    gain, gain_error = _weighted_mean(loss["intercept"] - loss[chosen], weights)
    return ErrorMap(
        candidate=chosen,
        losses=losses,
        has_skill=chosen != "intercept" and gain > SKILL_QUANTILE * gain_error,
        out_of_fold=held_out[chosen],
        calibration=calibration(held_out[chosen], gold, weights),
        n_gold=gold.size,
        fitted=candidates[chosen][0],
        base=bases[0],
    )


def cross_fit(
    machine_labels: IntArray,
    confidence: FloatArray,
    gold: IntArray,
    *,
    fold: IntArray,
    n_codes: int,
    weights: FloatArray,
    rng: np.random.Generator,
) -> FloatArray:
    """Predictions (N, K) for a round that has no earlier gold, from maps that did not see the unit's fold.

    ``gold`` (N,) is -1 where a unit was not drawn. The units of fold j, drawn or not, get the map of the
    gold units of all other folds; with one fold only, every code is equally likely. As each fold is drawn
    by itself, the prediction of a unit owes nothing to the draw of its own fold.
    """
    prediction = np.full((gold.size, n_codes), 1.0 / n_codes)
    folds = np.unique(fold)
    for j, child in zip(folds, rng.spawn(folds.size), strict=True):
        fitting = (gold >= 0) & (fold != j)
        inside = fold == j
        fitted = fit_error_map(
            machine_labels[fitting],
            confidence[fitting],
            gold[fitting],
            n_codes=n_codes,
            weights=weights[fitting],
            rng=child,
        )
        prediction[inside] = fitted.predict(machine_labels[inside], confidence[inside])
    return prediction


def _fit_candidates(
    machine_labels: IntArray, confidence: FloatArray, gold: IntArray, kept: FloatArray, bases: list[BaseRate]
) -> dict[str, list[FittedMap]]:
    """Every candidate fitted once per row of ``kept``, simplest first."""
    candidates: dict[str, list[FittedMap]] = {"intercept": list(bases)}
    if gold.size < MIN_GOLD:
        return candidates
    n_annotators = machine_labels.shape[1]
    for a in range(n_annotators):
        edges = confidence_edges(confidence[:, a], gold.size)
        candidates["table" if n_annotators == 1 else f"table_{a}"] = [
            fit_smoothed_table(a, machine_labels, confidence, gold, weights=w, edges=edges, base=base)
            for w, base in zip(kept, bases, strict=True)
        ]
    features = features_of(machine_labels, confidence)
    candidates["logistic"] = list(
        fit_multinomials(features, machine_labels, confidence, gold, weights=kept, bases=bases)
    )
    return candidates


def _folds(gold: IntArray, rng: np.random.Generator) -> IntArray:
    """Random folds that hold about equally many units of every code."""
    order = np.lexsort((rng.random(gold.size), gold))
    fold = np.empty(gold.size, dtype=np.int64)
    fold[order] = np.arange(gold.size) % N_FOLDS
    return fold


def _out_of_fold(
    fits: list[FittedMap],
    bases: list[BaseRate],
    machine_labels: IntArray,
    confidence: FloatArray,
    fold: IntArray,
) -> FloatArray:
    prediction = np.empty((fold.size, bases[0].share.size))
    for j in range(fold.max() + 1):
        inside = fold == j
        raw = fits[j + 1].predict(machine_labels[inside], confidence[inside])
        prediction[inside] = _inside(raw, bases[j + 1], int((~inside).sum()))
    return prediction


def _inside(prediction: FloatArray, base: BaseRate, n_gold: int) -> FloatArray:
    """Keep predictions off the edge of the simplex: the base rate gets the weight of one gold unit."""
    weight = 1.0 / (n_gold + 2.0)
    mixed = (1.0 - weight) * prediction + weight * base.share
    mixed /= mixed.sum(axis=1, keepdims=True)
    return mixed


def _compare(loss: dict[str, FloatArray], weights: FloatArray) -> tuple[CandidateLoss, ...]:
    means = {name: _weighted_mean(values, weights) for name, values in loss.items()}
    best = min(means, key=lambda name: means[name][0])
    return tuple(
        CandidateLoss(name, *means[name], *_weighted_mean(values - loss[best], weights))
        for name, values in loss.items()
    )


def _weighted_mean(values: FloatArray, weights: FloatArray) -> tuple[float, float]:
    """Weighted mean and its standard error."""
    share = weights / weights.sum()
    mean = float(share @ values)
    return mean, float(np.sqrt(np.sum((share * (values - mean)) ** 2)))


def _without_gold(n_codes: int) -> ErrorMap:
    base = BaseRate(np.full(n_codes, 1.0 / n_codes))
    return ErrorMap("intercept", (), False, np.empty((0, n_codes)), None, 0, base, base)
