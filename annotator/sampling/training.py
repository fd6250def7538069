"""Units that are coded for certain, because a classifier would learn most from them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from models.active import entropy, margin, most_diverse
from models.arrays import FloatArray, IntArray

Pick = Literal["entropy", "margin", "diversity"]
Embed = Callable[[IntArray], FloatArray]
POOL = 20  # for variety so many of the least sure units a pick are compared
LEAST = 1e-9


@dataclass(frozen=True)
class Training:
    """How part of a later round's budget is spent on units that teach most.

    Attributes
    ----------
    share : float
        Of the budget, from 0 to below 1.
    pick : str
        ``entropy`` or ``margin``: the units that are least sure. ``diversity``: units unlike each other among
        the least sure, which need an ``embed``.
    probabilities : sequence of (N, K) arrays, optional
        What a classifier says of each part of the campaign; without, the error maps say it.
    embed : callable, optional
        Vectors (p, width) of the units at p positions in the corpus.

    Raises
    ------
    ValueError
        There is no such pick, or variety is asked for without vectors.
    """

    share: float = 0.0
    pick: Pick = "entropy"
    probabilities: Sequence[FloatArray] | None = None
    embed: Embed | None = None

    def __post_init__(self) -> None:
        if self.pick not in get_args(Pick):
            raise ValueError(f"there is no pick {self.pick!r}; there are: {', '.join(get_args(Pick))}")
        if self.pick == "diversity" and self.embed is None:
            raise ValueError("picks for variety need vectors of the units: give `embed`")

    def n_picks(self, budget: int, n_units: int) -> int:
        """How many of a round's units are picked; one at least is left to chance.

        >>> Training(0.3).n_picks(30, 1000), Training(0.9).n_picks(5, 3)
        (9, 2)
        """
        return max(min(round(self.share * budget), budget - 1, n_units - 1), 0)

    def choose(
        self, units: IntArray, predictions: Sequence[FloatArray], n_picks: int, rng: np.random.Generator
    ) -> IntArray:
        """The picks among some units, as ascending positions in the corpus, (n_picks,).

        ``predictions`` (N, K) are those of the error maps, one a part.
        """
        believed = [of[units] for of in (self.probabilities or predictions)]
        unsure = uncertainty(believed, "margin" if self.pick == "margin" else "entropy")
        if self.embed is None or self.pick != "diversity":
            return units[least_sure(unsure, n_picks, rng)]
        pool = least_sure(unsure, min(POOL * n_picks, units.size), rng)
        # Even a unit that seems sure can be picked where there are no others.
        weight = np.maximum(unsure[pool], LEAST)
        return np.sort(units[pool[most_diverse(self.embed(units[pool]), n_picks, rng, weight)]])

    @property
    def reason(self) -> str:
        """Why these units, for the ledger."""
        who = "map" if self.probabilities is None else "classifier"
        how = {"entropy": "", "margin": " by margin", "diversity": " and unlike each other"}[self.pick]
        return f"picked where the {who} is least sure{how}"


def uncertainty(probabilities: Sequence[FloatArray], pick: Literal["entropy", "margin"]) -> FloatArray:
    """How unsure several questions' answers (m, K) are, (m,): entropies add up, the smallest margin counts.

    >>> two = [np.array([[0.9, 0.1], [0.5, 0.5]]), np.array([[0.6, 0.4], [1.0, 0.0]])]
    >>> uncertainty(two, "entropy").round(2).tolist(), uncertainty(two, "margin").round(2).tolist()
    ([1.0, 0.69], [-0.2, -0.0])
    """
    found: FloatArray
    if pick == "entropy":
        found = np.sum([entropy(of) for of in probabilities], axis=0)
    else:
        found = -np.min([margin(of) for of in probabilities], axis=0)
    return found


def least_sure(uncertainty: FloatArray, n_picks: int, rng: np.random.Generator) -> IntArray:
    """Positions of the largest uncertainties, (n_picks,), ascending; ties by lot.

    >>> least_sure(np.array([0.3, 0.7, 0.6]), 2, np.random.default_rng(1)).tolist()
    [1, 2]
    """
    return np.sort(np.lexsort((rng.random(uncertainty.size), -uncertainty))[:n_picks])
