"""Draws of other methods, for comparison: simple random, by leverage alone, and confidence-driven."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor

from annotator.inference.rectify import Round
from annotator.sampling.campaign import Campaign, Gold, worth_before_gold
from annotator.sampling.draw import draw, draw_poisson
from annotator.sampling.robust import mixed
from models.arrays import BoolArray, FloatArray, IntArray
from models.signals import Signals
from models.threads import one_thread

BURN_IN = 50
BATCH = 200
TAU = 0.1
BOOSTING_ROUNDS = 2_000
LEARNING_RATE = 0.001
MAX_DEPTH = 3


Rounds = list[list[Round]]
"""One round for each part of a campaign; its predictions say nothing."""


def simple_random(campaign: Campaign, budget: int, rng: np.random.Generator) -> Rounds:
    """``budget`` units without replacement, all equally likely."""
    probability = np.full(campaign.n_units, budget / campaign.n_units)
    return _one_round(campaign, probability, draw(probability, rng))


def by_leverage(campaign: Campaign, budget: int, rng: np.random.Generator) -> Rounds:
    """``budget`` units by their influence on the estimands alone, mixed with uniform; no machine label."""
    probability = mixed(worth_before_gold(campaign).score, budget, campaign.uniform_mix)
    return _one_round(campaign, probability, draw(probability, rng))


def confidence_driven(campaign: Campaign, codes: Gold, budget: int, rng: np.random.Generator) -> Rounds:
    """The published confidence-driven draw, as one round of independent draws.

    Units come in random order. The first 50 are all coded. Every 200 units a boosted regression (2,000
    rounds, learning rate 0.001, depth 3) of the squared error of the hard machine label on the machine's
    confidences is fitted to what is coded so far, and the next units are drawn independently with
    probabilities proportional to the root of the predicted error times the unit's leverage, a share tau = 0.1
    of the budget being uniform. The number of codes is ``budget`` in expectation.

    Parameters
    ----------
    campaign : Campaign
        Its signals' first annotator is the machine.
    codes : sequence of (N,) arrays of int
        What people would say of each unit. A machine label is wrong if any part of it is.
    budget : int
        Above 50.
    rng : numpy.random.Generator

    References
    ----------
    Gligorić, Zrnic, Lee, Candès and Jurafsky (2025), Can unconfident LLM annotations be used for confident
    conclusions? NAACL.
    """
    said = [part.signals for part in campaign.parts]
    n_units = campaign.n_units
    wrong = [of.labels[:, 0] != true for of, true in zip(said, codes, strict=True)]
    squared_error = np.any(wrong, axis=0).astype(np.float64)
    leverage = np.sqrt(worth_before_gold(campaign).variance)
    patterns, pattern = np.unique(_confidences(said[0]), axis=0, return_inverse=True)
    order = rng.permutation(n_units)
    probability, drawn = np.ones(n_units), np.zeros(n_units, dtype=bool)
    drawn[order[:BURN_IN]] = True
    share = (budget - BURN_IN) / (n_units - BURN_IN)
    for start in range(BURN_IN, n_units, BATCH):
        error = _predicted_error(patterns, pattern.ravel(), squared_error, np.flatnonzero(drawn))
        score = np.sqrt(np.maximum(error, 0.0)) * leverage
        units = order[start : start + BATCH]
        chance = (1.0 - TAU) * share * score[units] / max(float(score.mean()), 1e-300) + TAU * share
        probability[units] = np.clip(chance, 0.0, 1.0)
        drawn[units] = draw_poisson(probability[units], rng)
    return _one_round(campaign, probability, drawn, fixed_size=False)


def coded(rounds: Sequence[Round], codes: IntArray) -> IntArray:
    """(N,) the codes of the drawn units, -1 elsewhere."""
    drawn = np.any([each.drawn for each in rounds], axis=0)
    return np.where(drawn, codes, -1)


def _predicted_error(
    patterns: FloatArray, pattern: IntArray, squared_error: FloatArray, known: IntArray
) -> FloatArray:
    """The regression is fitted to units and asked once for each distinct pattern of confidences."""
    model = HistGradientBoostingRegressor(
        max_iter=BOOSTING_ROUNDS,
        learning_rate=LEARNING_RATE,
        max_depth=MAX_DEPTH,
        min_samples_leaf=1,
        early_stopping=False,
    )
    with one_thread():
        model.fit(patterns[pattern[known]], squared_error[known])
        predicted: FloatArray = model.predict(patterns)[pattern]
    return predicted


def _confidences(said: Signals) -> FloatArray:
    return np.where(np.isfinite(said.confidence), said.confidence, -1.0)


def _one_round(
    campaign: Campaign, probability: FloatArray, drawn: BoolArray, *, fixed_size: bool = True
) -> Rounds:
    n_units = probability.size
    one = Round(
        number=1,
        known=np.zeros(n_units, dtype=bool),
        inclusion_probability=probability,
        drawn=drawn,
        stratum=np.zeros(n_units, dtype=np.int64),
        prediction=np.empty((n_units, 0)),
        fixed_size=fixed_size,
    )
    sizes = [part.n_codes for part in campaign.parts]
    return [[replace(one, prediction=np.full((n_units, k), 1.0 / k))] for k in sizes]
