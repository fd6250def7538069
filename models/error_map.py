"""The confidence-to-error map: P(code | machine labels, confidence, features), fitted on gold units."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.arrays import FloatArray, IntArray
from models.base_rate import BaseRate, fit_base_rate
from models.calibration import Calibration, calibration
from models.candidates import CANDIDATES, INTERCEPT, FittedMap, fit_candidates, inside, kind_of
from models.signals import Signals

N_FOLDS = 5
SKILL_QUANTILE = 1.645


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
        The one chosen: ``intercept``, ``table`` (``table_<annotator>`` with several), ``logistic`` or
        ``boosting``.
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

    def predict(self, signals: Signals) -> FloatArray:
        """Probabilities (m, K), each positive, rows summing to one."""
        return inside(self.fitted.predict(signals), self.base, self.n_gold)


def fit_error_map(
    signals: Signals,
    gold: IntArray,
    *,
    n_codes: int,
    weights: FloatArray,
    rng: np.random.Generator,
    candidates: Sequence[str] = CANDIDATES,
) -> ErrorMap:
    """Fit every candidate and keep the simplest one that cross-validation cannot tell from the best.

    Parameters
    ----------
    signals : Signals
        Of n gold units.
    gold : (n,) array of int
        Human codes, 0 to ``n_codes - 1``.
    n_codes : int
    weights : (n,) array
        One over the inclusion probability; only ratios matter.
    rng : numpy.random.Generator
        Decides the cross-validation folds.
    candidates : sequence of str
        From ``table``, ``logistic``, ``boosting``.

    Notes
    -----
    Candidates, simple to rich: the base rate; a smoothed table of machine label x confidence bin, one for
    each annotator; a ridge multinomial logit on labels, confidence, confidence squared, their products and
    the features; boosted trees on the same. The simplest candidate within one standard error of the smallest
    cross-validated log loss is kept; the standard error is that of the paired difference to the best.
    Fewer than 8 gold units fit the base rate.

    Raises
    ------
    ValueError
        If a gold code lies outside the codebook or the shapes disagree.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> gold = rng.integers(0, 3, 200)
    >>> said = np.where(rng.random(200) < 0.8, gold, rng.integers(0, 3, 200))[:, None]
    >>> signals = Signals(said, np.full((200, 1), np.nan))
    >>> fitted = fit_error_map(signals, gold, n_codes=3, weights=np.ones(200), rng=rng)
    >>> unit = Signals(np.array([[2]]), np.array([[np.nan]]))
    >>> fitted.has_skill, int(fitted.predict(unit).argmax())
    (True, 2)
    """
    _check(signals, gold, n_codes)
    if gold.size == 0:
        return _without_gold(n_codes)
    weights = weights / weights.mean()
    fold = _folds(gold, rng)
    # Row 0 fits on every unit, row j + 1 leaves out fold j.
    kept = np.vstack([np.ones(gold.size), *(fold != j for j in range(fold.max() + 1))]) * weights
    bases = [fit_base_rate(signals.labels, gold, n_codes, w) for w in kept]
    fits = fit_candidates(signals, gold, kept, bases, candidates)
    held_out = {name: _out_of_fold(each, bases, signals, fold) for name, each in fits.items()}
    loss = {name: -np.log(p[np.arange(gold.size), gold]) for name, p in held_out.items()}
    losses = _compare(loss, weights)
    chosen = next(c for c in losses if c.behind_best <= c.behind_best_std_error).candidate
    gain, gain_error = _weighted_mean(loss[INTERCEPT] - loss[chosen], weights)
    return ErrorMap(
        candidate=chosen,
        losses=losses,
        has_skill=chosen != INTERCEPT and gain > SKILL_QUANTILE * gain_error,
        out_of_fold=held_out[chosen],
        calibration=calibration(held_out[chosen], gold, weights),
        n_gold=gold.size,
        fitted=fits[chosen][0],
        base=bases[0],
    )


def fit_candidate(
    signals: Signals, gold: IntArray, candidate: str, *, n_codes: int, weights: FloatArray
) -> tuple[FittedMap, BaseRate]:
    """One candidate by name, without cross-validation, and the base rate it is kept inside with.

    What cannot be fitted on so few units gives the base rate.
    """
    _check(signals, gold, n_codes)
    weights = weights[None, :] / weights.mean()
    bases = [fit_base_rate(signals.labels, gold, n_codes, weights[0])]
    fits = fit_candidates(signals, gold, weights, bases, [kind_of(candidate)])
    return fits.get(candidate, fits[INTERCEPT])[0], bases[0]


def cross_fit(
    signals: Signals,
    gold: IntArray,
    *,
    fold: IntArray,
    n_codes: int,
    weights: FloatArray,
    rng: np.random.Generator,
    candidate: str | None = None,
    candidates: Sequence[str] = CANDIDATES,
) -> FloatArray:
    """Predictions (N, K) of the units of a round, from maps that did not see the unit's own fold.

    ``gold`` (N,) is -1 where a unit is not coded. The units of fold j, drawn or not, get the map of the gold
    units of all other folds and of the units without a fold (-1), whose gold is older; those units get NaN.
    As each fold is drawn by itself, the prediction of a unit owes nothing to the draw of its own fold.
    With ``candidate``, chosen on older gold, that one is fitted; without, each fold chooses for itself.
    A fold without other gold gets equal probabilities.
    """
    prediction = np.full((gold.size, n_codes), np.nan)
    folds = np.unique(fold[fold >= 0])
    for j, child in zip(folds, rng.spawn(folds.size), strict=True):
        fitting = (gold >= 0) & (fold != j)
        inside_j = fold == j
        units, codes, w = signals.take(fitting), gold[fitting], weights[fitting]
        if candidate is None or codes.size == 0:
            fitted = fit_error_map(units, codes, n_codes=n_codes, weights=w, rng=child, candidates=candidates)
            prediction[inside_j] = fitted.predict(signals.take(inside_j))
        else:
            one, base = fit_candidate(units, codes, candidate, n_codes=n_codes, weights=w)
            prediction[inside_j] = inside(one.predict(signals.take(inside_j)), base, codes.size)
    return prediction


def _check(signals: Signals, gold: IntArray, n_codes: int) -> None:
    if gold.size and not (gold.min() >= 0 and gold.max() < n_codes):
        raise ValueError(f"gold codes must lie in 0..{n_codes - 1}")
    if gold.shape != (signals.n_units,):
        raise ValueError("signals and gold do not describe the same units")


def _folds(gold: IntArray, rng: np.random.Generator) -> IntArray:
    """Random folds that hold about equally many units of every code."""
    order = np.lexsort((rng.random(gold.size), gold))
    fold = np.empty(gold.size, dtype=np.int64)
    fold[order] = np.arange(gold.size) % N_FOLDS
    return fold


def _out_of_fold(
    fits: list[FittedMap], bases: list[BaseRate], signals: Signals, fold: IntArray
) -> FloatArray:
    prediction = np.empty((fold.size, bases[0].share.size))
    for j in range(fold.max() + 1):
        held = fold == j
        raw = fits[j + 1].predict(signals.take(held))
        prediction[held] = inside(raw, bases[j + 1], int((~held).sum()))
    return prediction


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
