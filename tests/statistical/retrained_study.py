"""Studies whose texts tell something of the codes, played with a classifier retrained after every round."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

import numpy as np

from annotator.inference.estimands.mean import Mean
from annotator.inference.estimate import Estimate
from annotator.inference.methods import Question, estimate
from annotator.sampling.campaign import Campaign, Part
from annotator.sampling.played import Learn, play
from annotator.sampling.training import Training
from annotator.simulate.retraining import Retraining
from models.arrays import FloatArray, IntArray
from models.checkpoint import Card
from models.examples import examples
from models.label_map import LabelMap, Text
from models.multinomial import ridge_multinomial
from models.out_of_fold import Folded
from models.signals import Signals

CODES = LabelMap(("no", "yes"), "binary")
MEAN = Mean("prevalence")
LEVEL = 0.90
N_WORDS = 24  # of either code
N_COMMON = 40


class WordLogistic:
    """A ridge logit on which words a text has: a classifier that is fitted in a millisecond."""

    kind = "words"
    label_map = CODES

    def __init__(self, ridge: float = 2.0) -> None:
        self.ridge = ridge
        self.unit_hashes: tuple[str, ...] = ()
        self.metrics: dict[str, Any] = {}
        self.settings: dict[str, Any] = {}
        self._coefficients = np.empty((0, 2))

    def fit(
        self, texts: Sequence[Text], labels: IntArray, weights: FloatArray | None, rng: np.random.Generator
    ) -> Self:
        """See `Classifier.fit`."""
        given = examples(texts, labels, weights, CODES)
        columns, one_hot = _words(texts), np.eye(2)[given.labels]
        ridge = np.full(columns.shape[1], self.ridge)
        none = np.zeros((1, len(texts), 2))
        self._coefficients = ridge_multinomial(columns, one_hot, given.weights[None], none, ridge)[0]
        return self

    def predict_proba(self, texts: Sequence[Text]) -> FloatArray:
        """Probabilities (n, 2)."""
        logits = _words(texts) @ self._coefficients
        yes = 1.0 / (1.0 + np.exp(logits[:, 0] - logits[:, 1]))
        return np.column_stack([1.0 - yes, yes])

    def write_files(self, folder: Path) -> None:
        """Not kept."""
        raise NotImplementedError

    def read_files(self, folder: Path, card: Card) -> None:
        """Not kept."""
        raise NotImplementedError


def _words(texts: Sequence[Text]) -> FloatArray:
    """A constant and one column a word, (n, p); words are numbers."""
    return np.stack([_row(str(text)) for text in texts])


@cache
def _row(text: str) -> FloatArray:
    found = np.zeros(1 + 2 * N_WORDS + N_COMMON)
    found[[0, *(int(word) + 1 for word in text.split())]] = 1.0
    return found


@dataclass(frozen=True)
class TextCorpus:
    """Codes, texts and what a machine of little skill said."""

    codes: IntArray
    texts: tuple[str, ...]
    signals: Signals

    @property
    def share(self) -> float:
        """The true prevalence."""
        return float(self.codes.mean())


def text_corpus(n_units: int, told: float, rng: np.random.Generator) -> TextCorpus:
    """Texts of ten words, four of which speak for the code with probability ``told``, else for either."""
    codes = (rng.random(n_units) < 0.35).astype(np.int64)
    texts = []
    for code in codes:
        side = np.where(rng.random(4) < told, code, rng.integers(0, 2, 4))
        own = side * N_WORDS + rng.integers(0, N_WORDS, 4)
        common = 2 * N_WORDS + rng.integers(0, N_COMMON, 6)
        texts.append(" ".join(map(str, [*own, *common])))
    said = np.where(rng.random(n_units) < 0.35, codes, rng.permutation(codes))
    confidence = rng.uniform(0.5, 1.0, n_units).round(2)
    return TextCorpus(codes, tuple(texts), Signals(said[:, None], confidence[:, None]))


class SawTheCodes(Retraining):
    """The mistake: what is said of a coded unit comes from a classifier that was trained on its code."""

    def probabilities(self, given: Folded, coded: IntArray, rng: np.random.Generator) -> FloatArray:
        """Probabilities (N, 2), in-sample where a unit is coded."""
        return self.make().fit(given.texts, given.labels, given.weights, rng).predict_proba(self.texts)


def answer(
    corpus: TextCorpus,
    sizes: Sequence[int],
    rng: np.random.Generator,
    learn: Learn | None = None,
    training: Training | None = None,
) -> Estimate:
    """The estimate of the prevalence after the last round."""
    part = Part(corpus.signals, CODES.codes, [MEAN])
    campaign = Campaign([part], candidates=("logistic",), training=training or Training())
    played = play(campaign, [corpus.codes], sizes, rng, learn=learn)
    rows = estimate(list(played.rounds[0]), played.gold[0], [MEAN], Question(CODES.codes, LEVEL))
    return next(row for row in rows if row.method == "rounds" and row.label == "yes")
