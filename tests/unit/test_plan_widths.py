"""Planned widths are those that studies then get."""

import math
from dataclasses import replace

import numpy as np
import pytest

from annotator.campaign_estimates import campaign_estimates
from annotator.inference.estimands.mean import Mean
from annotator.inference.estimands.regression import Regression
from annotator.inference.methods import Question
from annotator.inference.sequences import boundary
from annotator.plan.outlook import after_rounds, as_if_labelled, before_gold
from annotator.plan.widths import expected_widths
from annotator.sampling.campaign import Campaign, Part
from annotator.sampling.played import play
from annotator.sampling.robust import mixed
from annotator.sampling.rounds import fit_maps
from annotator.sampling.weights import planned_probability
from models.signals import Signals

N, SKILL, SIZES = 1500, 0.7, [80] * 4
SHARE = np.array([0.5, 0.3, 0.2])
QUESTION = Question(["a", "b", "c"])
TRIALS = 12


def corpus(seed=1):
    """Codes that a machine knows in 70 % of the units and guesses in the others, and a covariate."""
    rng = np.random.default_rng(seed)
    human = rng.choice(3, N, p=SHARE)
    said = np.where(rng.random(N) < SKILL, human, rng.choice(3, N, p=SHARE))
    covariate = rng.normal(size=N) + 0.6 * (human == 0)
    return human, said, covariate


def campaign(said, covariate):
    columns = np.column_stack([np.ones(N), covariate])
    estimands = [
        Mean("prevalence"),
        Regression("drivers", ("intercept", "x"), "logit", columns, code_outcome=np.eye(3)[0], label=0),
    ]
    signals = Signals(said[:, None], np.full((N, 1), np.nan), covariate[:, None])
    return Campaign([Part(signals, ("a", "b", "c"), estimands)], candidates=("table", "logistic"))


def half_widths(rows):
    return np.array([(row.ci_high - row.ci_low) / 2 for row in rows])


@pytest.fixture(scope="module")
def played():
    """Studies played to the end: their campaign, mean half-widths by method, and plans after round 1."""
    human, said, covariate = corpus()
    camp = campaign(said, covariate)
    realised, planned = {"rounds": [], "human_only": []}, []
    for s in range(TRIALS):
        rng = np.random.default_rng([3, s])
        study = play(camp, [human], SIZES, rng)
        for method, found in realised.items():
            rows = campaign_estimates(camp, study.rounds, study.gold, QUESTION, [method])
            found.append(half_widths(rows))
        rounds = [study.rounds[0][:1]]
        first = [np.where(rounds[0][0].drawn, study.gold[0], -1)]
        outlook = after_rounds(camp, fit_maps(camp, first, rng), rounds, first)
        planned.append([w.half_width for w in expected_widths(outlook, [SIZES[1:]], QUESTION)])
    return camp, np.mean(realised["rounds"], axis=0), np.array(planned)


def test_after_a_round_the_planned_widths_are_those_of_the_finished_studies(played):
    _, realised, planned = played
    assert planned.mean(axis=0) == pytest.approx(realised, rel=0.2)
    assert np.abs(planned / realised - 1).max() < 0.6  # a single plan rests on 80 codes


def test_before_any_code_the_right_skill_gives_the_right_widths(played):
    camp, realised, _ = played
    widths = expected_widths(before_gold(camp, SKILL, sum(SIZES)), [SIZES], QUESTION)
    assert [w.half_width for w in widths] == pytest.approx(realised, rel=0.3)
    assert [w.label for w in widths] == ["a", "b", "c", "a", "a"]
    unlabelled = as_if_labelled(N, [SHARE])[0]
    unlabelled = replace(camp, parts=[replace(camp.parts[0], signals=unlabelled)])
    widths = expected_widths(before_gold(unlabelled, SKILL, sum(SIZES)), [SIZES], QUESTION)
    assert [w.half_width for w in widths] == pytest.approx(realised, rel=0.3)


def test_beside_it_stands_what_a_simple_random_sample_of_human_codes_gives():
    _, said, covariate = corpus()
    camp = campaign(said, covariate)
    width = expected_widths(before_gold(camp, SKILL, 400), [[400]], QUESTION)[0]
    share = width.estimate
    usual = 1.96 * math.sqrt(share * (1 - share) / 400 * (1 - 400 / N))
    assert width.human_only == pytest.approx(usual, rel=0.02)
    alone = replace(camp, parts=[replace(camp.parts[0], estimands=camp.estimands[:1])])
    useless = expected_widths(before_gold(alone, 0.0, 400), [[100] * 4], QUESTION)[0]
    assert useless.half_width == pytest.approx(useless.human_only, rel=0.01)


def test_more_skill_and_more_codes_narrow_the_intervals_and_a_census_leaves_none():
    _, said, covariate = corpus()
    camp = campaign(said, covariate)
    plans = [[40] * 5, [100] * 5, [N // 5] * 5]
    found = {
        skill: np.array(
            [w.half_width for w in expected_widths(before_gold(camp, skill, 500), plans, QUESTION)]
        )
        for skill in (0.0, 0.5, 0.9, 1.0)
    }
    for skill, widths in found.items():
        narrow, wide, none = widths.reshape(-1, 3)[:, ::-1].T[::-1]
        assert (narrow > wide).all()
        assert (wide > 0).all(), f"a machine of skill {skill} is not trusted blindly"
        assert none == pytest.approx(0.0)
    for weak, strong in ((0.0, 0.5), (0.5, 0.9), (0.9, 1.0)):
        assert (found[weak].reshape(-1, 3)[:, :2] > found[strong].reshape(-1, 3)[:, :2]).all()


def test_a_stopping_rule_and_a_superpopulation_widen_the_intervals():
    _, said, covariate = corpus()
    outlook = before_gold(campaign(said, covariate), SKILL, 400)
    usual = expected_widths(outlook, [[100] * 4], QUESTION)[0]
    sequence = expected_widths(outlook, [[100] * 4], QUESTION, stops=True)[0]
    assert sequence.half_width / usual.half_width == pytest.approx(boundary(1.0, 0.95) / 1.96, rel=0.02)
    sampled = expected_widths(outlook, [[100] * 4], replace(QUESTION, population="superpopulation"))[0]
    variance = usual.estimate * (1 - usual.estimate) / N
    assert sampled.half_width**2 - usual.half_width**2 == pytest.approx(1.96**2 * variance, rel=0.05)


def test_planned_rounds_are_allocated_as_real_ones():
    score = np.random.default_rng(1).exponential(size=200)
    probability = planned_probability(score, np.ones(200), 40, 0.2)
    assert probability == pytest.approx(mixed(score, 40, 0.2))
    left = 1.0 - probability
    assert left @ planned_probability(score, left, 40, 0.2) == pytest.approx(40)
