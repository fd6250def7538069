"""All that reliability is computed from: what people, gold and machines say of the coded units."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from annotator.codebook import Codebook
from annotator.coding.ratings import Ratings, together
from annotator.coding.reliability.alpha import Level
from models.arrays import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class Coded:
    """The n units that were coded in some rounds.

    Attributes
    ----------
    people, gold, machines : Ratings
        Of the same n units: C coders, one gold label, A machine annotators.
    rounds : (n,) array of int
        The round that drew each unit.
    weights : (n,) array, optional
        How much of the corpus each unit stands for, summing to the number of units within each round; None
        where that is not known.
    doubt : (n,) array
        Probability that the gold label is wrong by the model that formed it; NaN where none did.
    shown : (n,) array of bool
        Whether coders saw the first machine annotator's label.
    how : (n,) array of str
        How the gold label came about, as ``gold.parquet`` says.
    """

    codebook: Codebook
    people: Ratings
    gold: Ratings
    machines: Ratings
    rounds: IntArray
    weights: FloatArray | None
    doubt: FloatArray
    shown: BoolArray
    how: NDArray[np.str_]

    def of_round(self, number: int) -> "Coded":
        """The units of one round alone."""
        at = self.rounds == number
        return Coded(
            self.codebook,
            _of(self.people, at),
            _of(self.gold, at),
            _of(self.machines, at),
            self.rounds[at],
            None if self.weights is None else self.weights[at],
            self.doubt[at],
            self.shown[at],
            self.how[at],
        )

    @property
    def weightings(self) -> Iterator[tuple[str, FloatArray]]:
        """Units as they were coded, and each as much as it stands for in the corpus where that is known."""
        yield "coded", np.ones(len(self.rounds))
        if self.weights is not None:
            yield "corpus", self.weights

    @property
    def level(self) -> Level:
        """Whether the codes are names, ranks or numbers."""
        if self.codebook.type == "ordinal":
            return "ordinal"
        return "nominal" if self.codebook.numbers is None else "interval"

    @cached_property
    def _whole(self) -> tuple[IntArray, int]:
        return together(self.people, self.gold, self.machines).whole()

    @property
    def n_labels(self) -> int:
        """How many labels are told apart: codes, or the sets of codes met where several may apply."""
        return self._whole[1]

    @property
    def said(self) -> IntArray:
        """(n, C) whole labels of the people."""
        return self._whole[0][:, : len(self.people.coders)]

    @property
    def settled(self) -> IntArray:
        """(n,) gold labels."""
        return self._whole[0][:, len(self.people.coders)]

    def by_machine(self, at: int) -> IntArray:
        """(n,) labels of one machine annotator."""
        return self._whole[0][:, len(self.people.coders) + 1 + at]

    @property
    def separate(self) -> Iterator[tuple[str, int]]:
        """The codes that say more than all of them together: none if there are two and one applies."""
        if self.codebook.is_multilabel or len(self.codebook.names) > 2:
            for k, name in enumerate(self.codebook.names):
                yield name, k


def _of(ratings: Ratings, at: BoolArray) -> Ratings:
    units = tuple(unit for unit, is_in in zip(ratings.units, at, strict=True) if is_in)
    return Ratings(units, ratings.coders, ratings.given[at], ratings.carries[at])
