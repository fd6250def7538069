"""With the codes of all units known, estimands and their variances are those of statsmodels."""

import numpy as np
import pytest

from annotator.inference.estimands.multinomial_logit import MultinomialLogit
from annotator.inference.estimands.regression import Regression
from annotator.inference.superpopulation import clustered_variance, sampling_variance

sm = pytest.importorskip("statsmodels.api")

N, K = 600, 3
RNG = np.random.default_rng(1)
CLUSTERS = np.sort(RNG.integers(0, 40, N))
EFFECT = RNG.normal(size=40)[CLUSTERS]
OF_CLUSTERS = RNG.normal(size=40)[CLUSTERS]
X = np.column_stack([np.ones(N), 0.5 * RNG.normal(size=N) + OF_CLUSTERS, RNG.random(N) < 0.4]).astype(float)
TERMS = ("intercept", "a", "b")
LATENT = X @ [0.2, 0.6, -0.5] + EFFECT
CODES = np.digitize(LATENT + RNG.logistic(size=N), [-0.5, 1.0])
LABELS = np.eye(K)[CODES]
WEIGHTS = RNG.uniform(0.5, 2.0, N)
OUTCOMES = {
    "identity": np.array([1.0, 2.5, 4.0]),
    "logit": np.array([0.0, 0.0, 1.0]),
    "log": np.array([0.0, 1.0, 3.0]),
}
FAMILIES = {
    "identity": sm.families.Gaussian(),
    "logit": sm.families.Binomial(),
    "log": sm.families.Poisson(),
}


@pytest.fixture(params=[None, WEIGHTS], ids=["unweighted", "weighted"])
def weights(request):
    return request.param


@pytest.fixture(params=OUTCOMES)
def link(request):
    return request.param


def solved(link, weights):
    model = Regression("r", TERMS, link, X, code_outcome=OUTCOMES[link], weights=weights)
    return model.solve(LABELS)


def fitted(link, weights, **covariance):
    """The peer's fit; its ``var_weights`` are ours, since a unit of weight two is not two units."""
    outcome = OUTCOMES[link][CODES]
    return sm.GLM(outcome, X, family=FAMILIES[link], var_weights=weights).fit(tol=1e-12, **covariance)


def variances(solution):
    return np.array([sampling_variance(solution, t, LABELS) for t in range(len(solution.terms))])


def clustered(solution, clusters=CLUSTERS):
    count = len(solution.terms)
    return np.array([clustered_variance(solution, t, LABELS, clusters).variance for t in range(count)])


def test_coefficients_and_robust_variances(link, weights):
    solution, peer = solved(link, weights), fitted(link, weights, cov_type="HC0")
    assert solution.values == pytest.approx(peer.params, rel=1e-8, abs=1e-10)
    assert variances(solution) == pytest.approx(np.diag(peer.cov_params()), rel=1e-6)


def test_least_squares_and_logit_by_their_own_names(weights):
    squares = sm.WLS(OUTCOMES["identity"][CODES], X, 1.0 if weights is None else weights).fit()
    found = solved("identity", weights)
    assert found.values == pytest.approx(squares.params, rel=1e-10)
    assert variances(found) == pytest.approx(squares.HC0_se**2, rel=1e-8)
    logit = sm.Logit(OUTCOMES["logit"][CODES], X).fit(disp=False, tol=1e-12, cov_type="HC0")
    found = solved("logit", None)
    assert found.values == pytest.approx(logit.params, rel=1e-8)
    assert variances(found) == pytest.approx(logit.bse**2, rel=1e-6)


def test_the_label_as_a_covariate(weights):
    of_code = np.zeros((K, 5))
    of_code[1, 3] = of_code[2, 4] = 1.0
    outcome = LATENT + OUTCOMES["identity"][CODES]
    without = np.column_stack([X, np.zeros((N, 2))])
    model = Regression(
        "r",
        (*TERMS, "code 1", "code 2"),
        "identity",
        without,
        outcome=outcome,
        code_covariates=of_code,
        weights=weights,
    )
    solution = model.solve(LABELS)
    peer = sm.WLS(outcome, without + of_code[CODES], 1.0 if weights is None else weights).fit()
    assert solution.values == pytest.approx(peer.params, rel=1e-8)
    assert variances(solution) == pytest.approx(peer.HC0_se**2, rel=1e-8)


def test_multinomial_logit():
    solution = MultinomialLogit("m", TERMS, X).solve(LABELS)
    peer = sm.MNLogit(CODES, X).fit(disp=False, tol=1e-12, cov_type="HC0")
    # The peer has a row a covariate and a column a code; the variances are listed code by code.
    assert solution.values == pytest.approx(peer.params.T.ravel(), rel=1e-8)
    assert variances(solution) == pytest.approx(np.diag(peer.cov_params()), rel=1e-6)


def test_multinomial_logit_takes_weights_as_repeated_units():
    times = RNG.integers(1, 4, N)
    solution = MultinomialLogit("m", TERMS, X, times.astype(float)).solve(LABELS)
    again = np.repeat(np.arange(N), times)
    peer = sm.MNLogit(CODES[again], X[again]).fit(disp=False, tol=1e-12)
    assert solution.values == pytest.approx(peer.params.T.ravel(), rel=1e-8)


# The peer warns of weights that repeat a unit; these do not.
@pytest.mark.filterwarnings("ignore:cov_type not fully supported with var_weights")
def test_clusters_differ_by_the_small_sample_factor_alone(link, weights):
    """The factor is 1 / (1 - sum of squared cluster shares); the peer's own correction is turned off."""
    solution = solved(link, weights)
    uncorrected = {"groups": CLUSTERS, "use_correction": False}
    peer = fitted(link, weights, cov_type="cluster", cov_kwds=uncorrected)
    robust = np.diag(peer.cov_params())
    # Where units of a cluster are less alike than strangers, ours is the variance of independent units.
    larger = np.maximum(robust, variances(solution))
    share = np.bincount(CLUSTERS) / N
    assert (robust > variances(solution)).sum() >= 2
    assert clustered(solution) * (1.0 - share @ share) == pytest.approx(larger, rel=1e-6)


def test_clusters_of_one_size_are_corrected_as_usual():
    """By G / (G - 1); the peer multiplies by (N - 1) / (N - p) as well."""
    solution, groups = solved("identity", None), np.arange(N) // 15
    peer = fitted("identity", None, cov_type="cluster", cov_kwds={"groups": groups})
    corrected = np.diag(peer.cov_params()) * (N - X.shape[1]) / (N - 1)
    alike = np.diag(peer.cov_params()) > variances(solution) * 1.1
    assert alike.any()
    assert clustered(solution, groups)[alike] == pytest.approx(corrected[alike], rel=1e-6)
