"""Rounds opened on arrays: what decides the draw, and what the estimate may know."""

import numpy as np
import pytest

from annotator.errors import EstimateRefusedError
from annotator.inference.estimands import Term
from annotator.inference.estimands.mean import Mean
from annotator.inference.rectify import rectify
from annotator.sampling.campaign import Campaign, Part
from annotator.sampling.played import play
from annotator.sampling.robust import Contribution, robust_mix
from annotator.sampling.rounds import (
    as_rounds,
    fit_maps,
    folds,
    open_first_round,
    open_later_round,
    predict_round,
)
from annotator.sampling.score import worth
from annotator.sampling.training import Training
from models.signals import Signals

N = 600


def truth(seed=1):
    return np.random.default_rng(seed).choice(3, N, p=[0.6, 0.3, 0.1])


def campaign(*, skilled=True, estimands=None, seed=2, **options):
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.4, 1.0, N)
    right = rng.random(N) < confidence if skilled else np.zeros(N, dtype=bool)
    said = np.where(right, truth(), rng.integers(0, 3, N))
    signals = Signals(said[:, None], confidence[:, None].round(2))
    return Campaign([Part(signals, ("a", "b", "c"), estimands or [Mean("prevalence")])], **options)


def after_one_round(camp, seed=3):
    rng = np.random.default_rng(seed)
    design = open_first_round(camp, 150, rng)
    gold = np.full(N, -1)
    drawn = design.units[design.drawn]
    gold[drawn] = truth()[drawn]
    return design, gold, fit_maps(camp, [gold], rng)[0], rng


class Leverage:
    """The first code's total with unequal weights: an estimand whose units differ in influence."""

    name = "leverage"
    terms = bounds = None

    def __init__(self, weight):
        self.weight = weight
        self.terms = (Term("total", 0, ""),)

    def solve(self, labels):
        return self

    def influence(self, t, units):
        return self.weight[units, None] * np.array([1.0, 0.0, 0.0])


def test_the_first_round_is_uniform_for_a_mean_and_follows_influence_otherwise():
    design = open_first_round(campaign(), 60, np.random.default_rng(1))
    assert design.inclusion_probability == pytest.approx(0.1)
    assert design.reason.startswith("uniform")
    weight = np.where(np.arange(N) < 300, 1.0, 4.0)
    design = open_first_round(campaign(estimands=[Leverage(weight)]), 60, np.random.default_rng(1))
    pi = design.inclusion_probability
    assert pi[300:].mean() > 2.5 * pi[:300].mean()
    assert design.reason.startswith("influence")


def test_a_later_round_goes_where_residuals_are_predicted():
    camp = campaign()
    _, gold, error_map, rng = after_one_round(camp)
    design = open_later_round(camp, [error_map], [gold], 40, rng)
    assert error_map.has_skill
    assert (gold[design.units] < 0).all()
    prediction = error_map.predict(camp.parts[0].signals)[design.units]
    score = np.sqrt(
        worth(
            camp.estimands,
            error_map.predict(camp.parts[0].signals),
            prediction_of(camp, error_map),
            design.units,
        ).variance
    )
    assert design.score == pytest.approx(score)
    sd = np.sqrt((prediction * (1 - prediction)).sum(axis=1))
    assert np.corrcoef(design.inclusion_probability, sd)[0, 1] > 0.9
    assert design.reason.startswith("score")
    assert 0.1 <= design.uniform_mix < 1


def prediction_of(camp, error_map):
    return error_map.predict(camp.parts[0].signals)


def test_a_map_without_skill_makes_the_round_uniform_and_says_why():
    camp = campaign(skilled=False)
    _, gold, error_map, rng = after_one_round(camp)
    assert not error_map.has_skill
    design = open_later_round(camp, [error_map], [gold], 45, rng)
    assert design.inclusion_probability == pytest.approx(0.1)
    assert design.reason == "uniform: the error map has no cross-validated skill"


def test_several_estimands_share_the_budget():
    weight = np.where(np.arange(N) < 300, 1.0, 9.0)
    rare = np.where(np.arange(N) < 300, 3.0, 1.0)
    units, labels = np.arange(N), np.full((N, 3), 1 / 3)
    both = worth([Leverage(weight), Leverage(rare)], labels, labels, units).variance
    one = worth([Leverage(weight)], labels, labels, units).variance
    other = worth([Leverage(rare)], labels, labels, units).variance
    assert both == pytest.approx(one + other)
    assert one.sum() == pytest.approx(1.0)


def test_an_estimand_that_cannot_be_solved_yet_is_named_and_does_not_count():
    class Unsolvable(Leverage):
        name = "hopeless"

        def solve(self, labels):
            raise EstimateRefusedError("no")

    design = open_first_round(
        campaign(estimands=[Unsolvable(np.ones(N)), Mean("m")]), 60, np.random.default_rng(1)
    )
    assert design.inclusion_probability == pytest.approx(0.1)
    assert design.reason.endswith("not counted, as they cannot be solved yet: hopeless")


def test_the_more_a_map_may_be_wrong_the_more_is_spread_uniformly():
    variance = np.linspace(0.001, 0.25, 200)
    mixes = [
        robust_mix([Contribution(variance, variance, misfit)], 20, 0.05)
        for misfit in (0.0, 0.02, 0.1, 0.5, 5.0)
    ]
    assert mixes == sorted(mixes)
    assert mixes[0] == 0.05
    assert mixes[-1] > 0.7


def test_a_prediction_owes_nothing_to_its_own_fold_but_uses_all_older_gold():
    camp = campaign()
    _, gold, error_map, rng = after_one_round(camp)
    design = open_later_round(camp, [error_map], [gold], 50, rng)
    fold = folds(design, N)
    drawn = design.units[design.drawn]
    new = gold.copy()
    new[drawn] = truth()[drawn]

    def predicted(codes):
        return predict_round(camp, [codes], fold=fold, error_maps=[error_map], rng=np.random.default_rng(9))[
            0
        ]

    changed = new.copy()
    changed[(fold == 2) & (new >= 0)] = 2
    before, after = predicted(new), predicted(changed)
    assert (before[fold == 2] == after[fold == 2]).all()
    assert (before[fold == 1] != after[fold == 1]).any()
    assert before[fold < 0] == pytest.approx(error_map.out_of_fold)
    assert np.isfinite(before).all()


def test_play_spends_its_budget_and_stops_at_a_census():
    played = play(campaign(), [truth()], [50, 30, 20], np.random.default_rng(1))
    assert [int(r.drawn.sum()) for r in played.rounds[0]] == [50, 30, 20]
    gold = played.gold[0]
    assert (gold[gold >= 0] == truth()[gold >= 0]).all()
    played = play(campaign(), [truth()], [500, 500, 20], np.random.default_rng(1))
    assert [int(r.drawn.sum()) for r in played.rounds[0]] == [500, 100]


def test_training_picks_are_certain_and_the_rest_of_the_budget_is_drawn():
    camp = campaign(training=Training(0.4))
    _, gold, error_map, rng = after_one_round(camp)
    design = open_later_round(camp, [error_map], [gold], 50, rng)
    assert design.drawn.sum() == 50
    assert design.picked.sum() == 20
    assert (design.inclusion_probability[design.picked] == 1.0).all()
    assert (np.diff(design.units) > 0).all()
    prediction = error_map.predict(camp.parts[0].signals)
    entropy = -(prediction * np.log(prediction)).sum(axis=1)
    assert entropy[design.units[design.picked]].min() >= entropy[design.units[~design.picked]].max() - 1e-9
    assert np.isfinite(design.score).all()
    assert "20 more for training" in design.reason


def test_training_picks_leave_the_estimate_unbiased():
    errors = []
    for seed in range(400):
        camp = campaign(training=Training(0.5))
        _, gold, error_map, rng = after_one_round(camp, seed)
        known = gold >= 0
        design = open_later_round(camp, [error_map], [gold], 40, rng)
        drawn = design.units[design.drawn]
        gold[drawn] = truth()[drawn]
        fold = folds(design, N)
        predictions = predict_round(camp, [gold], fold=fold, error_maps=[error_map], rng=rng)
        labels = rectify(as_rounds(design, 1, known, predictions), gold, 3).labels
        errors.append(labels.mean(axis=0) - np.eye(3)[truth()].mean(axis=0))
    errors = np.array(errors)
    assert (np.abs(errors.mean(axis=0)) < 4 * errors.std(axis=0) / 20).all()
