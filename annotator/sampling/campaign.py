"""The rounds of a study as pure functions of arrays: open one, and predict for it when it is coded.

Everything that decides a draw comes from the machine and from earlier gold. What a round's estimate uses
beside that is cross-fitted over the folds, which were drawn one by one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from annotator.inference.estimands import Estimand
from annotator.inference.rectify import Round
from annotator.sampling.design import (
    Design,
    Picks,
    design_round,
    eligible_units,
    least_sure,
    list_order,
    with_picks,
)
from annotator.sampling.robust import robust_mix
from annotator.sampling.score import Worth, worth
from annotator.sampling.weights import planned_weights
from models.arrays import BoolArray, FloatArray, IntArray
from models.base_rate import fit_base_rate
from models.calibration import variance_misfit
from models.candidates import CANDIDATES
from models.error_map import ErrorMap, cross_fit, fit_error_map
from models.signals import Signals

UNKNOWN = -1


@dataclass(frozen=True)
class Campaign:
    """What stays the same from round to round.

    Attributes
    ----------
    signals : Signals
        Of the N units of the corpus.
    n_codes : int
        K.
    estimands : sequence of Estimand
        What the budget is spread for.
    uniform_mix : float
        Smallest share of a round's budget that is spread uniformly.
    candidates : sequence of str
        Candidates for the error map beside the base rate.
    training : float
        Share of later rounds' budgets for the units that the map is least sure of, coded for certain.
    """

    signals: Signals
    n_codes: int
    estimands: Sequence[Estimand]
    uniform_mix: float = 0.1
    candidates: Sequence[str] = field(default=CANDIDATES)
    training: float = 0.0


def fit_map(
    campaign: Campaign, gold: IntArray, rng: np.random.Generator, weights: FloatArray | None = None
) -> ErrorMap:
    """The error map on all gold (N,), -1 for none, with weights (N,).

    By default each code counts once, whatever drew it: the map that narrows an interval most is good where
    the draws are, not where the corpus is.
    """
    coded = gold >= 0
    return fit_error_map(
        campaign.signals.take(coded),
        gold[coded],
        n_codes=campaign.n_codes,
        weights=np.ones(int(coded.sum())) if weights is None else weights[coded],
        rng=rng,
        candidates=campaign.candidates,
    )


def worth_before_gold(campaign: Campaign) -> Worth:
    """What a code of each unit of the corpus is worth when only its influence is known."""
    said = campaign.signals
    base = fit_base_rate(said.labels, np.empty(0, dtype=np.int64), campaign.n_codes, np.empty(0)).share
    labels = _machine_shares(said, campaign.n_codes, base)
    expected = np.broadcast_to(base, labels.shape)
    return worth(campaign.estimands, labels, expected, np.arange(said.n_units))


def round_weights(campaign: Campaign, sizes: Sequence[int]) -> FloatArray:
    """The weight of each planned round, (R,): see `planned_weights`."""
    return planned_weights(worth_before_gold(campaign).variance, sizes, campaign.uniform_mix)


def open_first_round(campaign: Campaign, budget: int, rng: np.random.Generator) -> Design:
    """Design a round before any gold exists.

    Nothing is known of the residuals, so the budget follows the influence alone: uniform for a mean, by
    leverage for a coefficient. The draw is spread over machine labels and confidences.
    """
    said = campaign.signals
    units = eligible_units(np.ones(said.n_units, dtype=bool), budget)
    of_units = worth_before_gold(campaign)
    uniform = of_units.is_equal
    mix = 1.0 if uniform else campaign.uniform_mix
    reason = "uniform: no gold yet" if uniform else f"influence: no gold yet; mixed {mix:.0%} with uniform"
    return design_round(
        units,
        np.ones(units.size) if uniform else of_units.score,
        budget,
        rng,
        uniform_mix=mix,
        order=list_order(*said.labels.T, _mean_confidence(said), rng=rng),
        error_probability=1.0 - said.confidence[:, 0],
        reason=reason + _unsolved(of_units.unsolved),
    )


def open_later_round(
    campaign: Campaign,
    error_map: ErrorMap,
    gold: IntArray,
    budget: int,
    rng: np.random.Generator,
) -> Design:
    """Design a round from the error map on all earlier gold (N,), -1 for none.

    A unit scores the predicted standard deviation of its contribution to the estimands (`worth`), and a
    share of the budget is spread uniformly: the one with the smallest worst case over the error maps that
    gold cannot rule out (`robust_mix`). A map without skill leaves the influence alone to decide.

    The campaign's share for training is not left to chance: it goes to the units the map is least sure of.
    """
    prediction = error_map.predict(campaign.signals)
    error = error_probability(prediction, campaign.signals.labels[:, 0])
    everyone = eligible_units(gold < 0, budget)
    expected = expected_codes(error_map, prediction)
    n_picks = min(round(campaign.training * budget), budget - 1, everyone.size - 1)
    picks = everyone[least_sure(prediction[everyone], n_picks, rng)] if n_picks > 0 else everyone[:0]
    units = np.setdiff1d(everyone, picks, assume_unique=True)
    of_units = worth(campaign.estimands, prediction, expected, units)
    size = min(budget - n_picks, units.size)
    mix, reason = uniform_share(campaign, error_map, of_units, gold, size=size, expected=expected[units])
    design = design_round(
        units,
        of_units.score,
        budget - n_picks,
        rng,
        uniform_mix=mix,
        order=list_order(campaign.signals.labels[units, 0], prediction[units].max(axis=1), rng=rng),
        error_probability=error[units],
        reason=reason + _unsolved(of_units.unsolved),
    )
    if not n_picks:
        return design
    of_picks = worth(campaign.estimands, prediction, expected, picks)
    return with_picks(design, picks, Picks(of_picks.score, error[picks]), rng)


def expected_codes(error_map: ErrorMap, prediction: FloatArray) -> FloatArray:
    """The probabilities (N, K) that residuals should follow: base rates where the map has no skill."""
    return prediction if error_map.has_skill else np.broadcast_to(error_map.base.share, prediction.shape)


def uniform_share(
    campaign: Campaign,
    error_map: ErrorMap,
    of_units: Worth,
    gold: IntArray,
    *,
    size: int,
    expected: FloatArray,
) -> tuple[float, str]:
    """The uniform share of a later round, and why.

    ``of_units`` and ``expected`` (m, K) are those of the units that can be drawn, ``size`` of them.
    """
    if error_map.has_skill:
        residual = (expected * (1.0 - expected)).sum(axis=1)
        misfit = variance_misfit(error_map.out_of_fold, gold[gold >= 0])
        mix = robust_mix(of_units.variance, residual, size, misfit, campaign.uniform_mix)
        return mix, f"score: sd of the predicted contribution, mixed {mix:.0%} with uniform"
    if of_units.is_equal:
        return 1.0, "uniform: the error map has no cross-validated skill"
    mix = campaign.uniform_mix
    return mix, f"influence: the error map has no cross-validated skill; mixed {mix:.0%} with uniform"


def predict_round(
    campaign: Campaign,
    gold: IntArray,
    *,
    fold: IntArray,
    error_map: ErrorMap | None,
    rng: np.random.Generator,
) -> FloatArray:
    """Predictions (N, K) of a coded round, from maps that owe nothing to the draw of the unit's own fold.

    Parameters
    ----------
    campaign : Campaign
    gold : (N,) array of int
        All gold up to this round, -1 for none.
    fold : (N,) array of int
        The round's folds, -1 for units that had gold before.
    error_map : ErrorMap, optional
        The map that designed the round: it names the candidate, and its out-of-fold predictions are those
        of the units that had gold before. None in the first round.
    rng : numpy.random.Generator
    """
    prediction = cross_fit(
        campaign.signals,
        gold,
        fold=fold,
        n_codes=campaign.n_codes,
        weights=(gold >= 0).astype(np.float64),
        rng=rng,
        candidate=None if error_map is None else error_map.candidate,
        candidates=campaign.candidates,
    )
    if error_map is not None:
        prediction[fold < 0] = error_map.out_of_fold
    return prediction


def as_round(
    design: Design, number: int, known: BoolArray, prediction: FloatArray, weight: float | None = None
) -> Round:
    """A design, its predictions and its planned weight as the estimator takes them."""
    n_units = known.size
    probability = np.full(n_units, np.nan)
    drawn = np.zeros(n_units, dtype=bool)
    probability[design.units] = design.inclusion_probability
    drawn[design.units] = design.drawn
    return Round(number, known, probability, drawn, folds(design, n_units), prediction, weight)


def folds(design: Design, n_units: int) -> IntArray:
    """The fold of every unit of the corpus, (N,), -1 for units that were not eligible."""
    fold = np.full(n_units, UNKNOWN, dtype=np.int64)
    fold[design.units] = design.stratum
    return fold


def error_probability(prediction: FloatArray, machine_label: IntArray) -> FloatArray:
    """(N,) one minus the predicted probability of the machine label; NaN where the label failed."""
    rows = np.arange(len(machine_label))
    return np.where(machine_label >= 0, 1.0 - prediction[rows, np.maximum(machine_label, 0)], np.nan)


def _machine_shares(said: Signals, n_codes: int, base: FloatArray) -> FloatArray:
    """The share of the annotators that gave each code, (N, K); the base rate where all failed."""
    shares = np.zeros((said.n_units, n_codes))
    for label in said.labels.T:
        given = np.flatnonzero(label >= 0)
        shares[given, label[given]] += 1.0
    total = shares.sum(axis=1, keepdims=True)
    return np.where(total > 0, shares / np.maximum(total, 1.0), base)


def _mean_confidence(said: Signals) -> FloatArray:
    seen = np.isfinite(said.confidence)
    total = np.where(seen, said.confidence, 0.0).sum(axis=1)
    return np.where(seen.any(axis=1), total / np.maximum(seen.sum(axis=1), 1), -1.0)


def _unsolved(names: tuple[str, ...]) -> str:
    return f"; not counted, as they cannot be solved yet: {', '.join(names)}" if names else ""
