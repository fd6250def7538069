import numpy as np
import pytest

from annotator.sampling.design import first_round, later_round


def corpus(n_units, seed=1):
    rng = np.random.default_rng(seed)
    labels = rng.integers(-1, 3, (n_units, 1))
    confidence = np.where(rng.random((n_units, 1)) < 0.2, np.nan, rng.random((n_units, 1)))
    return labels, confidence


def later(n_units, budget, *, skill=True, mix=0.1, eligible=None, **options):
    labels, confidence = corpus(n_units)
    prediction = np.random.default_rng(2).dirichlet([0.3] * 3, n_units)
    eligible = np.ones(n_units, dtype=bool) if eligible is None else eligible
    return prediction, later_round(
        prediction,
        1.0 - prediction[:, 0],
        eligible,
        budget,
        np.random.default_rng(3),
        map_has_skill=skill,
        uniform_mix=mix,
        machine_labels=labels,
        confidence=confidence,
        **options,
    )


@pytest.mark.parametrize("budget", [1, 2, 3, 7, 50, 99, 100, 1000])
def test_the_first_round_draws_its_budget_in_even_folds(budget):
    labels, confidence = corpus(103)
    design = first_round(labels, confidence, budget, np.random.default_rng(1))
    size = min(budget, 103)
    assert design.drawn.sum() == size
    assert design.inclusion_probability.sum() == pytest.approx(size)
    per_fold = np.bincount(design.stratum[design.drawn])
    assert per_fold.size == min(5, size)
    assert np.ptp(per_fold) <= 1
    assert np.ptp(np.bincount(design.stratum)) <= 1
    expected = per_fold / np.bincount(design.stratum)
    assert design.inclusion_probability == pytest.approx(expected[design.stratum])


def test_the_first_round_spreads_over_machine_labels():
    labels, confidence = corpus(1000)
    design = first_round(labels, confidence, 100, np.random.default_rng(1))
    drawn = np.bincount(labels[design.drawn, 0] + 1)
    # A fold's share of a label is drawn to within one unit at each end of the label's stretch of the list.
    assert np.all(np.abs(drawn - 0.1 * np.bincount(labels[:, 0] + 1)) <= 5)


def test_a_first_round_can_leave_units_out():
    labels, confidence = corpus(20)
    eligible = np.arange(20) % 2 == 0
    design = first_round(labels, confidence, 4, np.random.default_rng(1), eligible=eligible)
    assert design.units.tolist() == list(range(0, 20, 2))
    assert design.drawn.sum() == 4


def test_a_later_round_draws_where_residuals_are_predicted_and_never_excludes_a_unit():
    prediction, design = later(400, 40)
    variance = (prediction * (1 - prediction)).sum(axis=1)
    assert design.drawn.sum() == 40
    assert design.inclusion_probability.sum() == pytest.approx(40)
    assert design.inclusion_probability.min() >= design.uniform_mix * 0.1 - 1e-12
    assert np.corrcoef(design.inclusion_probability, np.sqrt(variance))[0, 1] > 0.99
    assert design.reason.startswith("score")


def test_the_mix_is_never_below_the_one_asked_for():
    assert later(100, 10, mix=0.8)[1].uniform_mix == 0.8
    assert later(100, 10, mix=0.01)[1].uniform_mix >= 0.01


def test_a_map_without_skill_makes_the_round_uniform_and_says_why():
    _, design = later(100, 10, skill=False)
    assert design.inclusion_probability == pytest.approx(0.1)
    assert design.reason == "uniform: the error map has no cross-validated skill"


def test_influence_scales_the_score_with_and_without_skill():
    influence = np.where(np.arange(200) < 100, 1.0, -4.0)
    for skill in (True, False):
        _, design = later(200, 20, skill=skill, influence=influence)
        pi = design.inclusion_probability
        assert pi[100:].mean() > 1.8 * pi[:100].mean()


def test_a_budget_beyond_the_eligible_units_takes_them_all():
    eligible = np.arange(50) < 7
    _, design = later(50, 20, eligible=eligible)
    assert design.drawn.all()
    assert design.units.tolist() == list(range(7))
    assert design.inclusion_probability.tolist() == [1.0] * 7


def test_the_same_seed_gives_the_same_design():
    first, second = later(100, 10)[1], later(100, 10)[1]
    assert (first.drawn == second.drawn).all()
    assert (first.inclusion_probability == second.inclusion_probability).all()


def test_a_round_without_units_budget_or_mix_is_refused():
    with pytest.raises(ValueError, match="no unit is left"):
        later(10, 2, eligible=np.zeros(10, dtype=bool))
    with pytest.raises(ValueError, match="at least one unit"):
        later(10, 0)
    with pytest.raises(ValueError, match="uniform_mix"):
        later(10, 2, mix=0.0)
