"""Units picked for training: the least sure, by entropy or margin, or unlike each other among those."""

import numpy as np
import pytest

from annotator.sampling.training import Training

SURE = np.array([[0.98, 0.01, 0.01], [0.5, 0.5, 0.0], [0.4, 0.3, 0.3], [0.7, 0.2, 0.1], [0.45, 0.44, 0.11]])
UNITS = np.arange(5)


@pytest.mark.parametrize(("pick", "expected"), [("entropy", [2, 4]), ("margin", [1, 4])])
def test_the_least_sure_are_picked(pick, expected):
    assert Training(0.5, pick).choose(UNITS, [SURE], 2, np.random.default_rng(1)).tolist() == expected


def test_a_classifier_is_asked_before_the_map():
    picks = Training(0.5, probabilities=[SURE[::-1]]).choose(UNITS, [SURE], 1, np.random.default_rng(1))
    assert picks.tolist() == [2]
    assert "classifier is least sure" in Training(probabilities=[SURE]).reason
    assert Training().reason == "picked where the map is least sure"


def test_only_the_given_units_are_picked():
    picks = Training(0.5).choose(np.array([0, 3]), [SURE], 1, np.random.default_rng(1))
    assert picks.tolist() == [3]


def test_picks_for_variety_come_from_every_cluster_of_unsure_units():
    rng = np.random.default_rng(2)
    member = np.repeat(np.arange(4), [70, 20, 9, 1])
    vectors = 50.0 * np.eye(4)[member] + rng.normal(size=(100, 4))
    unsure = np.full((100, 2), 0.5)
    asked = []

    def embed(rows):
        asked.append(rows)
        return vectors[rows]

    picks = Training(0.5, "diversity", embed=embed).choose(np.arange(100), [unsure], 5, rng)
    assert set(member[picks]) == {0, 1, 2, 3}
    assert (np.diff(picks) > 0).all()
    assert asked[0].size == 100
    Training(0.5, "diversity", embed=embed).choose(np.arange(100), [unsure], 2, rng)
    assert asked[1].size == 40


def test_certain_units_can_be_picked_where_there_are_no_others():
    sure = np.tile([1.0, 0.0], (6, 1))
    training = Training(0.5, "diversity", embed=lambda rows: rows[:, None].astype(float))
    assert training.choose(np.arange(6), [sure], 5, np.random.default_rng(1)).size == 5


def test_what_is_not_there_is_named():
    with pytest.raises(ValueError, match="no pick 'magic'"):
        Training(0.1, "magic")
    with pytest.raises(ValueError, match="vectors"):
        Training(0.1, "diversity")
