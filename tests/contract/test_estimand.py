"""What every estimand must do: move with the labels as its influence says, and ignore a label's order."""

import numpy as np
import pytest

from annotator.errors import NotEstimableError
from annotator.inference.estimands import Reported, ReportingSolution
from annotator.inference.estimands.agreement import Agreement
from annotator.inference.estimands.contrast import Contrast
from annotator.inference.estimands.custom import Custom
from annotator.inference.estimands.mean import Mean
from annotator.inference.estimands.multinomial_logit import MultinomialLogit
from annotator.inference.estimands.odds_ratio import OddsRatio
from annotator.inference.estimands.quantile import Quantile
from annotator.inference.estimands.regression import Regression
from annotator.inference.estimands.subset import Subset
from annotator.inference.expected import OutcomeSolution

N, K = 90, 3
RNG = np.random.default_rng(1)
X = np.column_stack([np.ones(N), RNG.normal(size=N), RNG.random(N) < 0.4]).astype(float)
TERMS = ("intercept", "a", "b")
GROUPS = RNG.integers(-1, 2, N)
SAID = RNG.integers(-1, K, N)
WEIGHTS = RNG.uniform(0.5, 2.0, N)
FIRST = np.array([1.0, 0.0, 0.0])
NUMBERS = np.array([1.0, 2.5, 4.0])
OUTCOME = X @ [0.2, 0.5, -0.3] + RNG.normal(size=N)
MEAN = Mean("m", GROUPS, ("left", "right"), WEIGHTS)
CODE_COLUMNS = np.zeros((K, 4))
CODE_COLUMNS[1, 3] = 1.0
WITH_LABEL = np.column_stack([X, np.zeros(N)])


class UserMean:
    terms, start = ("mine",), np.zeros(1)

    def score(self, theta, code):
        return (X[:, 1] + NUMBERS[code])[:, None] - theta


class UserMeanWithDerivative(UserMean):
    def derivative(self, theta, code):
        return -np.ones((N, 1, 1))


ESTIMANDS = {
    "mean": Mean("e"),
    "mean by group, weighted": MEAN,
    "mean of numbers": Mean("e", weights=WEIGHTS, outcomes=NUMBERS[None, :]),
    "difference of groups": Contrast(
        "e", MEAN, "difference", [((k, "right"), (k, "left")) for k in range(K)]
    ),
    "ratio of groups": Contrast("e", MEAN, "ratio", [((k, "right"), (k, "left")) for k in range(K)]),
    "ratio of codes": Contrast("e", Mean("m"), "ratio", [((2, ""), (0, ""))]),
    "ols": Regression("e", TERMS, "identity", X, code_outcome=NUMBERS, weights=WEIGHTS),
    "logit": Regression("e", TERMS, "logit", X, code_outcome=FIRST),
    "poisson": Regression("e", TERMS, "log", X, code_outcome=NUMBERS, weights=WEIGHTS),
    "ols, label a covariate": Regression(
        "e", (*TERMS, "code"), "identity", WITH_LABEL, outcome=OUTCOME, code_covariates=CODE_COLUMNS
    ),
    "logit, label a covariate": Regression(
        "e",
        (*TERMS, "code"),
        "logit",
        WITH_LABEL,
        outcome=(OUTCOME > 0).astype(float),
        code_covariates=CODE_COLUMNS,
        weights=WEIGHTS,
    ),
    "multinomial logit": MultinomialLogit("e", TERMS, X, WEIGHTS),
    "odds ratio": OddsRatio("e", 1, X[:, 2] == 1, WEIGHTS),
    "quantile": Quantile("e", NUMBERS, [0.3, 0.5], WEIGHTS),
    "agreement": Agreement("e", SAID, weights=WEIGHTS),
    "own": Custom("e", UserMean()),
    "own, with derivative": Custom("e", UserMeanWithDerivative(), WEIGHTS),
    "subset": Subset(
        Regression("e", TERMS, "logit", X[GROUPS == 1], code_outcome=FIRST),
        np.flatnonzero(GROUPS == 1),
        "right",
    ),
}


@pytest.fixture(params=ESTIMANDS.values(), ids=ESTIMANDS.keys())
def estimand(request):
    return request.param


def labels(seed=2):
    """Rows that sum to one, some entries negative, as rectified labels are."""
    rng = np.random.default_rng(seed)
    rows = rng.dirichlet([2.0] * K, N)
    drawn = rng.random(N) < 0.3
    rows[drawn] += 1.5 * (np.eye(K)[rng.integers(0, K, drawn.sum())] - rows[drawn])
    return rows


def test_the_influence_is_the_derivative_by_the_labels(estimand):
    z = labels()
    solution = estimand.solve(z)
    assert len(solution.terms) == solution.values.size
    rng = np.random.default_rng(3)
    for t in range(solution.values.size):
        influence = solution.influence(t, np.arange(N))
        direction = rng.normal(size=(N, K))
        step = 1e-5
        ahead, behind = estimand.solve(z + step * direction), estimand.solve(z - step * direction)
        slope = (ahead.values[t] - behind.values[t]) / (2 * step)
        assert (influence * direction).sum() == pytest.approx(slope, rel=2e-5, abs=1e-7)


def test_only_units_of_the_support_have_influence(estimand):
    solution = estimand.solve(labels())
    for t in range(solution.values.size):
        support = solution.support(t)
        assert (np.diff(support) > 0).all()
        outside = np.setdiff1d(np.arange(N), support)
        assert not solution.influence(t, outside).any()
        assert solution.influence(t, support) == pytest.approx(solution.influence(t, np.arange(N))[support])
        some = np.array([5, 17, 40])
        assert solution.influence(t, some) == pytest.approx(solution.influence(t, np.arange(N))[some])


def test_at_the_root_the_influences_cancel(estimand):
    z = labels()
    solution = estimand.solve(z)
    for t in range(solution.values.size):
        assert (z * solution.influence(t, np.arange(N))).sum() == pytest.approx(0.0, abs=1e-7)


def test_an_outcome_estimand_says_the_same_in_both_ways(estimand):
    solution = estimand.solve(labels())
    if not isinstance(solution, OutcomeSolution):
        pytest.skip("the label is not an outcome")
    for t in range(solution.values.size):
        units = solution.support(t)
        influence, leverage = solution.influence(t, units), solution.leverage(t, units)
        deviation = solution.outcome(t) - solution.fitted(t, units)[:, None]
        assert influence == pytest.approx(leverage[:, None] * deviation)


def test_a_reported_interval_holds_the_estimate(estimand):
    solution = estimand.solve(labels())
    if not isinstance(solution, ReportingSolution):
        pytest.skip("reported as it is estimated")
    for t, value in enumerate(solution.values):
        found = solution.report(t, Reported(float(value), 0.1, value - 0.2, value + 0.2), 0.95)
        assert found.low <= found.estimate <= found.high
        assert np.isfinite([found.estimate, found.std_error, found.low, found.high]).all()


@pytest.mark.parametrize(
    "hopeless",
    [
        Regression("e", ("i", "x"), "logit", np.column_stack([np.ones(4), [0, 0, 1, 1]]), FIRST[:2]),
        Regression("e", ("i", "x"), "identity", np.ones((4, 2)), FIRST[:2]),
        MultinomialLogit("e", ("i", "x"), np.column_stack([np.ones(4), [0, 0, 1, 1]])),
        OddsRatio("e", 0, np.array([False, False, True, True])),
        Contrast("e", Mean("m", np.array([0, 0, 1, 1]), ("a", "b")), "ratio", [((0, "a"), (0, "b"))]),
        Agreement("e", np.array([0, 0, 0, 0])),
    ],
    ids=["separation", "constant", "separated codes", "empty cell", "ratio to zero", "code never given"],
)
def test_what_has_no_answer_is_refused(hopeless):
    with pytest.raises(NotEstimableError):
        hopeless.solve(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]))
