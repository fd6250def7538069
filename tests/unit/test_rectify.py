from dataclasses import replace

import numpy as np
import pytest

from annotator.errors import EstimateRefusedError
from annotator.inference.rectify import Round, rectify

N, K = 6, 3


def one_round(number=1, known=(), drawn=(0, 1), pi=0.5, weight=None):
    rng = np.random.default_rng(number)
    is_known = np.isin(np.arange(N), known)
    return Round(
        number=number,
        known=is_known,
        inclusion_probability=np.where(is_known, np.nan, pi),
        drawn=np.isin(np.arange(N), drawn),
        stratum=np.zeros(N, dtype=np.int64),
        prediction=rng.dirichlet(np.ones(K), N),
        weight=weight,
    )


GOLD = np.array([0, 1, -1, -1, -1, -1])


def test_labels_follow_the_formula_round_by_round():
    first, second = one_round(1), one_round(2, known=(0, 1), drawn=(4,), pi=0.25)
    gold = np.array([0, 1, -1, -1, 2, -1])
    result = rectify([first, second], gold, K)
    y = np.eye(K)
    z1, z2 = first.prediction.copy(), second.prediction.copy()
    for i, code in ((0, 0), (1, 1)):
        z1[i] += (y[code] - first.prediction[i]) / 0.5
        z2[i] = y[code]
    z2[4] += (y[2] - second.prediction[4]) / 0.25
    # Sizes: six units at one half, then four at one quarter.
    assert result.round_weights == pytest.approx([0.75, 0.25])
    assert result.labels == pytest.approx(0.75 * z1 + 0.25 * z2)
    assert result.labels.sum(axis=1) == pytest.approx(1.0)


def test_a_round_can_bring_its_own_weight():
    rounds = [one_round(1, weight=1.0), one_round(2, known=(0, 1), drawn=(4,), weight=3.0)]
    assert rectify(rounds, np.array([0, 1, -1, -1, 2, -1]), K).round_weights.tolist() == [0.25, 0.75]


def test_a_census_gives_the_codes_back():
    gold = np.array([0, 1, 2, 2, 1, 0])
    census = one_round(drawn=range(N), pi=1.0)
    assert rectify([census], gold, K).labels == pytest.approx(np.eye(K)[gold])


def spoiled(index, **changes):
    each = one_round()
    for name, value in changes.items():
        array = getattr(each, name).copy()
        array[index] = value
        each = replace(each, **{name: array})
    return each


@pytest.mark.parametrize("value", [np.nan, 0.0, -0.5, 1.5, np.inf])
@pytest.mark.parametrize("unit", [0, 5])
def test_a_missing_or_impossible_inclusion_probability_is_refused(value, unit):
    with pytest.raises(EstimateRefusedError, match="no valid inclusion probability in round 1") as error:
        rectify([spoiled(unit, inclusion_probability=value)], GOLD, K)
    assert f"position {unit}" in error.value.message
    assert error.value.hint


def test_a_drawn_unit_without_a_code_is_refused():
    with pytest.raises(EstimateRefusedError, match="no human code"):
        rectify([one_round(drawn=(0, 1, 2))], GOLD, K)


def test_a_code_collected_outside_the_ledger_is_refused():
    with pytest.raises(EstimateRefusedError, match="no round drew"):
        rectify([one_round()], np.array([0, 1, -1, 2, -1, -1]), K)


@pytest.mark.parametrize("code", [3, -2])
def test_a_code_outside_the_codebook_is_refused(code):
    with pytest.raises(EstimateRefusedError, match="not one of the 3 codes"):
        rectify([one_round()], np.array([code, 1, -1, -1, -1, -1]), K)


@pytest.mark.parametrize("value", [np.nan, 2.0])
def test_predictions_that_are_not_probabilities_are_refused(value):
    with pytest.raises(EstimateRefusedError, match="not probabilities"):
        rectify([spoiled((3, 1), prediction=value)], GOLD, K)


def test_a_unit_drawn_twice_is_refused():
    with pytest.raises(EstimateRefusedError, match="had a code before"):
        rectify([one_round(), one_round(2, known=(0, 1), drawn=(0,))], GOLD, K)


def test_predictions_of_another_shape_and_no_rounds_are_refused():
    with pytest.raises(EstimateRefusedError, match="shape"):
        rectify([one_round()], GOLD, 2)
    with pytest.raises(EstimateRefusedError, match="no closed round"):
        rectify([], GOLD, K)
