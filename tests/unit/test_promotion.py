"""A classifier is promoted for knowing more than the last one, not for luck or for being sure of itself."""

import numpy as np
import pytest

from models.error_map import fit_error_map
from models.log_odds import log_odds
from models.promotion import Question, compare
from models.signals import Signals

N = 300
FOLD = np.arange(N) % 5
EVEN = np.ones(N)


def codes(n_codes, seed=1):
    return np.random.default_rng(seed).integers(0, n_codes, N)


def believed(truth, n_codes, skill, seed=2):
    """Probabilities (N, K) of a classifier that knows a share of the codes."""
    rng = np.random.default_rng(seed)
    guess = np.where(rng.random(N) < skill, truth, rng.integers(0, n_codes, N))
    return 0.6 * np.eye(n_codes)[guess] + 0.4 / n_codes


@pytest.mark.parametrize("n_codes", [2, 3, 6])
def test_the_better_one_wins_and_the_gain_turns_its_sign(n_codes):
    truth = codes(n_codes)
    good, poor = (log_odds(believed(truth, n_codes, skill), N) for skill in (0.8, 0.3))
    forth, back = (
        compare([Question(truth, n_codes, a, b)], FOLD, EVEN) for a, b in ((good, poor), (poor, good))
    )
    assert forth.is_better
    assert not back.is_better
    assert forth.gain == pytest.approx(-back.gain)
    assert forth.std_error == pytest.approx(back.std_error)
    assert (forth.log_loss, forth.last_log_loss) == pytest.approx((back.last_log_loss, back.log_loss))


def test_the_base_rate_stands_in_where_there_is_no_last_one():
    truth = np.where(np.arange(N) < 60, 1, 0)
    found = compare([Question(truth, 2, np.zeros((N, 1)))], FOLD, EVEN)
    entropy = -(0.2 * np.log(0.2) + 0.8 * np.log(0.8))
    assert found.last_log_loss == pytest.approx(entropy, abs=0.01)
    assert found.gain == pytest.approx(0.0, abs=1e-6)
    assert not found.is_better


def test_noise_is_promoted_as_often_as_the_test_allows():
    truth = codes(2)
    promoted = [
        compare([Question(truth, 2, np.random.default_rng(s).normal(size=(N, 1)))], FOLD, EVEN).is_better
        for s in range(400)
    ]
    assert np.mean(promoted) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)


def test_being_too_sure_is_forgiven():
    truth = codes(2)
    modest = log_odds(believed(truth, 2, 0.5), N)
    assert compare([Question(truth, 2, 4.0 * modest)], FOLD, EVEN).is_better


def test_weights_say_whom_the_figures_stand_for():
    truth, rng = codes(2), np.random.default_rng(3)
    knows = np.where(np.arange(N) < N // 2, 2.0 * truth - 1.0, rng.normal(size=N))[:, None]
    heavy_where_known, heavy_elsewhere = (
        np.where((np.arange(N) < N // 2) == of, 20.0, 1.0) for of in (True, False)
    )
    gains = [compare([Question(truth, 2, knows)], FOLD, w).gain for w in (heavy_where_known, heavy_elsewhere)]
    assert gains[0] > gains[1] + 0.1
    same = compare([Question(truth, 2, knows)], FOLD, 7.0 * heavy_elsewhere)
    assert same.gain == pytest.approx(gains[1])


def test_losses_of_several_questions_add_up():
    first, second = codes(2, 4), codes(2, 5)
    questions = [Question(of, 2, log_odds(believed(of, 2, 0.6), N)) for of in (first, second)]
    both = compare(questions, FOLD, EVEN)
    each = [compare([q], FOLD, EVEN) for q in questions]
    assert both.log_loss == pytest.approx(sum(one.log_loss for one in each))
    assert both.gain == pytest.approx(sum(one.gain for one in each))


@pytest.mark.parametrize("bad", [1.2, -0.1, np.nan])
def test_what_is_no_probability_is_refused(bad):
    with pytest.raises(ValueError, match="not a number from 0 to 1"):
        log_odds(np.array([[bad, 0.5]]), 10)


def test_a_map_takes_up_what_a_classifier_knows():
    truth, rng = codes(3), np.random.default_rng(6)
    said = Signals(rng.integers(0, 3, N)[:, None], np.full((N, 1), np.nan), rng.normal(size=(N, 20)))
    leaning = said.with_leanings(log_odds(believed(truth, 3, 0.8), N))
    losses = [
        min(each.log_loss for each in fit_error_map(of, truth, n_codes=3, weights=EVEN, rng=rng).losses)
        for of in (said, leaning)
    ]
    assert losses[1] < 0.7 * losses[0]
    with pytest.raises(ValueError, match="do not describe the same units"):
        said.with_leanings(np.zeros((2, 3)))
