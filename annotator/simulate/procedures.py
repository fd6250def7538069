"""Whole procedures by name: how units are drawn, and how the estimates are made from them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from annotator.budget import spread
from annotator.inference.estimands import Estimand
from annotator.inference.methods import Estimate, Question, estimate
from annotator.inference.rectify import Round
from annotator.sampling.campaign import Campaign
from annotator.sampling.played import play
from annotator.sampling.published import (
    BURN_IN,
    by_leverage,
    coded,
    confidence_driven,
    simple_random,
)
from models.arrays import IntArray

OF_SIMPLE_RANDOM = ("human_only", "machine_only", "ppi", "ppi_plus_plus", "dsl")
PROCEDURES = ("rounds", *OF_SIMPLE_RANDOM, "leverage_only", "confidence_driven")
DEFAULT = ("rounds", "human_only", "machine_only", "ppi_plus_plus", "leverage_only")


@dataclass(frozen=True)
class Setting:
    """What all trials share.

    Attributes
    ----------
    campaign : Campaign
        With the estimands of the study.
    codes : (N,) array of int
        The human code of every unit.
    question : Question
    n_rounds : int
        Rounds of ``rounds``; the others draw once.
    """

    campaign: Campaign
    codes: IntArray
    question: Question
    n_rounds: int

    @property
    def estimands(self) -> Sequence[Estimand]:
        """What is asked."""
        return self.campaign.estimands

    def estimate(self, rounds: Sequence[Round], gold: IntArray, methods: Sequence[str]) -> list[Estimate]:
        """The estimates of one trial."""
        said = self.campaign.signals.labels[:, 0]
        return estimate(
            rounds, gold, self.estimands, self.question, machine_labels=said, methods=list(methods)
        )


def smallest_budget(method: str, n_rounds: int) -> int:
    """Below this a procedure cannot run.

    >>> smallest_budget("rounds", 5), smallest_budget("confidence_driven", 5)
    (5, 51)
    """
    return {"rounds": n_rounds, "confidence_driven": BURN_IN + 1}.get(method, 1)


def trial(setting: Setting, method: str, budget: int, rng: np.random.Generator) -> list[Estimate]:
    """Play one study by one procedure; the rows of its estimates."""
    if method in OF_SIMPLE_RANDOM:
        n_units = setting.codes.size
        drawn = simple_random(n_units, setting.campaign.n_codes, budget, rng)
        return setting.estimate([drawn], coded([drawn], setting.codes), [method])
    return _OWN_DRAW[method](setting, budget, rng)


def _rounds(setting: Setting, budget: int, rng: np.random.Generator) -> list[Estimate]:
    played = play(setting.campaign, setting.codes, spread(budget, setting.n_rounds), rng)
    return setting.estimate(played.rounds, played.gold, ["rounds"])


def _leverage_only(setting: Setting, budget: int, rng: np.random.Generator) -> list[Estimate]:
    drawn = by_leverage(setting.campaign, budget, rng)
    rows = setting.estimate([drawn], coded([drawn], setting.codes), ["human_only"])
    return [replace(row, method="leverage_only") for row in rows]


def _confidence_driven(setting: Setting, budget: int, rng: np.random.Generator) -> list[Estimate]:
    drawn, gold = confidence_driven(setting.campaign, setting.codes, budget, rng)
    rows = setting.estimate([drawn], gold, ["ppi_plus_plus"])
    return [replace(row, method="confidence_driven") for row in rows]


_OWN_DRAW: dict[str, Callable[[Setting, int, np.random.Generator], list[Estimate]]] = {
    "rounds": _rounds,
    "leverage_only": _leverage_only,
    "confidence_driven": _confidence_driven,
}
