"""Picks by uncertainty and by variety."""

import numpy as np
import pytest
from scipy.stats import entropy as peer

from models.active import core_set, entropy, margin, most_diverse, most_uncertain

RNG = np.random.default_rng(4)
P = RNG.dirichlet(np.ones(4), 50)


def test_entropy_is_that_of_scipy():
    assert entropy(P) == pytest.approx(peer(P, axis=1))
    single = np.array([[0.5], [0.1]])
    assert entropy(single, multilabel=True) == pytest.approx([peer([0.5, 0.5]), peer([0.1, 0.9])])


def test_margin_is_the_lead_of_the_best_code():
    ranked = np.sort(P, axis=1)
    assert margin(P) == pytest.approx(ranked[:, 3] - ranked[:, 2])
    assert margin(np.array([[0.9, 0.45], [0.0, 1.0]]), multilabel=True) == pytest.approx([0.1, 1.0])


def test_the_most_uncertain_come_first_and_ties_are_left_to_chance():
    picked = most_uncertain(entropy(P), 10, RNG)
    assert picked.tolist() == np.argsort(-entropy(P))[:10].tolist()
    ties = [tuple(most_uncertain(np.zeros(20), 5, np.random.default_rng(seed))) for seed in range(5)]
    assert len(set(ties)) == 5
    assert ties[0] == tuple(most_uncertain(np.zeros(20), 5, np.random.default_rng(0)))


def clusters():
    centres = 100.0 * np.eye(6)
    return np.repeat(np.arange(6), [80, 10, 5, 3, 1, 1]), centres


def test_variety_finds_every_cluster():
    member, centres = clusters()
    embeddings = centres[member] + RNG.normal(size=(100, 6))
    for picked in (most_diverse(embeddings, 6, np.random.default_rng(1)), core_set(embeddings, 6)):
        assert sorted(member[picked]) == [0, 1, 2, 3, 4, 5]
    coded = np.flatnonzero(member == 0)
    assert sorted(member[core_set(embeddings, 5, coded)]) == [1, 2, 3, 4, 5]


def test_certain_texts_are_not_picked_for_variety():
    member, centres = clusters()
    unsure = (member < 3).astype(float)
    picked = most_diverse(centres[member] + RNG.normal(size=(100, 6)), 20, np.random.default_rng(1), unsure)
    assert np.unique(picked).size == 20
    assert (member[picked] < 3).all()
    with pytest.raises(ValueError, match="96 texts cannot be picked from 95"):
        most_diverse(centres[member], 96, RNG, unsure)


def test_copies_of_a_text_are_picked_once_each():
    same = np.ones((12, 3))
    assert sorted(most_diverse(same, 12, RNG)) == list(range(12))
    assert sorted(core_set(same, 12)) == list(range(12))


@pytest.mark.parametrize("pick", [lambda n: most_uncertain(np.ones(3), n, RNG), lambda n: core_set(P[:3], n)])
@pytest.mark.parametrize("size", [0, 4])
def test_more_than_there_are_cannot_be_picked(pick, size):
    with pytest.raises(ValueError, match=f"{size} texts cannot be picked from 3"):
        pick(size)
