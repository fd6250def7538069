"""Orders of codes, and the test of their effect: right size without one, power with one."""

import numpy as np
import pytest

from annotator.labeling.orders import orders
from annotator.labeling.position_bias import PositionBias, position_bias
from models.arrays import BoolArray, IntArray

NAMES = ("a", "b", "c", "d")


@pytest.mark.parametrize("seed", range(5))
def test_every_code_stands_in_every_place_equally_often(seed: int) -> None:
    found = [NAMES, *orders(NAMES, 3, np.random.default_rng(seed))]
    for place in range(4):
        assert {order[place] for order in found} == set(NAMES)
    assert len({*found}) == 4


def test_there_are_no_more_orders_than_there_are() -> None:
    assert len({*orders(NAMES, 23, np.random.default_rng(0))}) == 23
    assert orders(("x", "y"), 1, np.random.default_rng(0)) == [("y", "x")]
    with pytest.raises(ValueError, match="only 1 other orders"):
        orders(("x", "y"), 2, np.random.default_rng(0))


def answered(
    n_units: int, k: int, first_place: float, rng: np.random.Generator
) -> tuple[BoolArray, IntArray]:
    """A model that reads half of the time, guesses otherwise, and sometimes takes the first code listed."""
    every = [NAMES, *orders(NAMES, k, rng)]
    place = np.array([[order.index(name) for name in NAMES] for order in every])
    content = rng.choice(4, n_units, p=[0.6, 0.2, 0.1, 0.1])
    answers = np.zeros((n_units, k + 1, 4), dtype=bool)
    for order in range(k + 1):
        guess = np.where(rng.random(n_units) < 0.5, content, rng.choice(4, n_units, p=[0.4, 0.3, 0.2, 0.1]))
        lazy = rng.random(n_units) < first_place
        chosen = np.where(lazy, int(np.argmin(place[order])), guess)
        answers[np.arange(n_units), order, chosen] = True
    return answers, place


def found(first_place: float, k: int, seed: int, n_units: int = 300) -> PositionBias:
    return position_bias(*answered(n_units, k, first_place, np.random.default_rng(seed)))


@pytest.mark.parametrize("k", [1, 2, 3, 6])
def test_without_an_effect_the_test_has_its_size(k: int) -> None:
    """1,000 studies: the Monte-Carlo error of a share of 5 % is 0.7 points. Unequal codes are no effect."""
    rejected = np.mean([found(0.0, k, seed).p_value < 0.05 for seed in range(1000)])
    assert abs(rejected - 0.05) < 3 * 0.007


def test_an_effect_is_found_and_placed() -> None:
    bias = found(0.15, 3, 1, n_units=500)
    assert bias.p_value < 1e-6
    assert bias.share[0] > bias.expected[0] + 0.05
    assert bias.share.sum() == pytest.approx(1.0)
    assert bias.expected == pytest.approx([0.25] * 4)
    assert bias.n_answers == 2000


def test_answers_that_never_move_say_nothing() -> None:
    answers, place = answered(50, 3, 0.0, np.random.default_rng(0))
    answers = np.repeat(answers[:, :1], 4, axis=1)
    bias = position_bias(answers, place)
    assert (bias.moved, bias.degrees_of_freedom) == (0.0, 0)
    assert np.isnan(bias.p_value)
    assert bias.share == pytest.approx(bias.expected)


def test_sets_of_codes_count_each_code() -> None:
    rng = np.random.default_rng(2)
    place = np.array([[order.index(name) for name in NAMES] for order in [NAMES, *orders(NAMES, 3, rng)]])
    answers = rng.random((400, 4, 4)) < 0.3
    assert position_bias(answers, place).p_value > 0.01
    answers |= place[None] == 0
    assert position_bias(answers, place).p_value < 1e-6


def test_no_answers_no_bias() -> None:
    bias = position_bias(np.zeros((0, 2, 4), dtype=bool), np.array([[0, 1, 2, 3], [3, 2, 1, 0]]))
    assert (bias.n_answers, bias.moved) == (0, 0.0)
