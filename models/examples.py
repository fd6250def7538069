"""Labelled texts with their weights: what every classifier is fitted on."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.arrays import FloatArray, IntArray
from models.checkpoint import unit_hash
from models.errors import CannotFitError
from models.label_map import LabelMap, Text


@dataclass(frozen=True)
class Examples:
    """n texts, their labels and their weights, which have the mean one.

    Use `examples`, which checks them.
    """

    texts: tuple[Text, ...]
    labels: IntArray
    weights: FloatArray

    def __len__(self) -> int:
        return len(self.texts)

    def digest(self) -> str:
        """A hash of the texts in their order, the labels and the weights."""
        digest = hashlib.sha256("".join(map(unit_hash, self.texts)).encode())
        digest.update(self.labels.tobytes())
        digest.update(self.weights.tobytes())
        return digest.hexdigest()

    def take(self, rows: IntArray) -> "Examples":
        """Some of them, in the given order, with the weights they have."""
        return Examples(tuple(self.texts[row] for row in rows), self.labels[rows], self.weights[rows])


def examples(
    texts: Sequence[Text],
    labels: IntArray,
    weights: FloatArray | None,
    label_map: LabelMap,
    *,
    min_codes: int = 2,
) -> Examples:
    """Check what is to be fitted on; examples of weight zero are left out.

    Parameters
    ----------
    texts : sequence of n texts or pairs
        Empty ones are allowed: they too carry a code.
    labels : (n,) array of int, or (n, K) of 0/1 for a multilabel task
    weights : (n,) array, optional
        One over the inclusion probability; only ratios matter.
    min_codes : int
        How many different labels a fit needs.

    Raises
    ------
    ValueError
        Shapes disagree, a label is not in the map, or a weight is negative or not finite.
    CannotFitError
        No example, or fewer than ``min_codes`` different labels among them.
    """
    labels = label_map.checked(labels, len(texts))
    weights = np.ones(len(texts)) if weights is None else np.asarray(weights, dtype=np.float64)
    if weights.shape != (len(texts),):
        raise ValueError(f"there are {len(texts)} texts but weights of the shape {weights.shape}")
    if not np.isfinite(weights).all() or (weights < 0).any():
        row = int(np.flatnonzero(~np.isfinite(weights) | (weights < 0))[0])
        raise ValueError(f"weight {row} is {weights[row]}: weights are finite and not negative")
    kept = np.flatnonzero(weights > 0)
    if kept.size == 0:
        raise CannotFitError("there is no example to fit on: code some texts first")
    labels = labels[kept]
    if len(np.unique(labels, axis=0)) < min_codes:
        count = label_map.counts(labels)
        said = ", ".join(code for code, n in zip(label_map.codes, count, strict=True) if n) or "no code"
        raise CannotFitError(
            f"all {kept.size} examples are labelled {said}: a classifier needs examples of two codes at "
            "least. Code more texts, or choose some that are likely to carry another code"
        )
    chosen = weights[kept] / weights[kept].mean()
    return Examples(tuple(texts[row] for row in kept), labels, chosen)
