import numpy as np
import pytest

from annotator.sampling.design import design_round, list_order


def designed(n_units, budget, *, score=None, mix=0.1, order=None, seed=3):
    score = np.ones(n_units) if score is None else score
    return design_round(
        np.arange(n_units),
        score,
        budget,
        np.random.default_rng(seed),
        uniform_mix=mix,
        order=np.arange(n_units) if order is None else order,
        error_probability=np.full(n_units, np.nan),
        reason="a test",
    )


@pytest.mark.parametrize("budget", [1, 2, 3, 7, 50, 99, 100, 1000])
def test_the_budget_is_drawn_in_even_folds(budget):
    design = designed(103, budget)
    size = min(budget, 103)
    assert design.drawn.sum() == size
    assert design.inclusion_probability.sum() == pytest.approx(size)
    per_fold = np.bincount(design.stratum[design.drawn])
    assert per_fold.size == min(5, size)
    assert np.ptp(per_fold) <= 1
    assert np.ptp(np.bincount(design.stratum)) <= 1
    expected = per_fold / np.bincount(design.stratum)
    assert design.inclusion_probability == pytest.approx(expected[design.stratum])


def test_each_fold_has_its_own_fixed_size_whatever_the_scores():
    design = designed(400, 41, score=np.random.default_rng(1).lognormal(0, 2, 400))
    in_fold = np.bincount(design.stratum, design.inclusion_probability)
    assert in_fold == pytest.approx([9, 8, 8, 8, 8])
    assert np.bincount(design.stratum[design.drawn]).tolist() == [9, 8, 8, 8, 8]


def test_the_draw_is_spread_along_the_order():
    labels = np.random.default_rng(2).integers(-1, 3, 1000)
    design = designed(1000, 100, order=list_order(labels, rng=np.random.default_rng(1)))
    drawn = np.bincount(labels[design.drawn] + 1)
    # A fold's share of a label is drawn to within one unit at each end of the label's stretch of the list.
    assert np.all(np.abs(drawn - 0.1 * np.bincount(labels + 1)) <= 5)


def test_a_high_score_is_drawn_more_often_and_no_unit_never():
    score = np.random.default_rng(2).uniform(0.1, 1.0, 400)
    design = designed(400, 40, score=score, mix=0.2)
    assert design.inclusion_probability.min() >= 0.2 * 0.1 - 1e-12
    assert np.corrcoef(design.inclusion_probability, score)[0, 1] > 0.98
    assert design.uniform_mix == 0.2


def test_a_budget_beyond_the_eligible_units_takes_them_all():
    design = designed(7, 20)
    assert design.drawn.all()
    assert design.inclusion_probability.tolist() == [1.0] * 7
    assert design.reason.startswith("census")


def test_the_same_seed_gives_the_same_design():
    first, second = designed(100, 10), designed(100, 10)
    assert (first.drawn == second.drawn).all()
    assert (first.inclusion_probability == second.inclusion_probability).all()


@pytest.mark.parametrize("mix", [0.0, 1.1])
def test_a_mix_that_is_no_share_is_refused(mix):
    with pytest.raises(ValueError, match="uniform_mix"):
        designed(10, 2, mix=mix)
