"""A machine annotator's labels as a classifier whose predictions are handed in."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from models.arrays import FloatArray, IntArray
from models.checkpoint import Card, unit_hash, unit_hashes
from models.classifier import not_fitted
from models.errors import CannotFitError
from models.examples import examples
from models.label_map import LabelMap, Text

FILE = "predictions.npz"


class GivenPredictions:
    """Predictions made elsewhere, found again by their text.

    A fit learns only the shares of the codes, which stand in where the machine failed.

    Parameters
    ----------
    label_map : LabelMap
    texts : sequence of n texts or pairs
        All that will be asked for. A text that comes twice gets the mean of its predictions.
    labels : (n,) array of int, or (n, K) for a multilabel task
        The machine's labels, -1 where it failed (for a multilabel task in the whole row).
    confidence : (n,) array, optional
        Probability that the label is right, NaN where unknown; the rest is spread over the other codes.
        Without, the label is certain. Not for a multilabel task.

    Raises
    ------
    ValueError
        The arrays do not describe the same texts, or a confidence lies outside 0..1.
    """

    kind = "given"

    def __init__(
        self,
        label_map: LabelMap,
        texts: Sequence[Text] = (),
        labels: IntArray | None = None,
        confidence: FloatArray | None = None,
    ) -> None:
        self.label_map = label_map
        self.unit_hashes: tuple[str, ...] = ()
        self.metrics: dict[str, Any] = {}
        self._share: FloatArray | None = None
        shape = (0, label_map.n_codes) if label_map.is_multilabel else (0,)
        said = np.empty(shape, dtype=np.int64) if labels is None else np.asarray(labels)
        self._predictions = _by_text(texts, self._certain(said, confidence, len(texts)))

    @property
    def settings(self) -> dict[str, Any]:
        """Nothing: the predictions are in a file of their own."""
        return {}

    def fit(
        self, texts: Sequence[Text], labels: IntArray, weights: FloatArray | None, rng: np.random.Generator
    ) -> Self:
        """Learn the shares of the codes; see `Classifier.fit`."""
        given = examples(texts, labels, weights, self.label_map, min_codes=1)
        one_hot = self.label_map.one_hot(given.labels)
        self._share = given.weights @ one_hot / given.weights.sum()
        self.unit_hashes, self.metrics = unit_hashes(given.texts), {"n_training": len(given)}
        return self

    def predict_proba(self, texts: Sequence[Text]) -> FloatArray:
        """Probabilities (n, K). Raises CannotFitError naming the first text without a prediction."""
        if self._share is None:
            raise not_fitted(self.kind)
        found = np.empty((len(texts), self.label_map.n_codes))
        for row, text in enumerate(texts):
            prediction = self._predictions.get(unit_hash(text))
            if prediction is None:
                raise CannotFitError(f"no prediction was handed in for text {row}: {str(text)[:60]!r}")
            found[row] = prediction
        failed = np.isnan(found).any(axis=1)
        found[failed] = self._share
        return found

    def write_files(self, folder: Path) -> None:
        """Put the predictions into a folder."""
        if self._share is None:
            raise not_fitted(self.kind)
        probability = np.array(list(self._predictions.values())).reshape(-1, self.label_map.n_codes)
        np.savez(
            folder / FILE,
            hashes=np.array(list(self._predictions)),
            probability=probability,
            share=self._share,
        )

    def read_files(self, folder: Path, card: Card) -> None:
        """Take up what `write_files` put there."""
        with np.load(folder / FILE, allow_pickle=False) as content:
            self._share = content["share"]
            self._predictions = dict(zip(content["hashes"].tolist(), content["probability"], strict=True))

    def _certain(self, labels: IntArray, confidence: FloatArray | None, n: int) -> FloatArray:
        """Probabilities (n, K), NaN where the label failed."""
        failed = (labels < 0) if labels.ndim == 1 else (labels < 0).any(axis=1)
        known = self.label_map.checked(np.where(labels < 0, 0, labels), n)
        probability = self.label_map.one_hot(known)
        if confidence is not None:
            probability = self._spread(probability, np.asarray(confidence, dtype=np.float64))
        probability[failed] = np.nan
        return probability

    def _spread(self, one_hot: FloatArray, confidence: FloatArray) -> FloatArray:
        if self.label_map.is_multilabel:
            raise ValueError(
                "one confidence says nothing of the codes of a multilabel task: hand in labels alone"
            )
        sure = np.where(np.isnan(confidence), 1.0, confidence)
        if sure.shape != (len(one_hot),) or (sure < 0).any() or (sure > 1).any():
            raise ValueError("confidence must be one number from 0 to 1, or NaN, for every text")
        rest = (1.0 - sure) / (self.label_map.n_codes - 1)
        return one_hot * (sure - rest)[:, None] + rest[:, None]


def _by_text(texts: Sequence[Text], probability: FloatArray) -> dict[str, FloatArray]:
    rows: dict[str, list[int]] = {}
    for row, text in enumerate(texts):
        rows.setdefault(unit_hash(text), []).append(row)
    return {key: probability[places].mean(axis=0) for key, places in rows.items()}
