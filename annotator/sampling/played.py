"""A campaign played through on codes that are known beforehand: for simulation and planning."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from annotator.inference.rectify import Round
from annotator.sampling.campaign import UNKNOWN, Campaign, Gold, round_weights
from annotator.sampling.rounds import (
    as_rounds,
    fit_maps,
    folds,
    open_first_round,
    open_later_round,
    predict_round,
)
from models.arrays import BoolArray, FloatArray, IntArray

Learn = Callable[[Campaign, Gold, FloatArray, np.random.Generator], Campaign]
"""What is done after a round: from the campaign as it began, all gold, the probabilities (N,) with which each
unit was drawn, and chance, the campaign that the next round knows."""


@dataclass(frozen=True)
class Played:
    """For each part of the campaign the rounds that were played and the gold they brought, (N,)."""

    rounds: tuple[tuple[Round, ...], ...]
    gold: tuple[IntArray, ...]


def play(
    campaign: Campaign,
    codes: Gold,
    sizes: Sequence[int],
    rng: np.random.Generator,
    *,
    known: BoolArray | None = None,
    learn: Learn | None = None,
) -> Played:
    """Open, code and close one round after the other, every draw and fit as in a real study.

    Parameters
    ----------
    campaign : Campaign
    codes : sequence of (N,) arrays of int
        What people would say of each unit; only drawn units are looked up.
    sizes : sequence of int
        The budget of each round. Rounds after a census are left out.
    rng : numpy.random.Generator
    known : (N,) array of bool, optional
        Units whose codes are there before the first round and are taken for true.
    learn : callable, optional
        What rounds learn beside the error maps, such as a classifier's probabilities.
    """
    n_units = campaign.n_units
    known = np.zeros(n_units, dtype=bool) if known is None else known
    gold: tuple[IntArray, ...] = tuple(np.where(known, of_part, UNKNOWN) for of_part in codes)
    weights = round_weights(campaign, sizes, known.astype(np.float64))
    began, drawn_with = campaign, np.full(n_units, np.nan)
    rounds: list[tuple[Round, ...]] = []
    for number, size in enumerate(sizes, start=1):
        coded = gold[0] >= 0
        if coded.all():
            break
        if learn is not None and number > 1:
            campaign = learn(began, gold, drawn_with, rng)
        error_maps = None
        if number == 1 and not campaign.has_labels(gold):
            design = open_first_round(campaign, size, rng)
        else:
            error_maps = fit_maps(campaign, gold, rng)
            design = open_later_round(campaign, error_maps, gold, size, rng)
        drawn = design.units[design.drawn]
        for of_part, true in zip(gold, codes, strict=True):
            of_part[drawn] = true[drawn]
        drawn_with[drawn] = design.inclusion_probability[design.drawn]
        fold = folds(design, n_units)
        predictions = predict_round(
            campaign, gold, fold=fold, error_maps=error_maps, rng=rng, choose=number == 1
        )
        rounds.append(as_rounds(design, number, coded, predictions, float(weights[number - 1])))
    return Played(tuple(zip(*rounds, strict=True)), gold)
