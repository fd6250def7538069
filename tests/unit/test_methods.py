import numpy as np
import pytest

from annotator.errors import EstimateRefusedError
from annotator.inference.estimands.mean import Mean
from annotator.inference.methods import Question, estimate
from annotator.inference.rectify import Round, rectify

CODES = ("a", "b", "c")
K = len(CODES)


def study(n_units=300, sizes=(30, 30), seed=1, pi_spread=0.5):
    """Rounds with unequal probabilities, independent draws and arbitrary predictions."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, K, n_units)
    gold = np.full(n_units, -1)
    rounds = []
    for number, size in enumerate(sizes, start=1):
        known = gold >= 0
        pi = np.where(
            known, np.nan, size / (~known).sum() * rng.uniform(1 - pi_spread, 1 + pi_spread, n_units)
        )
        drawn = ~known & (rng.random(n_units) < pi)
        prediction = rng.dirichlet(np.ones(K) * 2, n_units)
        rounds.append(Round(number, known, pi, drawn, np.zeros(n_units, dtype=np.int64), prediction))
        gold[drawn] = codes[drawn]
    return rounds, gold, codes


def census(n_units=40):
    codes = np.arange(n_units) % K
    ones = np.ones(n_units)
    prediction = np.full((n_units, K), 1 / K)
    drawn = np.ones(n_units, dtype=bool)
    return [Round(1, ~drawn, ones, drawn, np.zeros(n_units, dtype=np.int64), prediction)], codes


def rows(rounds, gold, estimand, methods=("rounds",), machine_labels=None, **options):
    question = Question(CODES, **options)
    return estimate(rounds, gold, [estimand], question, methods=methods, machine_labels=machine_labels)


def test_the_estimate_is_the_mean_of_the_rectified_labels_by_group():
    rounds, gold, _ = study()
    groups = np.arange(300) % 4 - 1
    labels = rectify(rounds, gold, K).labels
    for row in rows(rounds, gold, Mean("p")):
        assert row.estimate == pytest.approx(labels[:, CODES.index(row.label)].mean(), rel=1e-12)
    found = rows(rounds, gold, Mean("by", groups, ("x", "y", "z")))
    assert len(found) == 3 * K
    for row in found:
        inside = groups == ("x", "y", "z").index(row.group)
        expected = labels[inside, CODES.index(row.label)].mean()
        assert row.estimate == pytest.approx(expected, rel=1e-12)
        assert row.n_units == inside.sum()
        assert row.n_human == (inside & (gold >= 0)).sum()


def test_human_only_is_the_weighted_mean_of_the_codes_in_one_round():
    rounds, gold, _ = study(sizes=(40,))
    coded = gold >= 0
    weight = 1 / rounds[0].inclusion_probability[coded]
    for row in rows(rounds, gold, Mean("p"), ("human_only",)):
        one = gold[coded] == CODES.index(row.label)
        assert row.estimate == pytest.approx(weight @ one / weight.sum())
        assert row.lambda_ == 0.0


def test_a_uniform_human_only_round_has_the_textbook_standard_error():
    rng = np.random.default_rng(2)
    n_units, n = 1000, 200
    gold = np.full(n_units, -1)
    drawn = np.zeros(n_units, dtype=bool)
    drawn[rng.choice(n_units, n, replace=False)] = True
    gold[drawn] = rng.integers(0, 2, n)
    each = Round(
        1,
        np.zeros(n_units, dtype=bool),
        np.full(n_units, n / n_units),
        drawn,
        np.zeros(n_units, dtype=np.int64),
        np.full((n_units, K), 1 / K),
    )
    row = rows([each], gold, Mean("p"), ("human_only",))[0]
    p = row.estimate
    textbook = np.sqrt(p * (1 - p) / (n - 1) * (1 - n / n_units))
    assert row.std_error == pytest.approx(textbook, rel=0.01)
    assert row.n_effective == pytest.approx(n, rel=0.02)
    super_row = rows([each], gold, Mean("p"), ("human_only",), population="superpopulation")[0]
    assert super_row.std_error == pytest.approx(np.sqrt(p * (1 - p) / n), rel=0.01)
    assert super_row.n_effective == pytest.approx(row.n_effective)


def test_a_census_has_no_design_variance_in_the_corpus_and_some_in_a_superpopulation():
    rounds, codes = census()
    for row in rows(rounds, codes, Mean("p"), ("rounds", "human_only")):
        assert row.estimate == pytest.approx(np.mean(codes == CODES.index(row.label)))
        assert row.std_error == 0.0
        assert row.ci_low == row.ci_high == pytest.approx(row.estimate)
        assert row.n_effective == row.n_units
        assert row.flags == ()
    for row in rows(rounds, codes, Mean("p"), population="superpopulation"):
        p = row.estimate
        assert row.std_error == pytest.approx(np.sqrt(p * (1 - p) / 40))
        assert row.ci_low < p < row.ci_high


def test_no_residual_at_all_still_gives_a_width():
    n_units = 500
    codes = np.zeros(n_units, dtype=np.int64)
    drawn = np.arange(n_units) < 50
    prediction = np.tile([0.96, 0.02, 0.02], (n_units, 1))
    each = Round(
        1,
        np.zeros(n_units, dtype=bool),
        np.full(n_units, 0.1),
        drawn,
        np.zeros(n_units, dtype=np.int64),
        prediction,
    )
    for row in rows([each], np.where(drawn, codes, -1), Mean("p"), ("rounds", "human_only")):
        assert row.std_error > 0
        assert row.ci_high - row.ci_low > 0.005


@pytest.mark.parametrize("coded_in_group", [0, 1])
def test_a_group_with_too_few_coded_units_is_flagged_and_finite(coded_in_group):
    rounds, gold, _ = study(sizes=(60,))
    groups = np.zeros(300, dtype=np.int64)
    groups[np.flatnonzero(gold < 0)[:30]] = 1
    groups[np.flatnonzero(gold >= 0)[:coded_in_group]] = 1
    for row in rows(rounds, gold, Mean("by", groups, ("many", "few")), ("rounds", "human_only")):
        values = [row.estimate, row.std_error, row.ci_low, row.ci_high, row.n_effective]
        assert np.isfinite(values).all()
        assert row.ci_low < row.ci_high
        assert ("few_coded_units" in row.flags) == (row.group == "few")
        if row.group == "few":
            assert row.ci_high - row.ci_low > 0.3


def test_an_estimate_outside_the_range_is_reported_as_it_is_and_its_interval_clipped():
    n_units = 100
    drawn = np.arange(n_units) < 5
    prediction = np.tile([0.5, 0.5, 0.0], (n_units, 1))
    each = Round(
        1,
        np.zeros(n_units, dtype=bool),
        np.full(n_units, 0.02),
        drawn,
        np.zeros(n_units, dtype=np.int64),
        prediction,
    )
    found = rows([each], np.where(drawn, 0, -1), Mean("p"))
    assert [row.estimate for row in found] == pytest.approx([1.75, -0.75, 0.0])
    for row in found[:2]:
        assert "outside_range" in row.flags
        assert 0 <= row.ci_low < row.ci_high <= 1


def test_machine_only_counts_the_labels_that_did_not_fail_and_is_never_valid():
    rounds, gold, _ = study()
    said = np.array([0, 0, 1, -1] * 75)
    found = rows(rounds, gold, Mean("p"), ("machine_only",), machine_labels=said)
    assert [row.estimate for row in found] == pytest.approx([2 / 3, 1 / 3, 0.0])
    assert all("not_valid" in row.flags and row.n_human == 0 and row.n_effective is None for row in found)
    assert found[0].std_error == pytest.approx(np.sqrt(2 / 9 / 225))
    assert found[0].n_units == 225


def test_a_stopping_rule_gives_a_confidence_sequence_with_the_usual_interval_beside_it():
    rounds, gold, _ = study()
    found = rows(rounds, gold, Mean("p"), planned_labels=120)
    assert [row.method for row in found[:2]] == ["rounds", "rounds_fixed_n"]
    anytime, fixed = found[:2]
    assert "confidence_sequence" in anytime.flags
    assert "not_valid_under_stopping" in fixed.flags
    assert anytime.ci_low < fixed.ci_low < fixed.ci_high < anytime.ci_high
    plain = rows(rounds, gold, Mean("p"))[0]
    assert (plain.ci_low, plain.ci_high) == (fixed.ci_low, fixed.ci_high)


def test_a_higher_confidence_level_and_a_superpopulation_widen_the_interval():
    rounds, gold, _ = study()

    def width(**options):
        row = rows(rounds, gold, Mean("p"), **options)[0]
        return row.ci_high - row.ci_low

    assert width(confidence_level=0.9) < width(confidence_level=0.95) < width(confidence_level=0.99)
    assert width(population="superpopulation") > width()


def test_every_row_carries_the_flags_of_the_study():
    rounds, gold, _ = study()
    found = rows(
        rounds,
        gold,
        Mean("p"),
        ("rounds", "human_only", "machine_only"),
        machine_labels=np.zeros(300, dtype=np.int64),
        flags=("nonresponse_adjusted",),
    )
    assert len(found) == 3 * K
    assert all(row.flags[0] == "nonresponse_adjusted" for row in found)


def test_an_unknown_method_is_refused():
    rounds, gold, _ = study()
    with pytest.raises(EstimateRefusedError, match="no method 'magic'"):
        rows(rounds, gold, Mean("p"), ("magic",))
