"""The array-level estimators give what ppi_py gives on the same arrays.

Two-sided intervals only: with lambda left to be tuned, ppi_py's interval of a mean forgets on the way that a
one-sided one was asked for.
"""

from types import SimpleNamespace

import numpy as np
import pytest

from annotator.inference import ppi

peer = pytest.importorskip("ppi_py")

TOLERANCE = {"rel": 1e-6, "abs": 1e-6}
LAMBDA = {"ppi": 1.0, "ppi_plus_plus": None}
SEEDS = (1, 2, 3)
PREDICTIONS = ("good, continuous", "good, binary", "useless, continuous", "useless, binary", "biased")

# ppi_py starts its logistic regression with an argument of scikit-learn that is going away.
pytestmark = pytest.mark.filterwarnings("ignore:'penalty' was deprecated:FutureWarning")


def sample(seed, predictions, n=300, n_unlabelled=4000):
    """A binary label, a numeric one, and predictions of both."""
    rng = np.random.default_rng(seed)
    total = n + n_unlabelled
    x = np.column_stack([np.ones(total), rng.normal(size=total), rng.random(total) < 0.3])
    probability = 1.0 / (1.0 + np.exp(-x @ [-0.4, 0.8, 0.5]))
    y = (rng.random(total) < probability).astype(float)
    y_hat = {
        "good, continuous": 0.7 * y + 0.3 * rng.random(total),
        "good, binary": np.where(rng.random(total) < 0.9, y, 1.0 - y),
        "useless, continuous": rng.random(total),
        "useless, binary": (rng.random(total) < 0.5).astype(float),
        "biased": 0.8 * probability + 0.2,
    }[predictions]
    noise = rng.normal(size=total)
    near, far = slice(0, n), slice(n, None)
    return SimpleNamespace(
        x=x[near],
        x_far=x[far],
        y=y[near],
        y_hat=y_hat[near],
        y_far=y_hat[far],
        number=(3.0 * y + noise)[near],
        number_hat=(3.0 * y_hat + 0.5 * noise)[near],
        number_far=(3.0 * y_hat + 0.5 * noise)[far],
    )


@pytest.fixture(params=SEEDS)
def seed(request):
    return request.param


@pytest.fixture(params=PREDICTIONS)
def data(request, seed):
    return sample(seed, request.param)


@pytest.fixture(params=LAMBDA)
def method(request):
    return request.param


def assert_same(found, estimate, interval):
    assert found.estimate == pytest.approx(np.ravel(estimate), **TOLERANCE)
    assert found.low == pytest.approx(np.ravel(interval[0]), **TOLERANCE)
    assert found.high == pytest.approx(np.ravel(interval[1]), **TOLERANCE)


@pytest.mark.parametrize("numeric", [False, True], ids=["share", "number"])
def test_mean(data, method, numeric):
    arrays = (data.number, data.number_hat, data.number_far) if numeric else (data.y, data.y_hat, data.y_far)
    lam = LAMBDA[method]
    assert_same(
        ppi.mean(*arrays, method=method, confidence_level=0.9),
        peer.ppi_mean_pointestimate(*arrays, lam=lam),
        peer.ppi_mean_ci(*arrays, alpha=0.1, lam=lam),
    )


def test_ols(data, method):
    arrays = (data.x, data.number, data.number_hat, data.x_far, data.number_far)
    lam = LAMBDA[method]
    assert_same(
        ppi.ols(*arrays, method=method, confidence_level=0.95),
        peer.ppi_ols_pointestimate(*arrays, lam=lam),
        peer.ppi_ols_ci(*arrays, alpha=0.05, lam=lam),
    )


def test_logistic(data, method):
    arrays = (data.x, data.y, data.y_hat, data.x_far, data.y_far)
    lam = LAMBDA[method]
    assert_same(
        ppi.logistic(*arrays, method=method, confidence_level=0.9),
        peer.ppi_logistic_pointestimate(*arrays, lam=lam),
        peer.ppi_logistic_ci(*arrays, alpha=0.1, lam=lam),
    )


@pytest.mark.parametrize("exact", [False, True], ids=["grid", "exact"])
@pytest.mark.parametrize("q", [0.1, 0.5, 0.8])
def test_quantile(data, q, exact):
    arrays = (data.number, data.number_hat, data.number_far)
    assert_same(
        ppi.quantile(*arrays, q, exact=exact, method="ppi", confidence_level=0.9),
        peer.ppi_quantile_pointestimate(*arrays, q, exact_grid=exact),
        peer.ppi_quantile_ci(*arrays, q, alpha=0.1, exact_grid=exact),
    )


def test_quantile_of_a_rounded_number(seed):
    data = sample(seed, "good, continuous")
    arrays = tuple(np.round(each, 1) for each in (data.number, data.number_hat, data.number_far))
    assert_same(
        ppi.quantile(*arrays, 0.4, method="ppi", confidence_level=0.9),
        peer.ppi_quantile_pointestimate(*arrays, 0.4),
        peer.ppi_quantile_ci(*arrays, 0.4, alpha=0.1),
    )


def test_a_single_covariate(seed):
    data = sample(seed, "good, binary")
    one, one_far = data.x[:, :1], data.x_far[:, :1]
    arrays = (one, data.y, data.y_hat, one_far, data.y_far)
    assert_same(ppi.ols(*arrays), peer.ppi_ols_pointestimate(*arrays), peer.ppi_ols_ci(*arrays, alpha=0.05))


def test_the_second_tuning_moves_the_centre_by_little():
    data = sample(1, "good, continuous")
    found = ppi.logistic(data.x, data.y, data.y_hat, data.x_far, data.y_far)
    assert (np.abs((found.low + found.high) / 2 - found.estimate) < 0.02 * (found.high - found.low)).all()


def test_lambda_leaves_useless_predictions_out_and_keeps_good_ones(seed):
    useless, good = sample(seed, "useless, binary"), sample(seed, "good, binary")
    for data, low, high in ((useless, 0.0, 0.2), (good, 0.5, 1.0)):
        numbers = (data.number, data.number_hat, data.number_far)
        regression = (data.x, data.y, data.y_hat, data.x_far, data.y_far)
        for found in (
            ppi.mean(data.y, data.y_hat, data.y_far),
            ppi.ols(*regression),
            ppi.logistic(*regression),
            ppi.quantile(*numbers, 0.5),
        ):
            assert low <= found.lambda_ <= high
    numbers = (useless.number, useless.number_hat, useless.number_far)
    tuned, untuned = (ppi.quantile(*numbers, 0.5, method=m) for m in ("ppi_plus_plus", "ppi"))
    assert tuned.high - tuned.low < untuned.high - untuned.low
