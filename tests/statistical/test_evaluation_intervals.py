"""The intervals of a classifier's figures cover as often as they say, on samples of unequal probabilities."""

import numpy as np
import pytest

from models.evaluation import evaluate
from models.label_map import LabelMap

TRIALS, LEVEL = 120, 0.9


@pytest.mark.statistical
def test_weighted_intervals_of_the_macro_f1_cover():
    """

    A code with the share 0.2, about 550 of 50,000 texts drawn, four times as often where it is predicted.
    """
    chance = np.random.default_rng(7)
    n = 50_000
    labels = (chance.random(n) < 0.2).astype(int)
    said = np.where(chance.random(n) < 0.85, labels, 1 - labels)
    inclusion = np.where(said == 1, 0.02, 0.005)
    label_map = LabelMap(("a", "b"))

    def f1(drawn, weights, n_resamples):
        table = evaluate(
            label_map,
            labels[drawn],
            np.eye(2)[said[drawn]],
            rng=chance,
            weights=weights,
            level=LEVEL,
            n_resamples=n_resamples,
        )
        return table[table["metric"] == "f1_macro"].iloc[0]

    truth = f1(np.ones(n, dtype=bool), None, 0)["estimate"]
    covered = 0
    for _ in range(TRIALS):
        drawn = chance.random(n) < inclusion
        found = f1(drawn, 1.0 / inclusion[drawn], 60)
        covered += found["ci_low"] <= truth <= found["ci_high"]
    assert abs(covered / TRIALS - LEVEL) < 3 * np.sqrt(LEVEL * (1 - LEVEL) / TRIALS)
