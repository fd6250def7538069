"""Intervals of every kind of estimand cover as often as they say, on the same draws."""

import numpy as np
import pytest
from simulated_study import simulate_corpus

from annotator.campaign_estimates import campaign_estimates
from annotator.inference.estimands.agreement import Agreement
from annotator.inference.estimands.contrast import Contrast
from annotator.inference.estimands.mean import Mean
from annotator.inference.estimands.multinomial_logit import MultinomialLogit
from annotator.inference.estimands.odds_ratio import OddsRatio
from annotator.inference.estimands.quantile import Quantile
from annotator.inference.estimands.regression import Regression
from annotator.inference.methods import Question
from annotator.sampling.campaign import Campaign, Part
from annotator.sampling.played import play
from annotator.simulate.procedures import Setting
from annotator.simulate.trials import Plan, simulate

pytestmark = pytest.mark.statistical

TRIALS = 200
N, K = 2000, 3
LEVEL = 0.90
MONTE_CARLO = np.sqrt(LEVEL * (1 - LEVEL) / TRIALS)


def corpus(skill: str):
    """Codes that depend on two covariates, and a machine of the given skill."""
    rng = np.random.default_rng(1)
    made = simulate_corpus(N, [0.4, 0.35, 0.25], skill, rng)
    age = 0.6 * (made.codes == 1) + rng.normal(size=N)
    urban = rng.random(N) < 0.3 + 0.2 * (made.codes == 2)
    weights = rng.uniform(0.5, 2.0, N)
    return made, age, urban, weights


def estimands(said, age, urban, weights):
    """One of each kind."""
    columns = np.column_stack([np.ones(N), age, urban])
    terms = ("intercept", "age", "urban")
    numbers = np.array([1.0, 2.0, 4.0])
    by_urban = Mean("m", urban.astype(np.int64), ("rural", "urban"))
    label = np.array([[0, 0], [0, 1.0], [0, 0]])
    return [
        Mean("number", weights=weights, outcomes=numbers[None, :]),
        Contrast("gap", by_urban, "difference", [((2, "urban"), (2, "rural"))]),
        Contrast("ratio", by_urban, "ratio", [((2, "urban"), (2, "rural"))]),
        Regression("ols", terms, "identity", columns, code_outcome=numbers),
        Regression("logit", terms, "logit", columns, code_outcome=np.array([0.0, 1.0, 0.0]), weights=weights),
        Regression("poisson", terms, "log", columns, code_outcome=numbers),
        Regression(
            "label inside",
            ("intercept", "one"),
            "identity",
            np.column_stack([np.ones(N), np.zeros(N)]),
            outcome=age,
            code_covariates=label,
        ),
        MultinomialLogit("multinomial", terms, columns),
        OddsRatio("odds", 2, urban),
        Quantile("quantile", numbers, [0.3, 0.6]),
        Agreement("agreement", said, ("accuracy", "f1", "macro_f1")),
    ]


@pytest.mark.parametrize("skill", ["none", "strong"])
def test_every_kind_of_estimand_covers(skill: str) -> None:
    made, age, urban, weights = corpus(skill)
    asked = estimands(made.signals.labels[:, 0], age, urban, weights)
    campaign = Campaign([Part(made.signals, ("a", "b", "c"), asked)], candidates=("logistic",))
    setting = Setting(campaign, [made.codes], Question(("a", "b", "c"), LEVEL), 3)
    table = simulate(setting, Plan(["rounds"], [240], TRIALS, 7), n_processes=1)
    assert (table["answered"] == TRIALS).all()
    # Some 25 values: the lowest of as many coverages is about 2.2 Monte-Carlo errors (0.021) below the mean.
    low = table[table["coverage"] < LEVEL - 0.02 - 3 * MONTE_CARLO]
    assert low.empty, low[["estimand", "term", "label", "coverage"]].to_string()
    assert table["coverage"].mean() >= LEVEL - 0.01
    # No value is estimated with a bias that matters beside its error.
    off = table[np.abs(table["bias"]) > 4 * table["bias_mc_error"] + 0.15 * table["rmse"]]
    assert off.empty, off[["estimand", "term", "label", "bias", "rmse"]].to_string()


def test_clusters_widen_the_intervals_of_a_superpopulation_enough() -> None:
    """Corpora are drawn anew, by clusters whose shares differ: the truth is that of the superpopulation."""
    covered = {"clusters": 0, "units": 0}
    for s in range(TRIALS):
        rng = np.random.default_rng([3, s])
        cluster = np.repeat(np.arange(50), 12)
        share = rng.beta(2, 4, 50)[cluster]
        codes = (rng.random(600) < share).astype(np.int64)
        made = simulate_corpus(600, [0.5, 0.5], "fair", rng)
        said = np.where(rng.random(600) < 0.7, codes, 1 - codes)
        signals = type(made.signals)(said[:, None], made.signals.confidence)
        campaign = Campaign([Part(signals, ("no", "yes"), [Mean("p")])], candidates=("table",))
        played = play(campaign, [codes], [100], rng)
        for name, clusters in (("clusters", cluster), ("units", None)):
            question = Question(("no", "yes"), LEVEL, "superpopulation", clusters=clusters)
            row = campaign_estimates(campaign, played.rounds, played.gold, question, ["rounds"])[1]
            covered[name] += row.ci_low <= 1 / 3 <= row.ci_high
    assert covered["clusters"] / TRIALS >= LEVEL - 0.02 - 2 * MONTE_CARLO
    assert covered["clusters"] > covered["units"]
