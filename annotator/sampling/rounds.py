"""The rounds of a study as pure functions of arrays: open one, and predict for it when it is coded.

Everything that decides a draw comes from the machine and from earlier gold. What a round's estimate uses
beside that is cross-fitted over the folds, which were drawn one by one.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from annotator.inference.rectify import Round
from annotator.sampling.campaign import (
    UNKNOWN,
    Campaign,
    Expected,
    Gold,
    Part,
    campaign_worth,
    worth_before_gold,
)
from annotator.sampling.design import (
    Design,
    Picks,
    design_round,
    eligible_units,
    list_order,
    with_picks,
)
from annotator.sampling.robust import Contribution, robust_mix
from annotator.sampling.score import Worth
from models.arrays import BoolArray, FloatArray, IntArray
from models.calibration import variance_misfit
from models.error_map import ErrorMap, cross_fit, fit_error_map
from models.signals import Signals


def fit_maps(
    campaign: Campaign, gold: Gold, rng: np.random.Generator, weights: FloatArray | None = None
) -> tuple[ErrorMap, ...]:
    """The error map of each part on all gold, with weights (N,).

    By default each code counts once, whatever drew it: the map that narrows an interval most is good where
    the draws are, not where the corpus is. A code with the weight NaN does not count.
    """
    return tuple(
        _fit_map(campaign, part, codes, rng, weights)
        for part, codes in zip(campaign.parts, gold, strict=True)
    )


def _fit_map(
    campaign: Campaign, part: Part, gold: IntArray, rng: np.random.Generator, weights: FloatArray | None
) -> ErrorMap:
    labels = part.learnt(gold)
    coded = labels >= 0
    if weights is not None:
        coded &= np.isfinite(weights)
    return fit_error_map(
        part.signals.take(coded),
        labels[coded],
        n_codes=part.n_codes,
        weights=np.ones(int(coded.sum())) if weights is None else weights[coded],
        rng=rng,
        candidates=campaign.candidates,
    )


def open_first_round(campaign: Campaign, budget: int, rng: np.random.Generator) -> Design:
    """Design a round before any gold exists.

    Nothing is known of the residuals, so the budget follows the influence alone: uniform for a mean, by
    leverage for a coefficient. The draw is spread over machine labels and confidences.
    """
    said = [part.signals for part in campaign.parts]
    units = eligible_units(np.ones(campaign.n_units, dtype=bool), budget)
    of_units = worth_before_gold(campaign)
    uniform = of_units.is_equal
    mix = 1.0 if uniform else campaign.uniform_mix
    reason = "uniform: no gold yet" if uniform else f"influence: no gold yet; mixed {mix:.0%} with uniform"
    labels = [label for of in said for label in of.labels.T]
    return design_round(
        units,
        np.ones(units.size) if uniform else of_units.score,
        budget,
        rng,
        uniform_mix=mix,
        order=list_order(*labels, np.mean([_mean_confidence(of) for of in said], axis=0), rng=rng),
        error_probability=np.max([1.0 - of.confidence[:, 0] for of in said], axis=0),
        reason=reason + _unsolved(of_units.unsolved),
    )


def open_later_round(
    campaign: Campaign,
    error_maps: Sequence[ErrorMap],
    gold: Gold,
    budget: int,
    rng: np.random.Generator,
) -> Design:
    """Design a round from the error maps on all earlier gold.

    A unit scores the predicted standard deviation of its contribution to the estimands (`worth`), and a
    share of the budget is spread uniformly: the one with the smallest worst case over the error maps that
    gold cannot rule out (`robust_mix`). A map without skill leaves the influence alone to decide.

    The campaign's share for training is not left to chance: it goes to the units that `Training` picks.
    """
    parts = campaign.parts
    predictions = [m.predict(part.signals) for m, part in zip(error_maps, parts, strict=True)]
    error = _error(predictions, [part.signals.labels[:, 0] for part in parts])
    everyone = eligible_units(gold[0] < 0, budget)
    expected = Expected(predictions, expected_codes(error_maps, predictions))
    n_picks = campaign.training.n_picks(budget, everyone.size)
    picks = campaign.training.choose(everyone, predictions, n_picks, rng) if n_picks else everyone[:0]
    units = np.setdiff1d(everyone, picks, assume_unique=True)
    size = min(budget - n_picks, units.size)
    each, of_units = campaign_worth(campaign, expected, units)
    mix, reason = uniform_share(campaign, error_maps, each, gold, size=size, expected=expected.at(units))
    design = design_round(
        units,
        of_units.score,
        budget - n_picks,
        rng,
        uniform_mix=mix,
        order=list_order(
            *(part.signals.labels[units, 0] for part in parts),
            np.mean([of[units].max(axis=1) for of in predictions], axis=0),
            rng=rng,
        ),
        error_probability=error[units],
        reason=reason + _unsolved(of_units.unsolved),
    )
    if not n_picks:
        return design
    of_picks = campaign_worth(campaign, expected, picks)[1]
    return with_picks(design, picks, Picks(of_picks.score, error[picks], campaign.training.reason), rng)


def expected_codes(error_maps: Sequence[ErrorMap], predictions: Sequence[FloatArray]) -> list[FloatArray]:
    """The probabilities (N, K) that residuals should follow: base rates where a map has no skill."""
    return [
        of if error_map.has_skill else np.broadcast_to(error_map.base.share, of.shape)
        for error_map, of in zip(error_maps, predictions, strict=True)
    ]


def uniform_share(
    campaign: Campaign,
    error_maps: Sequence[ErrorMap],
    worths: Sequence[Worth],
    gold: Gold,
    *,
    size: int,
    expected: Sequence[FloatArray],
) -> tuple[float, str]:
    """The uniform share of a later round, and why.

    ``worths`` (of each inquiry) and ``expected``, (m, K) for each part, are those of the m units that
    can be drawn, ``size`` of them.
    """
    if any(error_map.has_skill for error_map in error_maps):
        residual = [(of * (1.0 - of)).sum(axis=1) for of in expected]
        misfit = [
            variance_misfit(error_map.out_of_fold, codes[codes >= 0])
            for error_map, codes in zip(error_maps, campaign.learnt(gold), strict=True)
        ]
        contributions = [
            Contribution(
                of.variance,
                np.sum([residual[j] for j in inquiry.places], axis=0),
                max(misfit[j] for j in inquiry.places),
            )
            for inquiry, of in zip(campaign.inquiries, worths, strict=True)
        ]
        mix = robust_mix(contributions, size, campaign.uniform_mix)
        return mix, f"score: sd of the predicted contribution, mixed {mix:.0%} with uniform"
    if Worth.together(worths).is_equal:
        return 1.0, "uniform: the error map has no cross-validated skill"
    mix = campaign.uniform_mix
    return mix, f"influence: the error map has no cross-validated skill; mixed {mix:.0%} with uniform"


def predict_round(
    campaign: Campaign,
    gold: Gold,
    *,
    fold: IntArray,
    error_maps: Sequence[ErrorMap] | None,
    rng: np.random.Generator,
    choose: bool = False,
) -> tuple[FloatArray, ...]:
    """Predictions (N, K) of a coded round for each part, from maps that owe nothing to a unit's own fold.

    Parameters
    ----------
    campaign : Campaign
    gold : sequence of (N,) arrays of int
        All gold up to this round, -1 for none.
    fold : (N,) array of int
        The round's folds, -1 for units that had gold before.
    error_maps : sequence of ErrorMap, optional
        The maps that designed the round: they name the candidates, and their out-of-fold predictions are
        those of the units that had gold before. None in the first round.
    rng : numpy.random.Generator
    choose : bool
        Whether each fold chooses its candidate anew: where the maps that designed the round rest on codes
        of another origin than its own.
    """
    maps: Sequence[ErrorMap | None] = error_maps or [None] * len(campaign.parts)
    predict = partial(_predict_part, candidates=campaign.candidates, fold=fold, rng=rng, choose=choose)
    return tuple(
        predict(part, codes, error_map)
        for part, codes, error_map in zip(campaign.parts, gold, maps, strict=True)
    )


def _predict_part(
    part: Part,
    gold: IntArray,
    error_map: ErrorMap | None,
    *,
    candidates: Sequence[str],
    fold: IntArray,
    rng: np.random.Generator,
    choose: bool,
) -> FloatArray:
    labels, is_old = part.learnt(gold), fold < 0
    prediction = cross_fit(
        part.signals,
        labels,
        fold=fold,
        n_codes=part.n_codes,
        weights=(labels >= 0).astype(np.float64),
        rng=rng,
        candidate=None if error_map is None or choose else error_map.candidate,
        candidates=candidates,
    )
    if error_map is not None:
        # The map was fitted on the units that had gold before and on those that were only taught.
        fitted = is_old if part.taught is None else is_old | (part.taught >= 0)
        prediction[is_old] = error_map.out_of_fold[is_old[fitted]]
    return prediction


def as_rounds(
    design: Design,
    number: int,
    known: BoolArray,
    predictions: Sequence[FloatArray],
    weight: float | None = None,
) -> tuple[Round, ...]:
    """A design, its predictions and its planned weight as the estimator takes them, for each part."""
    n_units = known.size
    probability = np.full(n_units, np.nan)
    drawn = np.zeros(n_units, dtype=bool)
    probability[design.units] = design.inclusion_probability
    drawn[design.units] = design.drawn
    fold = folds(design, n_units)
    return tuple(Round(number, known, probability, drawn, fold, of, weight) for of in predictions)


def folds(design: Design, n_units: int) -> IntArray:
    """The fold of every unit of the corpus, (N,), -1 for units that were not eligible."""
    fold = np.full(n_units, UNKNOWN, dtype=np.int64)
    fold[design.units] = design.stratum
    return fold


def error_probability(prediction: FloatArray, machine_label: IntArray) -> FloatArray:
    """(N,) one minus the predicted probability of the machine label; NaN where the label failed."""
    rows = np.arange(len(machine_label))
    return np.where(machine_label >= 0, 1.0 - prediction[rows, np.maximum(machine_label, 0)], np.nan)


def _error(predictions: Sequence[FloatArray], machine_labels: Sequence[IntArray]) -> FloatArray:
    """(N,) of the part where the machine is likeliest to be wrong."""
    of_parts = [error_probability(p, said) for p, said in zip(predictions, machine_labels, strict=True)]
    error: FloatArray = np.max(of_parts, axis=0)
    return error


def _mean_confidence(said: Signals) -> FloatArray:
    seen = np.isfinite(said.confidence)
    total = np.where(seen, said.confidence, 0.0).sum(axis=1)
    return np.where(seen.any(axis=1), total / np.maximum(seen.sum(axis=1), 1), -1.0)


def _unsolved(names: tuple[str, ...]) -> str:
    return f"; not counted, as they cannot be solved yet: {', '.join(names)}" if names else ""
