"""Codes from before the study, however chosen, leave intervals valid; pooling them with a sample does not."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from simulated_study import MEAN, Corpus, simulate_corpus

from annotator.inference.estimate import Estimate
from annotator.inference.methods import Population, Question, estimate
from annotator.inference.rectify import Round
from annotator.sampling.campaign import UNKNOWN, Campaign, Part
from annotator.sampling.given import equal_draw, unequal_draw
from annotator.sampling.played import play
from annotator.sampling.rounds import as_rounds, fit_maps, folds, open_later_round, predict_round
from models.arrays import BoolArray, FloatArray, IntArray

pytestmark = pytest.mark.statistical

TRIALS = 300
LEVEL = 0.90
SIZES = [30, 30, 30]
SHARE = [0.6, 0.3, 0.1]
MONTE_CARLO = float(np.sqrt(LEVEL * (1 - LEVEL) / TRIALS))


@dataclass(frozen=True)
class Study:
    """A corpus of which a team has coded some units: those with a keyword, which goes with code 1."""

    corpus: Corpus
    adopted: BoolArray

    @property
    def part(self) -> Part:
        return Part(self.corpus.signals, [str(k) for k in range(len(SHARE))], [MEAN])


def keyword_study(skill: str, seed: int, n_units: int = 1500) -> Study:
    rng = np.random.default_rng([31, seed])
    corpus = simulate_corpus(n_units, SHARE, skill, rng)
    has_keyword = rng.random(n_units) < np.where(corpus.codes == 1, 0.5, 0.05)
    adopted = np.zeros(n_units, dtype=bool)
    adopted[rng.permutation(np.flatnonzero(has_keyword))[:150]] = True
    return Study(corpus, adopted)


def question(population: Population = "corpus") -> Question:
    return Question([str(k) for k in range(len(SHARE))], confidence_level=LEVEL, population=population)


def as_known(study: Study, rng: np.random.Generator) -> list[Estimate]:
    return _played(study, study.part, rng, study.adopted)


def as_training(study: Study, rng: np.random.Generator) -> list[Estimate]:
    taught = np.where(study.adopted, study.corpus.codes, UNKNOWN)
    part = Part(study.part.signals, study.part.codes, [MEAN], taught)
    return _played(study, part, rng, None)


def _played(
    study: Study,
    part: Part,
    rng: np.random.Generator,
    known: BoolArray | None,
    population: Population = "corpus",
) -> list[Estimate]:
    campaign = Campaign([part], candidates=("table", "logistic"))
    played = play(campaign, [study.corpus.codes], SIZES, rng, known)
    return estimate(played.rounds[0], played.gold[0], [MEAN], question(population), methods=("rounds",))


def coverage(
    skill: str, play_one: Callable[[Study, np.random.Generator], list[Estimate]]
) -> tuple[FloatArray, FloatArray]:
    """For each code how often its interval holds, and its mean error over trials in standard errors of it."""
    study = keyword_study(skill, 1)
    held = np.zeros((TRIALS, len(SHARE)), dtype=bool)
    errors = np.zeros((TRIALS, len(SHARE)))
    for s in range(TRIALS):
        rows = play_one(study, np.random.default_rng([32, s]))
        truth = study.corpus.share
        held[s] = [row.ci_low <= true <= row.ci_high for row, true in zip(rows, truth, strict=True)]
        errors[s] = [row.estimate - true for row, true in zip(rows, truth, strict=True)]
    return held.mean(axis=0), errors.mean(axis=0) / (errors.std(axis=0) / np.sqrt(TRIALS))


@pytest.mark.parametrize("skill", ["none", "fair", "strong"])
@pytest.mark.parametrize("use", [as_known, as_training], ids=["known", "training"])
def test_codes_chosen_by_a_keyword_bias_nothing(
    skill: str, use: Callable[[Study, np.random.Generator], list[Estimate]]
) -> None:
    rates, bias = coverage(skill, use)
    print(skill, use.__name__, rates, bias)
    # Monte-Carlo error of a rate: 0.017. The rare code has about nine coded units.
    assert (rates[:2] >= LEVEL - 0.02 - 3 * MONTE_CARLO).all()
    assert rates[2] >= LEVEL - 0.03 - 3 * MONTE_CARLO
    assert (np.abs(bias) <= 4).all()
