"""A campaign played through on codes that are known beforehand: for simulation and planning."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from annotator.inference.rectify import Round
from annotator.sampling.campaign import (
    UNKNOWN,
    Campaign,
    as_round,
    fit_map,
    folds,
    open_first_round,
    open_later_round,
    predict_round,
    round_weights,
)
from models.arrays import IntArray


@dataclass(frozen=True)
class Played:
    """The rounds that were played and the gold they brought, (N,), -1 for none."""

    rounds: tuple[Round, ...]
    gold: IntArray


def play(campaign: Campaign, codes: IntArray, sizes: Sequence[int], rng: np.random.Generator) -> Played:
    """Open, code and close one round after the other, every draw and fit as in a real study.

    Parameters
    ----------
    campaign : Campaign
    codes : (N,) array of int
        What people would say of each unit; only drawn units are looked up.
    sizes : sequence of int
        The budget of each round. Rounds after a census are left out.
    rng : numpy.random.Generator
    """
    n_units = codes.size
    gold = np.full(n_units, UNKNOWN, dtype=np.int64)
    weights = round_weights(campaign, sizes)
    rounds: list[Round] = []
    for number, size in enumerate(sizes, start=1):
        known = gold >= 0
        if known.all():
            break
        error_map = None
        if number == 1:
            design = open_first_round(campaign, size, rng)
        else:
            error_map = fit_map(campaign, gold, rng)
            design = open_later_round(campaign, error_map, gold, size, rng)
        drawn = design.units[design.drawn]
        gold[drawn] = codes[drawn]
        fold = folds(design, n_units)
        prediction = predict_round(campaign, gold, fold=fold, error_map=error_map, rng=rng)
        rounds.append(as_round(design, number, known, prediction, float(weights[number - 1])))
    return Played(tuple(rounds), gold)
