import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.sampling.allocate import allocate
from annotator.sampling.draw import draw, draw_poisson


@given(st.integers(1, 60), st.data())
def test_exactly_the_promised_number_is_drawn(n_units, data):
    size = data.draw(st.integers(1, n_units))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    pi = allocate(rng.lognormal(sigma=3.0, size=n_units), size)
    drawn = draw(pi, rng)
    assert drawn.sum() == size
    assert drawn[pi >= 1 - 1e-12].all()
    assert not drawn[pi == 0].any()


@pytest.mark.parametrize("ordered", [True, False])
def test_units_are_drawn_as_often_as_their_inclusion_probability_says(ordered):
    rng = np.random.default_rng(2)
    pi = allocate(rng.lognormal(size=30), 10, 0.05)
    order = np.argsort(pi) if ordered else None
    trials = 20_000
    share = np.mean([draw(pi, rng, order) for _ in range(trials)], axis=0)
    # Thirty comparisons: 4.5 Monte-Carlo standard errors are passed by chance once in 5,000 runs.
    assert np.all(np.abs(share - pi) <= 4.5 * np.sqrt(pi * (1 - pi) / trials) + 1e-12)


def test_a_sorted_order_stratifies_the_draw():
    pi = np.full(100, 0.1)
    for seed in range(50):
        drawn = draw(pi, np.random.default_rng(seed), np.arange(100))
        assert drawn.reshape(10, 10).sum(axis=1).tolist() == [1] * 10


def test_the_number_is_exact_for_a_million_units_of_every_size():
    rng = np.random.default_rng(3)
    pi = allocate(rng.lognormal(sigma=3.0, size=1_000_000), 10_007, 1e-4)
    for _ in range(3):
        assert draw(pi, rng).sum() == 10_007


def test_the_number_is_exact_when_units_are_all_but_certain():
    rng = np.random.default_rng(4)
    pi = np.full(1000, 1.0 - 2e-9)
    pi[:2] = 1e-6
    for _ in range(100):
        assert draw(pi, rng).sum() == 998


def test_the_same_seed_gives_the_same_draw():
    pi = np.full(50, 0.2)
    first, second = (draw(pi, np.random.default_rng(5)) for _ in range(2))
    assert (first == second).all()


def test_a_sum_that_is_not_whole_is_refused():
    with pytest.raises(ValueError, match="whole number"):
        draw(np.array([0.5, 0.6]), np.random.default_rng(1))


@pytest.mark.parametrize("bad", [-0.1, 1.1, np.nan])
def test_probabilities_outside_the_unit_interval_are_refused(bad):
    with pytest.raises(ValueError, match="missing or outside"):
        draw(np.array([bad, 1.0]), np.random.default_rng(1))


def test_poisson_draws_are_independent_with_the_given_probabilities():
    rng = np.random.default_rng(6)
    pi = np.array([0.1, 0.5, 0.9])
    draws = np.array([draw_poisson(pi, rng) for _ in range(20_000)])
    assert np.all(np.abs(draws.mean(axis=0) - pi) <= 4.5 * np.sqrt(pi * (1 - pi) / 20_000))
    assert abs(np.corrcoef(draws[:, 0], draws[:, 1])[0, 1]) < 4.5 / np.sqrt(20_000)
