"""The rectified mean is unbiased whatever the map, over the cross-fitted first and adaptive later rounds."""

import numpy as np
import pytest
from simulated_study import play, simulate_corpus

from annotator.inference.rectify import Round, rectify
from annotator.sampling.design import design_round, list_order

pytestmark = pytest.mark.statistical


@pytest.mark.parametrize("skill", ["strong", "adversarial", "none"])
def test_three_adaptive_rounds_on_a_small_corpus_are_unbiased(skill):
    corpus = simulate_corpus(120, [0.6, 0.3, 0.1], skill, np.random.default_rng(1))
    trials = 1500
    errors = np.empty((trials, 3))
    for s in range(trials):
        rounds, gold = play(corpus, [15, 10, 10], np.random.default_rng([2, s]), uniform_mix=0.3)
        assert (gold >= 0).sum() == 35
        errors[s] = rectify(rounds, gold, 3).labels.mean(axis=0) - corpus.share
    bias, mc_error = errors.mean(axis=0), errors.std(axis=0) / np.sqrt(trials)
    # Nine comparisons in all: 4 Monte-Carlo errors (about 0.0025) are passed by chance once in 1,700 runs.
    assert np.all(np.abs(bias) <= 4 * mc_error)
    assert mc_error.max() < 0.003


def test_a_hostile_map_and_unequal_weights_do_not_bias_the_estimate():
    corpus = simulate_corpus(100, [0.7, 0.3], "adversarial", np.random.default_rng(3))
    hostile = np.where(np.arange(2) == corpus.codes[:, None], 0.001, 0.999)
    trials = 4000
    errors = np.empty(trials)
    for s in range(trials):
        rng = np.random.default_rng([4, s])
        gold = np.full(100, -1)
        rounds = []
        for number, weight in ((1, 0.2), (2, 0.8)):
            known = gold >= 0
            # The second round's probabilities depend on the codes of the first.
            shape = rng.dirichlet([1.0, 1.0], 100) if number == 1 or gold.max() < 1 else hostile[:, ::-1]
            units = np.flatnonzero(~known)
            design = design_round(
                units,
                np.sqrt((shape * (1 - shape)).sum(axis=1))[units],
                10,
                rng,
                uniform_mix=0.2,
                order=list_order(corpus.signals.labels[units, 0], rng=rng),
                error_probability=1 - shape[units, 0],
                reason="hostile",
            )
            pi, drawn = np.full(100, np.nan), np.zeros(100, dtype=bool)
            pi[design.units], drawn[design.units] = design.inclusion_probability, design.drawn
            gold[drawn] = corpus.codes[drawn]
            rounds.append(Round(number, known, pi, drawn, np.zeros(100, dtype=np.int64), hostile, weight))
        errors[s] = rectify(rounds, gold, 2).labels[:, 1].mean() - corpus.share[1]
    assert abs(errors.mean()) <= 4 * errors.std() / np.sqrt(trials)


def test_the_same_seed_plays_the_same_study():
    corpus = simulate_corpus(200, [0.5, 0.5], "strong", np.random.default_rng(5))
    first, second = (play(corpus, [20, 20], np.random.default_rng(6)) for _ in range(2))
    assert (first[1] == second[1]).all()
    for a, b in zip(first[0], second[0], strict=True):
        assert (a.drawn == b.drawn).all()
        assert (a.prediction == b.prediction).all()
        np.testing.assert_array_equal(a.inclusion_probability, b.inclusion_probability)
