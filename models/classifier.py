"""What every classifier can do."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np

from models.arrays import FloatArray, IntArray
from models.checkpoint import Card
from models.errors import CannotFitError
from models.label_map import LabelMap, Text


class Classifier(Protocol):
    """Learns from labelled texts the probabilities of the codes of other texts.

    Attributes
    ----------
    kind : str
        Its name in tables and checkpoints.
    label_map : LabelMap
    settings : dict
        What it was made with, plain JSON values: `load` makes it again from them.
    unit_hashes : tuple of str
        Of the texts of the last fit; empty before.
    metrics : dict
        What the last fit measured.
    """

    kind: str
    label_map: LabelMap
    unit_hashes: tuple[str, ...]
    metrics: dict[str, Any]

    @property
    def settings(self) -> dict[str, Any]:
        """What it was made with."""
        ...

    def fit(
        self,
        texts: Sequence[Text],
        labels: IntArray,
        weights: FloatArray | None,
        rng: np.random.Generator,
    ) -> Self:
        """Learn anew from n texts; what was learnt before is forgotten.

        Parameters
        ----------
        texts : sequence of n texts or pairs
        labels : (n,) array of int, or (n, K) of 0/1 for a multilabel task
        weights : (n,) array, optional
            One over the inclusion probability.
        rng : numpy.random.Generator
            The only source of chance.

        Raises
        ------
        ValueError
            Shapes disagree or a label is not in the map.
        CannotFitError
            The examples do not bear a fit.
        """
        ...

    def predict_proba(self, texts: Sequence[Text]) -> FloatArray:
        """Probabilities (n, K); rows sum to one unless the task is multilabel.

        Raises CannotFitError before a fit.
        """
        ...

    def write_files(self, folder: Path) -> None:
        """Put what was learnt into an empty folder."""
        ...

    def read_files(self, folder: Path, card: Card) -> None:
        """Take up what `write_files` put there."""
        ...


Make = Callable[[], Classifier]
"""Makes a classifier that has learnt nothing yet."""


def not_fitted(kind: str) -> CannotFitError:
    """The error of a classifier that is asked before it has learnt."""
    return CannotFitError(f"the classifier {kind} has learnt nothing yet: call fit, or load a checkpoint")
