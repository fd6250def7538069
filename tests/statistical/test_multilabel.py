"""Coverage where several codes may apply: of each code, and of what relates codes that go together."""

import numpy as np

from annotator.facets import of_sets
from annotator.inference.estimands.contrast import Contrast
from annotator.inference.estimands.mean import Mean
from annotator.inference.estimands.regression import Regression
from annotator.inference.estimate import Question
from annotator.sampling.campaign import Campaign, Inquiry, Part
from annotator.simulate.procedures import Setting
from annotator.simulate.trials import Plan, simulate
from models.signals import Signals

N, TRIALS, LEVEL = 1500, 200, 0.9
MONTE_CARLO = np.sqrt(LEVEL * (1 - LEVEL) / TRIALS)


def setting() -> Setting:
    """Two codes that mostly apply together, which predictions take to be independent."""
    rng = np.random.default_rng(4)
    common = rng.random(N) < 0.4
    first = (rng.random(N) < np.where(common, 0.85, 0.1)).astype(np.int64)
    second = (rng.random(N) < np.where(common, 0.8, 0.05)).astype(np.int64)
    confidence = rng.uniform(0.5, 1.0, N).round(2)[:, None]
    parts = []
    for name, codes in (("a", first), ("b", second)):
        guess = rng.permutation(codes)
        said = np.where(rng.random(N) < confidence[:, 0], codes, guess)
        share = Mean("prevalence", outcomes=np.array([[0.0, 1.0]]), labels=[1])
        parts.append(Part(Signals(said[:, None], confidence), ("none", name), [share]))
    both = of_sets(("a", "b"))
    by_code = np.array([both.outcome("a"), both.outcome("b")])
    outcome = 1.0 + first - 0.5 * second + rng.normal(size=N)
    related = [
        Contrast("gap", Mean("m", outcomes=by_code, labels=[1, 2]), "difference", [((1, ""), (2, ""))]),
        Regression(
            "votes",
            ("intercept", "a", "b"),
            "identity",
            np.column_stack([np.ones(N), np.zeros((N, 2))]),
            outcome=outcome,
            code_covariates=np.column_stack([np.zeros(4), by_code.T]),
        ),
    ]
    campaign = Campaign(parts, [Inquiry([0, 1], both.answers, related)], candidates=("logistic",))
    return Setting(campaign, [first, second], Question((), LEVEL), 3)


def test_every_value_covers() -> None:
    table = simulate(setting(), Plan(["rounds"], [240], TRIALS, 3), n_processes=1)
    assert len(table) == 2 + 1 + 3
    assert (table["answered"] == TRIALS).all()
    low = table[table["coverage"] < LEVEL - 0.01 - 3 * MONTE_CARLO]
    assert low.empty, low[["estimand", "term", "label", "coverage"]].to_string()
    assert table["coverage"].mean() >= LEVEL - 0.02
    off = table[np.abs(table["bias"]) > 4 * table["bias_mc_error"] + 0.1 * table["rmse"]]
    assert off.empty, off[["estimand", "term", "label", "bias", "bias_mc_error", "rmse"]].to_string()
    # The machine is worth having for what relates codes, too.
    assert (table["relative_efficiency"] > 0.95).all()
