"""What the array-level estimators refuse, and that they cover; their numbers are checked in tests/parity."""

import numpy as np
import pytest

from annotator.errors import NotEstimableError
from annotator.inference import ppi

X = np.column_stack([np.ones(6), np.arange(6.0)])
Y = np.array([0.0, 1.0, 0.0, 1.0, 1.0, 0.0])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ((Y, Y[:5], Y), "differ"),
        ((Y[:, None], Y, Y), "one-dimensional"),
        ((Y[:1], Y[:1], Y), "at least two"),
        ((Y, Y, np.array([0.0, np.nan])), "finite"),
    ],
)
def test_arrays_that_are_no_sample_are_refused(arrays, message):
    for estimator in (ppi.mean, lambda *a: ppi.quantile(*a, 0.5)):
        with pytest.raises(ValueError, match=message):
            estimator(*arrays)


@pytest.mark.parametrize("regression", [ppi.ols, ppi.logistic])
def test_covariates_must_go_with_the_labels_and_with_each_other(regression):
    with pytest.raises(ValueError, match="differ"):
        regression(X[:5], Y, Y, X, Y)
    with pytest.raises(ValueError, match="go together"):
        regression(X, Y, Y, X[:, :1], Y)
    with pytest.raises(ValueError, match="finite"):
        regression(np.full((6, 2), np.inf), Y, Y, X, Y)
    with pytest.raises(NotEstimableError, match="singular"):
        regression(np.ones((6, 2)), Y, Y, np.ones((6, 2)), Y)


def test_an_unknown_method_or_an_impossible_quantile_is_refused():
    with pytest.raises(ValueError, match="no method 'dsl'"):
        ppi.mean(Y, Y, Y, method="dsl")
    with pytest.raises(ValueError, match="between 0 and 1"):
        ppi.quantile(Y, Y, Y, 1.0)


def test_a_quantile_that_the_distribution_jumps_over_has_no_interval():
    rng = np.random.default_rng(1)
    few = (rng.random(5000) < 0.9).astype(float)
    with pytest.raises(NotEstimableError, match="jumps"):
        ppi.quantile(few[:500], few[:500], few[500:], 0.5)


def test_predictions_that_never_vary_change_nothing():
    found = ppi.mean(Y, np.full(6, 0.5), np.full(50, 0.5))
    assert found.lambda_ == 1.0
    assert found.estimate == pytest.approx(Y.mean())
    assert found.high - found.estimate == pytest.approx(1.959964 * Y.std() / np.sqrt(6))


@pytest.mark.parametrize("q", [0.25, 0.5])
def test_the_tuned_quantile_covers(q):
    """ppi_py has no tuned quantile to compare with; 400 samples, Monte-Carlo error 0.015."""
    rng, covered = np.random.default_rng(2), 0
    truth = {0.25: -0.6744898 * np.sqrt(2.0), 0.5: 0.0}[q]
    for _ in range(400):
        signal = rng.normal(size=2200)
        y, y_hat = signal + rng.normal(size=2200), signal + 0.3
        found = ppi.quantile(y[:200], y_hat[:200], y_hat[200:], q, confidence_level=0.9)
        covered += int(found.low[0] <= truth <= found.high[0])
    assert 0.86 <= covered / 400 <= 0.95
