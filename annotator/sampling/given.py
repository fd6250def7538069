"""A draw that others made before the study, brought into the form of a round."""

import numpy as np

from annotator.errors import StudyError
from annotator.sampling.design import N_FOLDS, Design
from models.arrays import BoolArray, FloatArray, IntArray

FAR = 4.0
"""Standard errors that the size of a draw may be off before its stated probabilities are not believed."""


def equal_draw(drawn: BoolArray, rng: np.random.Generator) -> Design:
    """A draw in which every unit had the same chance, with its folds.

    Drawn units and the others are each split at random into folds of equal size. Given the folds, the draw
    is one of fixed size within each, just as a round of a study is, so the inclusion probability of a unit is
    the drawn share of its fold. That holds for draws of a fixed size and for independent ones alike.

    Parameters
    ----------
    drawn : (N,) array of bool
        At least one unit.
    rng : numpy.random.Generator

    Examples
    --------
    >>> design = equal_draw(np.arange(100) < 10, np.random.default_rng(1))
    >>> np.unique(design.inclusion_probability).tolist(), np.bincount(design.stratum[:10]).tolist()
    ([0.1], [2, 2, 2, 2, 2])
    """
    n_folds = min(N_FOLDS, int(drawn.sum()))
    fold = np.empty(drawn.size, dtype=np.int64)
    for part in (drawn, ~drawn):
        fold[part] = rng.permutation(np.arange(int(part.sum())) % n_folds)
    share = np.bincount(fold, drawn) / np.bincount(fold)
    return _design(drawn, share[fold], fold, "equal probabilities")


def unequal_draw(drawn: BoolArray, probability: FloatArray, rng: np.random.Generator) -> Design:
    """A draw in which units were drawn independently of each other, each with its own probability (N,)."""
    n_folds = min(N_FOLDS, int(drawn.sum()))
    fold = rng.permutation(np.arange(drawn.size) % n_folds)
    return _design(drawn, probability, fold, "probabilities of their own")


def refuse_unlikely(drawn: BoolArray, probability: FloatArray) -> None:
    """Raise StudyError where a draw is too large or too small for its probabilities (N,)."""
    expected = float(probability.sum())
    spread = float(np.sqrt(np.sum(probability * (1.0 - probability))))
    size = int(drawn.sum())
    if abs(size - expected) > FAR * spread + 1.0:
        raise StudyError(
            f"the stated probabilities would draw about {expected:,.0f} of the {drawn.size:,} units of the "
            f"corpus (give or take {spread:,.0f}), and {size:,} are coded",
            hint="Give the probability with which units of this corpus were drawn, or, where that is not "
            "known, `use: training`.",
        )


def _design(drawn: BoolArray, probability: FloatArray, fold: IntArray, how: str) -> Design:
    nothing = np.full(drawn.size, np.nan)
    return Design(
        units=np.arange(drawn.size),
        inclusion_probability=probability,
        score=nothing,
        error_probability=nothing,
        stratum=fold,
        drawn=drawn,
        uniform_mix=1.0,
        reason=f"drawn by others before the study, with {how}",
    )
