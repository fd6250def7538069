"""The interval for the error of single codes covers what adjudication of every unit would have shown."""

import numpy as np
import pytest

from annotator.coding.reliability import measure
from annotator.coding.reliability.left_in_gold import single_code_accuracy

pytestmark = pytest.mark.statistical

TRIALS = 400
LEVEL = 0.95
MONTE_CARLO = np.sqrt(LEVEL * (1 - LEVEL) / TRIALS)  # 0.011


def adjudicated(rng, n, skill, n_codes):
    """Codes (n, 2) of two coders, gold (n,) of one who knows, and whether the codes differ (n,)."""
    truth = rng.integers(0, n_codes, n)
    right = np.where(rng.random(n) < 0.3, skill - 0.25, skill)[:, None]
    said = np.where(rng.random((n, 2)) < right, truth[:, None], rng.integers(0, n_codes, (n, 2)))
    differs = said[:, 0] != said[:, 1]
    return said, np.where(differs, truth, said[:, 0]), differs


@pytest.mark.parametrize("n", [30, 100])
@pytest.mark.parametrize("share_adjudicated", [1.0, 0.6])
@pytest.mark.parametrize(("skill", "n_codes"), [(0.9, 2), (0.8, 4)])
def test_it_covers(n, share_adjudicated, skill, n_codes):
    truth = single_code_accuracy(*adjudicated(np.random.default_rng(0), 400_000, skill, n_codes)).value
    covered = answered = 0
    for trial in range(TRIALS):
        rng = np.random.default_rng([2, trial])
        said, gold, differs = adjudicated(rng, n, skill, n_codes)
        # What was given up is left to chance; its gold by lot says nothing of who is right.
        done = differs & (rng.random(n) < share_adjudicated)
        found = measure([single_code_accuracy(said, gold, done)], rng, n_resamples=1000)[0]
        if not np.isnan(found.ci_low):
            answered += 1
            covered += found.ci_low <= truth <= found.ci_high
    # With few disputes there are samples in which all of them were given up.
    assert answered >= 0.9 * TRIALS
    assert covered / answered >= LEVEL - 0.02 - 3 * MONTE_CARLO
