"""Classifiers of bags of words and of sentence embeddings, as scikit-learn pipelines."""

import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline

from models import safe_pickle
from models.arrays import FloatArray, IntArray
from models.baseline_config import BaselineConfig
from models.baseline_pipelines import MAJORITY, PIPELINES
from models.checkpoint import Card, unit_hashes
from models.classifier import not_fitted
from models.errors import CannotFitError
from models.examples import Examples, examples
from models.label_map import LabelMap, Text
from models.threads import one_thread

FILE = "pipelines.pickle"
CHUNK = 20_000  # texts whose features are in memory at a time
MANY_TEXTS = 50_000
NO_WORDS = ("empty vocabulary", "no terms remain", "max_df corresponds to < documents than min_df")


class Baseline:
    """A pipeline of `models.baseline_pipelines` by its name.

    A multilabel task gets one pipeline a code; a code that all or none of the texts carry is predicted with
    its share. Of the other tasks a code without examples gets the probability zero. An ordinal task is learnt
    as a categorical one.

    Parameters
    ----------
    kind : str
        ``majority``, ``count_logistic``, ``tfidf_logistic``, ``linear_svm``, ``random_forest``,
        ``gradient_boosting`` or ``embeddings_logistic``. Raises ValueError if it is none.
    label_map : LabelMap
    config : BaselineConfig
    """

    def __init__(self, kind: str, label_map: LabelMap, config: BaselineConfig | None = None) -> None:
        if kind not in PIPELINES:
            raise ValueError(f"there is no baseline {kind!r}; there are: {', '.join(PIPELINES)}")
        self.kind, self.label_map, self.config = kind, label_map, config or BaselineConfig()
        self.unit_hashes: tuple[str, ...] = ()
        self.metrics: dict[str, Any] = {}
        self._pipelines: list[Pipeline] = []

    @property
    def settings(self) -> dict[str, Any]:
        """The configuration as plain values."""
        return self.config.to_dict()

    def fit(
        self, texts: Sequence[Text], labels: IntArray, weights: FloatArray | None, rng: np.random.Generator
    ) -> Self:
        """Learn from n texts; see `Classifier.fit`.

        The majority alone can learn from texts of a single code.
        """
        given = examples(texts, labels, weights, self.label_map, min_codes=1 if self.kind == MAJORITY else 2)
        columns = given.labels.T if self.label_map.is_multilabel else given.labels[None, :]
        with one_thread(), warnings.catch_warnings():
            # Any coefficients give probabilities; how good they are is what an evaluation says.
            warnings.simplefilter("ignore", ConvergenceWarning)
            self._pipelines = [self._fitted(given, column, int(rng.integers(2**31))) for column in columns]
        self.unit_hashes, self.metrics = unit_hashes(given.texts), {"n_training": len(given)}
        return self

    def predict_proba(self, texts: Sequence[Text]) -> FloatArray:
        """Probabilities (n, K)."""
        if not self._pipelines:
            raise not_fitted(self.kind)
        found = np.zeros((len(texts), self.label_map.n_codes))
        with one_thread() if len(texts) < MANY_TEXTS else nullcontext():
            for start in range(0, len(texts), CHUNK):
                part = list(texts[start : start + CHUNK])
                found[start : start + CHUNK] = self._predict(part)
        return found

    def write_files(self, folder: Path) -> None:
        """Put the pipelines into a folder."""
        if not self._pipelines:
            raise not_fitted(self.kind)
        (folder / FILE).write_bytes(safe_pickle.dumps(self._pipelines))

    def read_files(self, folder: Path, card: Card) -> None:
        """Take up what `write_files` put there."""
        safe_pickle.check_version(folder, card.versions)
        self._pipelines = safe_pickle.loads((folder / FILE).read_bytes(), folder / FILE)

    def _fitted(self, given: Examples, column: IntArray, seed: int) -> Pipeline:
        kind = MAJORITY if np.unique(column).size == 1 else self.kind
        pipeline = PIPELINES[kind](self.config, seed)
        last = pipeline.steps[-1][0]
        try:
            return pipeline.fit(given.texts, column, **{f"{last}__sample_weight": given.weights})
        except ValueError as error:
            if not any(sign in str(error) for sign in NO_WORDS):
                raise
            raise CannotFitError(
                f"no word occurs in {self.config.min_count} of the {len(given)} texts: lower min_count, or "
                "give texts with words"
            ) from error

    def _predict(self, texts: list[Text]) -> FloatArray:
        found = np.zeros((len(texts), self.label_map.n_codes))
        for k, pipeline in enumerate(self._pipelines):
            seen = pipeline.classes_.astype(np.int64)
            probability = pipeline.predict_proba(texts)
            if not self.label_map.is_multilabel:
                found[:, seen] = probability
            elif 1 in seen:
                found[:, k] = probability[:, np.flatnonzero(seen == 1)[0]]
        return found
