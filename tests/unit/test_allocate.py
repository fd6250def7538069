import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.sampling.allocate import allocate

scores = st.lists(
    st.one_of(st.just(0.0), st.floats(1e-4, 1e4), st.sampled_from([0.5, 1.0])), min_size=1, max_size=40
)


@given(scores, st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_the_allocation_spends_the_budget_and_meets_the_optimality_conditions(scores, at, floor_share):
    score = np.array(scores)
    n = score.size
    budget = max(at, 0.01) * n
    floor = floor_share * budget / n
    pi = allocate(score, budget, floor)
    assert pi.sum() == pytest.approx(budget, rel=1e-9, abs=1e-9)
    assert np.all(pi >= floor - 1e-12)
    assert np.all(pi <= 1.0)
    # Karush-Kuhn-Tucker: one multiplier c, with pi = c * score inside, less at the cap, more at the floor.
    inside = (pi > floor * (1 + 1e-9)) & (pi < 1 - 1e-9) & (score > 0)
    if inside.any():
        c = pi[inside] / score[inside]
        assert np.ptp(c) <= 1e-6 * c.max()
        assert pi == pytest.approx(np.clip(c.max() * score, floor, 1.0), rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("floor", [0.0, 0.01])
def test_no_feasible_move_between_two_units_lowers_the_variance(floor):
    rng = np.random.default_rng(1)
    score = rng.lognormal(sigma=2.0, size=200)
    pi = allocate(score, 40, floor)
    best = np.sum(score**2 / pi)
    for _ in range(500):
        moved = pi.copy()
        a, b = rng.choice(200, 2, replace=False)
        step = min(1e-3, moved[a] - floor, 1.0 - moved[b])
        moved[a] -= step
        moved[b] += step
        if moved[a] > 0:
            assert np.sum(score**2 / moved) >= best * (1 - 1e-9)


def test_a_budget_of_all_units_makes_every_unit_certain():
    assert allocate(np.array([0.0, 1.0, 5.0]), 3).tolist() == [1.0, 1.0, 1.0]


def test_equal_scores_share_equally():
    assert allocate(np.full(8, 3.0), 2) == pytest.approx(0.25)


def test_zero_scores_share_what_certain_units_leave():
    assert allocate(np.array([0.0, 0.0, 1.0]), 2).tolist() == [0.5, 0.5, 1.0]
    assert allocate(np.zeros(4), 1).tolist() == [0.25] * 4


def test_zero_scores_get_only_the_floor_while_others_can_use_the_budget():
    pi = allocate(np.array([0.0, 1.0, 1.0]), 1.2, 0.1)
    assert pi.tolist() == pytest.approx([0.1, 0.55, 0.55])


def test_a_million_units_spend_the_budget_to_the_last_unit():
    score = np.random.default_rng(1).lognormal(sigma=2.0, size=1_000_000)
    pi = allocate(score, 10_000, 1e-3)
    assert pi.sum() == pytest.approx(10_000, abs=1e-6)


@pytest.mark.parametrize(
    ("score", "budget", "floor"),
    [([1.0, 1.0], 3, 0.0), ([1.0, 1.0], 0.5, 0.5), ([-1.0, 1.0], 1, 0.0), ([np.nan, 1.0], 1, 0.0)],
)
def test_a_budget_that_cannot_be_spent_or_a_bad_score_is_refused(score, budget, floor):
    with pytest.raises(ValueError, match=r"budget|scores"):
        allocate(np.array(score), budget, floor)
