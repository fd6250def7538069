"""What a kind of classifier says of texts that it has not seen, fold by fold."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.arrays import FloatArray, IntArray
from models.classifier import Make
from models.folds import stratified_folds
from models.label_map import Text


@dataclass(frozen=True)
class Folded:
    """n labelled texts in folds; copies of a text share one.

    Attributes
    ----------
    texts : sequence of n texts or pairs
    labels : (n,) array of int, or (n, K) of 0/1 for a multilabel task
    weights : (n,) array
    fold : (n,) array of int
    """

    texts: Sequence[Text]
    labels: IntArray
    weights: FloatArray
    fold: IntArray

    @classmethod
    def of(
        cls,
        texts: Sequence[Text],
        labels: IntArray,
        weights: FloatArray,
        rng: np.random.Generator,
        n_folds: int = 5,
    ) -> "Folded":
        """Divide them, into as many folds as there are different texts if these are fewer.

        Raises ValueError if all texts are the same.
        """
        fold = stratified_folds(labels, min(n_folds, len(set(texts))), rng, groups=list(texts))
        return cls(texts, labels, weights, fold)

    @property
    def n_folds(self) -> int:
        """How many folds there are."""
        return int(self.fold.max()) + 1

    def predict(self, make: Make, j: int, rng: np.random.Generator) -> FloatArray:
        """Probabilities of fold j's texts (m, K), in their order, by a classifier of all others.

        Raises what `Classifier.fit` raises.
        """
        others, own = np.flatnonzero(self.fold != j), np.flatnonzero(self.fold == j)
        fitted = make().fit([self.texts[i] for i in others], self.labels[others], self.weights[others], rng)
        return fitted.predict_proba([self.texts[i] for i in own])

    def predict_all(self, make: Make, rng: np.random.Generator) -> FloatArray:
        """Probabilities of all texts (n, K), fold by fold."""
        by_fold = [self.predict(make, j, child) for j, child in enumerate(rng.spawn(self.n_folds))]
        return self.joined(by_fold)

    def joined(self, by_fold: Sequence[FloatArray]) -> FloatArray:
        """The probabilities of every fold's texts as those of all texts (n, K)."""
        probability = np.empty((self.fold.size, by_fold[0].shape[1]))
        for j, of_fold in enumerate(by_fold):
            probability[self.fold == j] = of_fold
        return probability
