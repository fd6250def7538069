"""What the stage `retrain` does after a round, on arrays: for simulations."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from annotator.sampling.campaign import Campaign, Gold, Part
from models.arrays import FloatArray, IntArray
from models.classifier import Make
from models.errors import CannotFitError
from models.label_map import Text
from models.log_odds import log_odds
from models.out_of_fold import Folded
from models.promotion import Comparison, Question, compare


@dataclass
class Retraining:
    """A classifier that is trained anew after every round of one played campaign with a single part.

    Attributes
    ----------
    texts : sequence of N texts or pairs
    make : callable
        Makes a classifier that has learnt nothing.
    n_folds : int
    comparisons : list of Comparison
        What came of every round that bore a fit.
    promoted : (N, K) array, optional
        The probabilities of the last classifier that beat the one before.
    """

    texts: Sequence[Text]
    make: Make
    n_folds: int = 5
    comparisons: list[Comparison] = field(default_factory=list)
    promoted: FloatArray | None = None
    _columns: FloatArray | None = None

    def __call__(
        self, campaign: Campaign, gold: Gold, drawn_with: FloatArray, rng: np.random.Generator
    ) -> Campaign:
        """Train, compare, and give the next round what the last promoted classifier says."""
        (part,), (codes,) = campaign.parts, gold
        coded = np.flatnonzero(codes >= 0)
        texts, weights = [self.texts[i] for i in coded], 1.0 / drawn_with[coded]
        try:
            given = Folded.of(texts, codes[coded], weights, rng, self.n_folds)
            probability = self.probabilities(given, coded, rng)
        except (CannotFitError, ValueError):
            return self._known(campaign, part)
        columns = log_odds(probability, coded.size)
        last = None if self._columns is None else self._columns[coded]
        question = Question(codes[coded], part.n_codes, columns[coded], last)
        self.comparisons.append(compare([question], given.fold, weights))
        if self.comparisons[-1].is_better:
            self.promoted, self._columns = probability, columns
        return self._known(campaign, part)

    def probabilities(self, given: Folded, coded: IntArray, rng: np.random.Generator) -> FloatArray:
        """Probabilities (N, K): out of fold where a unit is coded, by the fit to all codes elsewhere."""
        out_of_fold = given.predict_all(self.make, rng)
        fitted = self.make().fit(given.texts, given.labels, given.weights, rng)
        probability = np.empty((len(self.texts), out_of_fold.shape[1]))
        others = np.setdiff1d(np.arange(len(self.texts)), coded)
        probability[others] = fitted.predict_proba([self.texts[i] for i in others])
        probability[coded] = out_of_fold
        return probability

    def _known(self, campaign: Campaign, part: Part) -> Campaign:
        if self.promoted is None or self._columns is None:
            return campaign
        return replace(
            campaign,
            parts=[replace(part, signals=part.signals.with_leanings(self._columns))],
            training=replace(campaign.training, probabilities=[self.promoted]),
        )
