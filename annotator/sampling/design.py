"""The design of a round: which eligible units can be drawn, with what probability, and which were."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from annotator.sampling.draw import draw
from annotator.sampling.robust import mixed
from models.arrays import BoolArray, FloatArray, IntArray

N_FOLDS = 5


@dataclass(frozen=True)
class Design:
    """One round's design, one entry per eligible unit: what the ledger records.

    Attributes
    ----------
    units : (m,) array of int
        Positions of the eligible units in the corpus, ascending.
    inclusion_probability : (m,) array
        In ``(0, 1]``.
    score : (m,) array
        What the budget was spread by: the predicted standard deviation of the unit's contribution.
    error_probability : (m,) array
        Predicted probability that the machine label is wrong; NaN where that is not known.
    stratum : (m,) array of int
        The fold of the unit: each is drawn by itself, with a fixed size, so that predictions can be
        cross-fitted over the folds.
    drawn : (m,) array of bool
    uniform_mix : float
        Share of the budget that was spread uniformly; 1 for a uniform round.
    reason : str
        One line on why the round looks like this.
    picked : (m,) array of bool, optional
        Units that were not left to chance: certain to be coded, for training.
    """

    units: IntArray
    inclusion_probability: FloatArray
    score: FloatArray
    error_probability: FloatArray
    stratum: IntArray
    drawn: BoolArray
    uniform_mix: float
    reason: str
    picked: BoolArray | None = None


def eligible_units(eligible: BoolArray, budget: int) -> IntArray:
    """Positions of the units that can be drawn, (m,). Raises ValueError if a round cannot be."""
    units = np.flatnonzero(eligible)
    if units.size == 0:
        raise ValueError("no unit is left to draw")
    if budget < 1:
        raise ValueError(f"a round needs a budget of at least one unit, not {budget}")
    return units


def design_round(
    units: IntArray,
    score: FloatArray,
    budget: int,
    rng: np.random.Generator,
    *,
    uniform_mix: float,
    order: IntArray,
    error_probability: FloatArray,
    reason: str,
) -> Design:
    """Draw a round whose budget is spread by a score.

    The units are split at random into at most five folds of equal size. Each fold gets an equal share of the
    budget, allocated to its scores but for the uniform share, and a systematic draw of its own along
    ``order``, which spreads it evenly over whatever the order sorts by.

    Parameters
    ----------
    units : (m,) array of int
        The eligible units.
    score : (m,) array
        Not negative; equal scores give equal probabilities.
    budget : int
        Units to draw; all units are drawn if there are fewer.
    rng : numpy.random.Generator
    uniform_mix : float
        Share of the budget to spread uniformly, in ``(0, 1]``.
    order : (m,) array of int
        A permutation: the list along which the draw is systematic.
    error_probability : (m,) array
    reason : str
        Why the scores are what they are.

    Examples
    --------
    >>> score, none = np.array([1.0, 1.0, 4.0, 4.0]), np.full(4, np.nan)
    >>> design = design_round(np.arange(4), score, 1, np.random.default_rng(1), uniform_mix=0.5,
    ...                       order=np.arange(4), error_probability=none, reason="an example")
    >>> design.inclusion_probability.tolist(), int(design.drawn.sum())
    ([0.175, 0.175, 0.325, 0.325], 1)
    """
    if not 0 < uniform_mix <= 1:
        raise ValueError(f"uniform_mix must lie in (0, 1], not {uniform_mix}")
    size = min(budget, units.size)
    n_folds = min(N_FOLDS, size)
    fold = rng.permutation(np.arange(units.size) % n_folds)
    probability = np.empty(units.size)
    drawn = np.zeros(units.size, dtype=bool)
    is_census = size == units.size
    for j, listed in enumerate(_lists(order, fold)):
        fold_size = size // n_folds + int(j < size % n_folds)
        of_fold = np.ones(listed.size) if is_census else mixed(score[listed], fold_size, uniform_mix)
        probability[listed] = of_fold
        drawn[listed] = draw(of_fold, rng, np.arange(listed.size))
    return Design(
        units=units,
        inclusion_probability=probability,
        score=score,
        error_probability=error_probability,
        stratum=fold,
        drawn=drawn,
        uniform_mix=1.0 if is_census else uniform_mix,
        reason="census: the budget covers every eligible unit" if is_census else reason,
    )


@dataclass(frozen=True)
class Picks:
    """What the ledger says of picked units beside their probability, (p,) each, and why they were picked."""

    score: FloatArray
    error_probability: FloatArray
    reason: str


def with_picks(design: Design, picks: IntArray, worth: Picks, rng: np.random.Generator) -> Design:
    """A design with further units that are coded for certain, (p,) positions in the corpus.

    A pick has probability one, so that its code counts as what it is and takes nothing from the others. Its
    fold is random.
    """
    units = np.concatenate([design.units, picks])
    order = np.argsort(units)
    m, p = design.units.size, picks.size

    def joined(of_units: FloatArray, of_picks: FloatArray) -> FloatArray:
        both: FloatArray = np.concatenate([of_units, of_picks])[order]
        return both

    return replace(
        design,
        units=units[order],
        inclusion_probability=joined(design.inclusion_probability, np.ones(p)),
        score=joined(design.score, worth.score),
        error_probability=joined(design.error_probability, worth.error_probability),
        stratum=np.concatenate([design.stratum, rng.integers(0, design.stratum.max() + 1, p)])[order],
        drawn=np.concatenate([design.drawn, np.ones(p, dtype=bool)])[order],
        picked=np.concatenate([np.zeros(m, dtype=bool), np.ones(p, dtype=bool)])[order],
        reason=f"{design.reason}; {p} more for training, {worth.reason}",
    )


def list_order(*keys: FloatArray | IntArray, rng: np.random.Generator) -> IntArray:
    """The order of a systematic draw: by the first key, then the next, then at random.

    Keys are compared in single precision. Each is a short series of digits, by which numpy sorts in linear
    time: from the last key's last digit to the first key's first, every sort keeping the order of ties.

    >>> list_order(np.array([1, 0, 1]), np.array([0.5, 0.1, 0.2]), rng=np.random.default_rng(1)).tolist()
    [1, 2, 0]
    """
    order: IntArray = rng.permutation(keys[0].shape[0])
    for key in reversed(keys):
        for digit in _digits(key):
            if np.ptp(digit) > 0:
                order = order[np.argsort(digit[order], kind="stable")]
    return order


def _digits(key: FloatArray | IntArray) -> list[NDArray[np.uint16]]:
    """The low and the high half of whole numbers that ascend as the key does."""
    bits = (key.astype(np.float32) + np.float32(0.0)).view(np.uint32)
    negative = bits >= 0x8000_0000
    ascending = np.where(negative, ~bits, bits | np.uint32(0x8000_0000))
    return [ascending.astype(np.uint16), (ascending >> 16).astype(np.uint16)]


def _lists(order: IntArray, fold: IntArray) -> list[IntArray]:
    """The units of each fold, in the given order."""
    by_fold = order[np.argsort(fold[order].astype(np.uint8), kind="stable")]
    return np.split(by_fold, np.cumsum(np.bincount(fold))[:-1])
