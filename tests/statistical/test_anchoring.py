"""Intervals of the anchoring shift cover in small arms and near 0 and 1; large arms give the usual width."""

import numpy as np
import pytest

from annotator.coding.reliability.anchoring import shift

pytestmark = pytest.mark.statistical

TRIALS = 2000
LEVEL = 0.95
MONTE_CARLO = np.sqrt(LEVEL * (1 - LEVEL) / TRIALS)  # 0.005

CELLS = [
    (50, 0.1, 0.9, 0.9),
    (50, 0.1, 0.3, 0.1),
    (100, 0.1, 0.9, 0.9),
    (100, 0.1, 0.02, 0.02),
    (200, 0.1, 0.05, 0.05),
    (200, 0.1, 0.95, 0.85),
    (200, 0.5, 0.5, 0.5),
    (500, 0.1, 0.05, 0.05),
]


def equal(rng, n):
    return np.ones(n), np.zeros(n)


def unequal(rng, n):
    return rng.lognormal(0.0, 1.0, n), np.zeros(n)


def informative(rng, n):
    """One in three stands for ten times as much, and says it less often than the others (in logits)."""
    heavy = rng.random(n) < 1 / 3
    return np.where(heavy, 10.0, 1.0), np.where(heavy, -0.5, 0.5)


def said(rng, n, probability, weighting):
    weights, tilt = weighting(rng, n)
    return rng.random(n) < tilted(probability, tilt), weights


def tilted(probability, tilt):
    return 1 / (1 + (1 - probability) / probability * np.exp(-tilt))


def true_share(probability, weighting):
    if weighting is informative:
        return (10 * tilted(probability, -0.5) + 2 * tilted(probability, 0.5)) / 12
    return probability


@pytest.mark.parametrize("weighting", [equal, unequal, informative])
@pytest.mark.parametrize(("n", "share", "seen", "blind"), CELLS)
def test_intervals_cover(n, share, seen, blind, weighting):
    truth = true_share(seen, weighting) - true_share(blind, weighting)
    shown = np.arange(n) < round(share * n)
    covered = 0
    for trial in range(TRIALS):
        rng = np.random.default_rng([4, trial])
        values, weights = said(rng, n, np.where(shown, seen, blind), weighting)
        found = shift(values.astype(float), shown, weights, LEVEL)
        assert found.ci_low <= found.value <= found.ci_high
        covered += found.ci_low <= truth <= found.ci_high
    print(f"{n} {share} {seen} {blind} {weighting.__name__}: {covered / TRIALS:.3f}")
    assert covered / TRIALS >= LEVEL - 2 * MONTE_CARLO


@pytest.mark.parametrize("weighting", [equal, unequal, informative])
def test_large_arms_have_the_usual_width(weighting):
    rng = np.random.default_rng(6)
    n = 20_000
    shown = rng.random(n) < 0.2
    values, weights = said(rng, n, np.where(shown, 0.7, 0.6), weighting)
    found = shift(values.astype(float), shown, weights, LEVEL)
    usual = 2 * 1.96 * np.sqrt(variance(values, weights, shown) + variance(values, weights, ~shown))
    # A variance smaller than that of as many equal units (Kish) is not believed: at most some width more.
    assert 0.99 <= (found.ci_high - found.ci_low) / usual <= (1.02 if weighting is equal else 1.2)


def variance(values, weights, arm):
    share = weights[arm] / weights[arm].sum()
    return np.sum((share * (values[arm] - share @ values[arm])) ** 2)
