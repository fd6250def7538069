"""Codes from before the study, however chosen, leave intervals valid; pooling them with a sample does not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from simulated_study import MEAN, Corpus, simulate_corpus

from annotator.inference.estimate import Estimate
from annotator.inference.methods import Population, Question, estimate
from annotator.inference.rectify import Round
from annotator.sampling.campaign import UNKNOWN, Campaign, Part, round_weights
from annotator.sampling.given import equal_draw, unequal_draw
from annotator.sampling.played import play
from annotator.sampling.rounds import as_rounds, fit_maps, folds, open_later_round, predict_round
from models.arrays import BoolArray, FloatArray

pytestmark = pytest.mark.statistical

TRIALS = 300
LEVEL = 0.90
SIZES = [30, 30, 30]
SHARE = [0.6, 0.3, 0.1]
# Codes of one study are dependent; this bounds the Monte-Carlo error of each rate: 0.017.
MONTE_CARLO = float(np.sqrt(LEVEL * (1 - LEVEL) / TRIALS))
# The rare code has about nine coded units.
LOWEST = LEVEL - np.array([0.02, 0.02, 0.03]) - 3 * MONTE_CARLO


@dataclass(frozen=True)
class Before:
    """A corpus of which a team has coded some units: those with a keyword, which goes with code 1."""

    corpus: Corpus
    adopted: BoolArray

    def campaign(self, *, taught: bool = False) -> Campaign:
        labels = np.where(self.adopted, self.corpus.codes, UNKNOWN) if taught else None
        part = Part(self.corpus.signals, [str(k) for k in range(len(SHARE))], [MEAN], labels)
        return Campaign([part], candidates=("table", "logistic"))


def keyword_study(skill: str, rng: np.random.Generator, share: Sequence[float] = SHARE) -> Before:
    corpus = simulate_corpus(1500, share, skill, rng)
    has_keyword = rng.random(1500) < np.where(corpus.codes == 1, 0.5, 0.05)
    adopted = np.zeros(1500, dtype=bool)
    adopted[rng.permutation(np.flatnonzero(has_keyword))[:150]] = True
    return Before(corpus, adopted)


def answered(rounds: Sequence[Round], gold: np.ndarray, population: Population = "corpus") -> list[Estimate]:
    question = Question([str(k) for k in range(len(SHARE))], confidence_level=LEVEL, population=population)
    return estimate(rounds, gold, [MEAN], question, methods=("rounds",))


def as_known(study: Before, rng: np.random.Generator) -> list[Estimate]:
    played = play(study.campaign(), [study.corpus.codes], SIZES, rng, known=study.adopted)
    return answered(played.rounds[0], played.gold[0])


def as_training(study: Before, rng: np.random.Generator) -> list[Estimate]:
    played = play(study.campaign(taught=True), [study.corpus.codes], SIZES, rng)
    return answered(played.rounds[0], played.gold[0])


def with_a_sample(
    study: Before, drawn: BoolArray, pi: FloatArray | None, rng: np.random.Generator
) -> list[Estimate]:
    """A draw that others made comes first, beside codes of unknown sampling; then two rounds of our own."""
    campaign, codes = study.campaign(taught=True), study.corpus.codes
    first = equal_draw(drawn, rng) if pi is None else unequal_draw(drawn, pi, rng)
    gold = np.where(drawn, codes, UNKNOWN)
    nobody = np.zeros(codes.size, dtype=bool)
    predictions = predict_round(campaign, [gold], fold=first.stratum, error_maps=None, rng=rng)
    (of_others,) = as_rounds(first, 0, nobody, predictions, 1.0)
    rounds = [replace(of_others, fixed_size=pi is None)]
    weights = round_weights(campaign, SIZES[1:], first.inclusion_probability)
    for number, size in enumerate(SIZES[1:], start=1):
        known, maps = gold >= 0, fit_maps(campaign, [gold], rng)
        design = open_later_round(campaign, maps, [gold], size, rng)
        gold = gold.copy()
        gold[design.units[design.drawn]] = codes[design.units[design.drawn]]
        predictions = predict_round(
            campaign, [gold], fold=folds(design, codes.size), error_maps=maps, rng=rng, choose=number == 1
        )
        rounds += as_rounds(design, number, known, predictions, float(weights[number - 1]))
    return answered(rounds, gold)


def an_equal_sample(study: Before, rng: np.random.Generator) -> list[Estimate]:
    drawn = np.zeros(study.corpus.codes.size, dtype=bool)
    drawn[rng.choice(drawn.size, 60, replace=False)] = True
    return with_a_sample(study, drawn, None, rng)


def an_unequal_sample(study: Before, rng: np.random.Generator) -> list[Estimate]:
    """Units that the machine calls 1 were drawn three times as often."""
    pi = np.where(study.corpus.signals.labels[:, 0] == 1, 0.09, 0.03)
    return with_a_sample(study, rng.random(pi.size) < pi, pi, rng)


def pooled(study: Before, rng: np.random.Generator) -> list[tuple[float, float]]:
    """What must not be done: adopted codes and a random sample as if they were one sample."""
    seen = study.adopted.copy()
    seen[rng.choice(seen.size, sum(SIZES), replace=False)] = True
    share = np.bincount(study.corpus.codes[seen], minlength=len(SHARE)) / seen.sum()
    width = 1.645 * np.sqrt(share * (1 - share) / seen.sum())
    return list(zip(share - width, share + width, strict=True))


@dataclass(frozen=True)
class Record:
    """Of each code, over trials: how often its interval held, and the mean error in standard errors of it."""

    rate: FloatArray
    bias: FloatArray


def record(skill: str, play_one: Callable[[Before, np.random.Generator], list[Estimate]]) -> Record:
    study = keyword_study(skill, np.random.default_rng([31, 1]))
    true = study.corpus.share
    rows = [play_one(study, np.random.default_rng([32, s])) for s in range(TRIALS)]
    held = [[row.ci_low <= t <= row.ci_high for row, t in zip(each, true, strict=True)] for each in rows]
    errors = np.array([[row.estimate for row in each] for each in rows]) - true
    return Record(np.mean(held, axis=0), errors.mean(axis=0) / (errors.std(axis=0) / np.sqrt(TRIALS)))


@pytest.mark.parametrize("skill", ["none", "strong"])
@pytest.mark.parametrize("use", [as_known, as_training, an_equal_sample, an_unequal_sample])
def test_intervals_hold_whatever_was_adopted(
    skill: str, use: Callable[[Before, np.random.Generator], list[Estimate]]
) -> None:
    found = record(skill, use)
    assert (found.rate >= LOWEST).all()
    assert (np.abs(found.bias) <= 4).all()


def test_known_units_hold_for_a_superpopulation_that_the_corpus_is_a_sample_of() -> None:
    held = np.zeros((TRIALS, len(SHARE)), dtype=bool)
    for s in range(TRIALS):
        rng = np.random.default_rng([33, s])
        study = keyword_study("fair", rng, rng.multinomial(1500, SHARE) / 1500)
        played = play(study.campaign(), [study.corpus.codes], SIZES, rng, known=study.adopted)
        rows = answered(played.rounds[0], played.gold[0], "superpopulation")
        held[s] = [row.ci_low <= true <= row.ci_high for row, true in zip(rows, SHARE, strict=True)]
    assert (held.mean(axis=0) >= LOWEST).all()


def test_pooling_them_with_a_sample_misleads() -> None:
    study = keyword_study("none", np.random.default_rng([31, 1]))
    held = [
        [low <= true <= high for (low, high), true in zip(found, study.corpus.share, strict=True)]
        for found in (pooled(study, np.random.default_rng([34, s])) for s in range(TRIALS))
    ]
    assert np.mean(held, axis=0)[:2].max() < 0.05


def test_known_units_narrow_the_interval() -> None:
    study = keyword_study("none", np.random.default_rng([31, 1]))
    width = dict.fromkeys(("known", "without"), 0.0)
    for s in range(50):
        rng = np.random.default_rng([35, s])
        alone = play(study.campaign(), [study.corpus.codes], SIZES, rng)
        for name, rows in (
            ("known", as_known(study, rng)),
            ("without", answered(alone.rounds[0], alone.gold[0])),
        ):
            width[name] += rows[1].ci_high - rows[1].ci_low
    assert width["known"] < 0.95 * width["without"]
