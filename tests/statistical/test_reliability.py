"""Intervals of agreement cover, drift is seen where it is, and the model of coders beats a vote."""

import numpy as np
import pytest

from annotator.coding.dawid_skene import dawid_skene
from annotator.coding.reliability import gwet_ac1, krippendorff_alpha, measure, percent_agreement
from annotator.coding.reliability.drift import change, slope

pytestmark = pytest.mark.statistical

TRIALS = 400
LEVEL = 0.95
MONTE_CARLO = np.sqrt(LEVEL * (1 - LEVEL) / TRIALS)  # 0.011


def coded(rng, n, n_coders, shares, skill, *, missing=0.0):
    """Codes (n, C) by coders of one skill, who do worse on three units in ten."""
    n_codes = len(shares)
    truth = rng.choice(n_codes, n, p=shares)
    right = np.where(rng.random(n) < 0.3, skill - 0.25, skill)[:, None]
    codes = np.where(
        rng.random((n, n_coders)) < right, truth[:, None], rng.integers(0, n_codes, (n, n_coders))
    )
    codes[rng.random(codes.shape) < missing] = -1
    return codes


def coefficients(codes, n_codes):
    return [
        krippendorff_alpha(codes, n_codes),
        krippendorff_alpha(codes, n_codes, "ordinal"),
        gwet_ac1(codes, n_codes),
        percent_agreement(codes, n_codes),
    ]


@pytest.mark.parametrize("n", [20, 60, 150])
@pytest.mark.parametrize(
    ("n_coders", "shares", "skill", "missing"),
    [(3, [0.5, 0.3, 0.2], 0.9, 0.0), (2, [0.7, 0.3], 0.9, 0.0), (3, [0.2] * 5, 0.8, 0.2)],
    ids=["three coders", "two coders", "missing codes"],
)
def test_bootstrap_intervals_cover(n, n_coders, shares, skill, missing):
    n_codes = len(shares)
    population = coded(np.random.default_rng(0), 400_000, n_coders, shares, skill, missing=missing)
    truth = [each.value for each in coefficients(population, n_codes)]
    covered, answered = np.zeros(4), np.zeros(4)
    for trial in range(TRIALS):
        rng = np.random.default_rng([1, trial])
        codes = coded(rng, n, n_coders, shares, skill, missing=missing)
        for at, found in enumerate(measure(coefficients(codes, n_codes), rng, n_resamples=1000)):
            if not np.isnan(found.ci_low):
                answered[at] += 1
                covered[at] += found.ci_low <= truth[at] <= found.ci_high
    assert (answered >= 0.97 * TRIALS).all()
    # The percentile bootstrap of few units is short by a point or two; of ranks, by a little more.
    assert (covered / answered >= LEVEL - 0.02 - 3 * MONTE_CARLO).all()


def test_intervals_of_weighted_units_cover():
    """Hard units are drawn three times as often; weights give the agreement of the corpus back."""
    covered = np.zeros(2)
    corpus_rng = np.random.default_rng(2)
    n_corpus = 200_000
    truth = corpus_rng.choice(3, n_corpus, p=[0.5, 0.3, 0.2])
    hard = corpus_rng.random(n_corpus) < 0.3
    skill = np.where(hard, 0.6, 0.95)
    everything = np.where(
        corpus_rng.random((n_corpus, 2)) < skill[:, None],
        truth[:, None],
        corpus_rng.integers(0, 3, (n_corpus, 2)),
    )
    targets = [krippendorff_alpha(everything, 3).value, percent_agreement(everything, 3).value]
    odds = np.where(hard, 3.0, 1.0)
    for trial in range(TRIALS):
        rng = np.random.default_rng([3, trial])
        drawn = rng.choice(n_corpus, 120, p=odds / odds.sum())
        codes, weights = everything[drawn], 1.0 / odds[drawn]
        parts = [krippendorff_alpha(codes, 3), percent_agreement(codes, 3)]
        for at, found in enumerate(measure(parts, rng, weights=weights / weights.mean(), n_resamples=1000)):
            covered[at] += found.ci_low <= targets[at] <= found.ci_high
    assert (covered / TRIALS >= LEVEL - 0.02 - 3 * MONTE_CARLO).all()


def test_drift_is_seen_where_it_is_and_not_where_it_is_not():
    covered, seen = np.zeros(2), 0
    for trial in range(TRIALS):
        rng = np.random.default_rng([4, trial])
        steady = [coded(rng, 60, 2, [0.6, 0.4], 0.9) for _ in range(4)]
        falling = [coded(rng, 60, 2, [0.6, 0.4], skill) for skill in (0.98, 0.9, 0.8, 0.7)]
        rounds = [measure([percent_agreement(codes, 2)], rng, n_resamples=500)[0] for codes in steady]
        for at, found in enumerate((change(rounds), slope(rounds))):
            covered[at] += found.ci_low <= 0 <= found.ci_high
        rounds = [measure([percent_agreement(codes, 2)], rng, n_resamples=500)[0] for codes in falling]
        seen += slope(rounds).ci_high < 0
    assert (covered / TRIALS >= LEVEL - 0.02 - 3 * MONTE_CARLO).all()
    assert seen / TRIALS > 0.8


@pytest.mark.parametrize(
    ("skills", "given"), [([0.95, 0.6, 0.6], 1.0), ([0.95, 0.8, 0.6], 0.9), ([0.95, 0.6, 0.6, 0.55], 0.7)]
)
def test_the_model_beats_a_vote_among_coders_of_unequal_skill(skills, given):
    gain = []
    for trial in range(100):
        rng = np.random.default_rng([5, trial])
        truth = rng.choice(3, 300, p=[0.5, 0.3, 0.2])
        shape = (300, len(skills))
        wrong = (truth[:, None] + rng.integers(1, 3, shape)) % 3
        codes = np.where(rng.random(shape) < np.asarray(skills), truth[:, None], wrong)
        away = rng.random(shape) > given
        away[away.all(axis=1), 0] = False
        codes[away] = -1
        votes = np.stack([(codes == k).sum(axis=1) for k in range(3)], axis=1)
        by_vote = (votes + 0.5 * rng.random(votes.shape)).argmax(axis=1)  # ties by lot
        by_model = dawid_skene(codes, 3).posterior.argmax(axis=1)
        gain.append((by_model == truth).mean() - (by_vote == truth).mean())
    monte_carlo = np.std(gain) / np.sqrt(len(gain))
    assert np.mean(gain) > 0.02
    assert np.mean(gain) > 5 * monte_carlo


def test_among_coders_of_equal_skill_the_model_costs_little():
    loss = []
    for trial in range(100):
        rng = np.random.default_rng([6, trial])
        truth = rng.choice(3, 300, p=[0.5, 0.3, 0.2])
        wrong = (truth[:, None] + rng.integers(1, 3, (300, 3))) % 3
        codes = np.where(rng.random((300, 3)) < 0.8, truth[:, None], wrong)
        votes = np.stack([(codes == k).sum(axis=1) for k in range(3)], axis=1)
        by_vote = (votes + 0.5 * rng.random(votes.shape)).argmax(axis=1)
        by_model = dawid_skene(codes, 3).posterior.argmax(axis=1)
        loss.append((by_vote == truth).mean() - (by_model == truth).mean())
    assert np.mean(loss) < 0.02


def test_the_model_takes_out_what_errors_add_to_a_rare_code():
    """A code of 5 %, four coders of accuracy 0.9, 15 % of units coded twice: where the model holds."""
    shares = []
    for trial in range(100):
        rng = np.random.default_rng([9, trial])
        truth = (rng.random(500) < 0.05).astype(int)
        codes = np.where(rng.random((500, 4)) < 0.9, truth[:, None], 1 - truth[:, None])
        first = rng.integers(0, 4, 500)
        given = np.arange(4) == first[:, None]
        given |= (np.arange(4) == (first[:, None] + 1) % 4) & (rng.random(500) < 0.15)[:, None]
        by_first = codes[np.arange(500), first]  # a tie by lot has the same expectation
        by_model = dawid_skene(np.where(given, codes, -1), 2).posterior.argmax(axis=1)
        shares.append((by_first.mean() - truth.mean(), by_model.mean() - truth.mean()))
    off_by_coder, off_by_model = np.mean(shares, axis=0)
    assert off_by_coder > 0.08
    assert abs(off_by_model) < 0.02
