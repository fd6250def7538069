"""The alternative annotator test, against its definition written out unit by unit."""

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from annotator.coding.reliability import alternative_annotator_test
from annotator.coding.reliability.bootstrap import Measured
from annotator.coding.reliability.drift import TOO_FEW, change, slope


def played(skill_of_machine, *, n=120, n_coders=4, skill=0.75, missing=0.1, seed=1):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 4, n)

    def say(skill):
        return np.where(rng.random(n) < skill, truth, rng.integers(0, 4, n))

    codes = np.column_stack([say(skill) for _ in range(n_coders)])
    codes[rng.random(codes.shape) < missing] = -1
    return say(skill_of_machine), codes


def by_definition(machine, codes, epsilon, score):
    """Winning rate and advantage, Benjamini and Yekutieli's step-up included."""
    p_values, advantages = [], []
    for j in range(codes.shape[1]):
        machine_wins, coder_wins = [], []
        for i, row in enumerate(codes):
            others = [c for k, c in enumerate(row) if k != j and c >= 0]
            if row[j] >= 0 and len(others) >= 2:
                of_machine, of_coder = score(machine[i], others), score(row[j], others)
                machine_wins.append(of_machine >= of_coder)
                coder_wins.append(of_coder >= of_machine)
        differences = np.array(coder_wins, dtype=float) - np.array(machine_wins, dtype=float)
        p_values.append(ttest_1samp(differences, epsilon, alternative="less").pvalue)
        advantages.append(np.mean(machine_wins))
    m = len(p_values)
    bound = 0.05 / sum(1 / i for i in range(1, m + 1))
    ordered = sorted(p_values)
    n_won = max((i for i in range(1, m + 1) if ordered[i - 1] <= i / m * bound), default=0)
    return n_won / m, np.mean(advantages)


@pytest.mark.parametrize("skill", [0.4, 0.7, 0.8, 0.95])
@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.2])
def test_names_by_agreement(skill, epsilon):
    machine, codes = played(skill)
    found = alternative_annotator_test(machine, codes, epsilon)
    expected = by_definition(
        machine, codes, epsilon, lambda said, others: np.mean([said == other for other in others])
    )
    assert (found.winning_rate, found.advantage) == pytest.approx(expected)


@pytest.mark.parametrize("skill", [0.5, 0.8])
def test_numbers_by_their_distance(skill):
    machine, codes = played(skill, seed=2)
    values = [1.0, 2.0, 4.0, 8.0]
    found = alternative_annotator_test(machine, codes, 0.15, values=values)

    def score(said, others):
        return -np.sqrt(np.mean([(values[said] - values[other]) ** 2 for other in others]))

    assert (found.winning_rate, found.advantage) == pytest.approx(by_definition(machine, codes, 0.15, score))


def test_a_good_machine_passes_and_a_poor_one_fails():
    assert alternative_annotator_test(*played(0.97)).passed
    poor = alternative_annotator_test(*played(0.3))
    assert not poor.passed
    assert poor.winning_rate == 0.0


def test_epsilon_makes_passing_easier():
    machine, codes = played(0.75, seed=3)
    rates = [alternative_annotator_test(machine, codes, e).winning_rate for e in (0.0, 0.1, 0.2, 0.4)]
    assert rates == sorted(rates)
    with pytest.raises(ValueError, match="epsilon"):
        alternative_annotator_test(machine, codes, 1.0)


def test_too_few_coders_or_units_are_named():
    machine, codes = played(0.9, n_coders=2)
    assert "coded by 3 people or more" in alternative_annotator_test(machine, codes).undefined
    machine, codes = played(0.9, n=25, missing=0.0)
    found = alternative_annotator_test(machine, codes)
    assert "the most is 25" in found.undefined
    assert np.isnan(found.winning_rate)
    assert not found.passed
    assert alternative_annotator_test(machine, codes, min_units=20).compared


def test_units_without_a_machine_label_are_left_out():
    machine, codes = played(0.9, missing=0.0)
    machine[:40] = -1
    found = alternative_annotator_test(machine, codes)
    assert {each.n for each in found.compared} == {80}
    again = alternative_annotator_test(machine[40:], codes[40:])
    assert found == again


def test_drift_takes_the_rounds_that_have_intervals():
    rounds = [
        Measured(0.9, 0.85, 0.95, 80),
        Measured(np.nan, np.nan, np.nan, 0, "no unit was coded by two people"),
        Measured(0.7, 0.6, 0.8, 80),
    ]
    found = change(rounds)
    assert found.value == pytest.approx(-0.2)
    # Ends by Zou, Huang and Zhang: squares of what the ends in question are away from their values.
    assert found.ci_low == pytest.approx(-0.2 - np.hypot(0.1, 0.05))
    assert found.note == "round 1 to round 3"
    assert slope(rounds).value == pytest.approx(-0.1)
    assert slope(rounds[:2]).note == TOO_FEW
    assert np.isnan(change(rounds[:2]).value)


def test_the_slope_is_that_of_weighted_least_squares():
    values, n = np.array([0.9, 0.8, 0.85, 0.7]), np.array([10, 40, 20, 30])
    rounds = [Measured(v, v - 0.1, v + 0.1, int(k)) for v, k in zip(values, n, strict=True)]
    expected = np.polyfit(np.arange(4), values, 1, w=np.sqrt(n))[0]
    assert slope(rounds).value == pytest.approx(expected)
