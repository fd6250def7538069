"""VADER: sentiment by a lexicon and rules (Hutto and Gilbert 2014), where the codes are sentiments."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from models.arrays import FloatArray, IntArray
from models.checkpoint import Card, unit_hashes
from models.classifier import not_fitted
from models.errors import CannotFitError
from models.examples import examples
from models.label_map import LabelMap, Text

Sentiment = Literal["negative", "neutral", "positive"]
SENTIMENTS: tuple[Sentiment, ...] = ("negative", "neutral", "positive")
THRESHOLD = 0.05


class Vader:
    """The sentiment of a text by VADER's compound score, without learning.

    Scores of at least 0.05 are positive, of at most -0.05 negative, others neutral, as its authors advise.
    With codes for negative and positive only, the sign decides, and a score of zero gets the shares of the
    codes in what it was fitted on. English only.

    Parameters
    ----------
    label_map : LabelMap
    sentiment : mapping of code to ``negative``, ``neutral`` or ``positive``, optional
        By default codes with those names.

    Raises
    ------
    CannotFitError
        The codes are not sentiments, each one once, negative and positive among them.
    """

    kind = "vader"

    def __init__(self, label_map: LabelMap, sentiment: Mapping[str, Sentiment] | None = None) -> None:
        named = {code.casefold(): code for code in label_map.codes}
        meaning = sentiment or {named[name]: name for name in SENTIMENTS if name in named}
        if (
            label_map.is_multilabel
            or set(meaning) != set(label_map.codes)
            or len(set(meaning.values())) < len(meaning)
            or not {"negative", "positive"} <= set(meaning.values()) <= set(SENTIMENTS)
        ):
            raise CannotFitError(
                f"VADER tells negative, neutral and positive texts; the codes {', '.join(label_map.codes)} "
                "are not those. Say with `sentiment` which code is which, or leave VADER out"
            )
        self.label_map = label_map
        self.unit_hashes: tuple[str, ...] = ()
        self.metrics: dict[str, Any] = {}
        self._meaning = dict(meaning)
        self._share: FloatArray | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """Which code is which sentiment."""
        return {"sentiment": self._meaning}

    def fit(
        self, texts: Sequence[Text], labels: IntArray, weights: FloatArray | None, rng: np.random.Generator
    ) -> Self:
        """Learn the shares of the codes; see `Classifier.fit`."""
        given = examples(texts, labels, weights, self.label_map, min_codes=1)
        self._share = given.weights @ self.label_map.one_hot(given.labels) / given.weights.sum()
        self.unit_hashes, self.metrics = unit_hashes(given.texts), {"n_training": len(given)}
        return self

    def predict_proba(self, texts: Sequence[Text]) -> FloatArray:
        """One for the code that VADER finds and zero for the others, (n, K)."""
        if self._share is None:
            raise not_fitted(self.kind)
        place = {said: self.label_map.codes.index(code) for code, said in self._meaning.items()}
        threshold = THRESHOLD if "neutral" in place else 0.0
        found = np.zeros((len(texts), self.label_map.n_codes))
        for row, text in enumerate(texts):
            score = _analyzer().polarity_scores(text if isinstance(text, str) else " ".join(text))["compound"]
            if score >= threshold and score > 0:
                found[row, place["positive"]] = 1.0
            elif score <= -threshold and score < 0:
                found[row, place["negative"]] = 1.0
            elif "neutral" in place:
                found[row, place["neutral"]] = 1.0
            else:
                found[row] = self._share
        return found

    def write_files(self, folder: Path) -> None:
        """Put the shares into a folder."""
        if self._share is None:
            raise not_fitted(self.kind)
        np.save(folder / "share.npy", self._share, allow_pickle=False)

    def read_files(self, folder: Path, card: Card) -> None:
        """Take up what `write_files` put there."""
        self._share = np.load(folder / "share.npy", allow_pickle=False)


@cache
def _analyzer() -> SentimentIntensityAnalyzer:
    return SentimentIntensityAnalyzer()
