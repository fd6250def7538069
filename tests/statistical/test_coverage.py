"""Intervals cover as often as they say, for machines of any skill, and a useless machine costs nothing."""

from collections.abc import Sequence

import numpy as np
import pytest
from simulated_study import Corpus, play, simulate_corpus

from annotator.inference.estimands.mean import Mean
from annotator.inference.methods import Estimate, Question, estimate

pytestmark = pytest.mark.statistical

TRIALS = 200
N_UNITS = 2000
MEAN = Mean("prevalence")


def answers(
    corpus: Corpus,
    sizes: Sequence[int],
    seed: int,
    *,
    level: float = 0.90,
    methods: Sequence[str] = ("rounds",),
    looks: bool = False,
) -> list[list[Estimate]]:
    """The estimates of one simulated study: after its last round, or after every round."""
    rounds, gold = play(corpus, sizes, np.random.default_rng([11, seed]))
    question = Question(
        codes=[f"code {k}" for k in range(corpus.n_codes)],
        confidence_level=level,
        planned_labels=sum(sizes) if looks else None,
    )
    found = []
    for number in range(1, len(rounds) + 1) if looks else [len(rounds)]:
        seen = rounds[:number]
        so_far = np.where(seen[-1].known | seen[-1].drawn, gold, -1)
        found.append(estimate(seen, so_far, [MEAN], question, methods=methods))
    return found


@pytest.mark.parametrize("skill", ["none", "strong", "adversarial"])
@pytest.mark.parametrize(
    ("sizes", "share"),
    [
        ([50], [0.5, 0.5]),
        ([10] * 5, [0.6, 0.3, 0.1]),
        ([40] * 5, [0.3, 0.25, 0.15, 0.1, 0.1, 0.05, 0.05]),
        ([200], [0.95, 0.05]),
    ],
    ids=["n=50, 1 round, K=2", "n=50, 5 rounds, K=3", "n=200, 5 rounds, K=7", "n=200, 1 round, 5 %"],
)
def test_intervals_cover_as_often_as_they_say(sizes: list[int], share: list[float], skill: str) -> None:
    corpus = simulate_corpus(N_UNITS, share, skill, np.random.default_rng(5))
    covered = np.zeros((TRIALS, len(share)), dtype=bool)
    for s in range(TRIALS):
        for k, row in enumerate(answers(corpus, sizes, s)[0]):
            assert row.ci_high > row.ci_low, "no interval has zero width"
            covered[s, k] = row.ci_low <= corpus.share[k] <= row.ci_high
    # Codes of one study are dependent; 1/sqrt(trials) bounds the Monte-Carlo error: 0.021 at 0.90.
    monte_carlo = np.sqrt(0.9 * 0.1 / TRIALS)
    for rate, common in zip(covered.mean(axis=0), np.asarray(share) * sum(sizes) >= 5, strict=True):
        assert rate >= 0.90 - (0.02 if common else 0.03) - 3 * monte_carlo


def test_a_useless_machine_costs_nothing() -> None:
    corpus = simulate_corpus(N_UNITS, [0.5, 0.3, 0.2], "none", np.random.default_rng(6))
    errors = {"rounds": [], "human_only": []}
    for s in range(2 * TRIALS):
        for row in answers(corpus, [50] * 4, s, methods=("rounds", "human_only"))[0]:
            errors[row.method].append(row.estimate - corpus.share[int(row.label[-1])])
    squares = {method: np.square(values) for method, values in errors.items()}
    ratio = squares["human_only"].mean() / squares["rounds"].mean()
    # The two use the same draws, so their ratio is steadier than either: its Monte-Carlo error is about 0.02.
    difference = squares["human_only"] - squares["rounds"]
    monte_carlo = difference.std() / np.sqrt(2 * TRIALS) / squares["rounds"].mean()
    assert ratio >= 0.97 - 2 * monte_carlo


def test_a_good_machine_narrows_the_intervals() -> None:
    corpus = simulate_corpus(N_UNITS, [0.5, 0.3, 0.2], "strong", np.random.default_rng(7))
    width = {"rounds": 0.0, "human_only": 0.0}
    for s in range(50):
        for row in answers(corpus, [40] * 4, s, methods=("rounds", "human_only"))[0]:
            width[row.method] += row.ci_high - row.ci_low
    assert width["rounds"] < 0.7 * width["human_only"]


def test_looking_after_every_round_the_sequence_holds_at_all_of_them() -> None:
    corpus = simulate_corpus(N_UNITS, [0.6, 0.3, 0.1], "strong", np.random.default_rng(8))
    held = np.ones((TRIALS, 3), dtype=bool)
    for s in range(TRIALS):
        for look in answers(corpus, [30] * 5, s, looks=True):
            for row in look:
                if row.method == "rounds":
                    k = int(row.label[-1])
                    held[s, k] &= row.ci_low <= corpus.share[k] <= row.ci_high
    assert held.mean(axis=0).min() >= 0.90 - 2 * np.sqrt(0.9 * 0.1 / TRIALS)
