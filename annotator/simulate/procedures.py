"""Whole procedures by name: how units are drawn, and how the estimates are made from them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from annotator.budget import spread
from annotator.campaign_estimates import campaign_estimates
from annotator.inference.estimate import Estimate, Question
from annotator.inference.rectify import Round
from annotator.sampling.campaign import Campaign, Gold
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
    codes : sequence of (N,) arrays of int
        The human code of every unit, for each part.
    question : Question
    n_rounds : int
        Rounds of ``rounds``; the others draw once.
    """

    campaign: Campaign
    codes: Gold
    question: Question
    n_rounds: int

    def estimate(
        self, rounds: Sequence[Sequence[Round]], gold: Gold, methods: Sequence[str]
    ) -> list[Estimate]:
        """The estimates of one trial, from the rounds of each part."""
        return campaign_estimates(self.campaign, rounds, gold, self.question, methods)

    def coded(self, rounds: Sequence[Sequence[Round]]) -> list[IntArray]:
        """The codes that some rounds of each part brought."""
        return [coded(of, codes) for of, codes in zip(rounds, self.codes, strict=True)]


def smallest_budget(method: str, n_rounds: int) -> int:
    """Below this a procedure cannot run.

    >>> smallest_budget("rounds", 5), smallest_budget("confidence_driven", 5)
    (5, 51)
    """
    return {"rounds": n_rounds, "confidence_driven": BURN_IN + 1}.get(method, 1)


def trial(setting: Setting, method: str, budget: int, rng: np.random.Generator) -> list[Estimate]:
    """Play one study by one procedure; the rows of its estimates."""
    if method in OF_SIMPLE_RANDOM:
        rounds = simple_random(setting.campaign, budget, rng)
        return setting.estimate(rounds, setting.coded(rounds), [method])
    return _OWN_DRAW[method](setting, budget, rng)


def _rounds(setting: Setting, budget: int, rng: np.random.Generator) -> list[Estimate]:
    played = play(setting.campaign, setting.codes, spread(budget, setting.n_rounds), rng)
    return setting.estimate(played.rounds, played.gold, ["rounds"])


def _leverage_only(setting: Setting, budget: int, rng: np.random.Generator) -> list[Estimate]:
    rounds = by_leverage(setting.campaign, budget, rng)
    rows = setting.estimate(rounds, setting.coded(rounds), ["human_only"])
    return [replace(row, method="leverage_only") for row in rows]


def _confidence_driven(setting: Setting, budget: int, rng: np.random.Generator) -> list[Estimate]:
    rounds = confidence_driven(setting.campaign, setting.codes, budget, rng)
    rows = setting.estimate(rounds, setting.coded(rounds), ["ppi_plus_plus"])
    return [replace(row, method="confidence_driven") for row in rows]


_OWN_DRAW: dict[str, Callable[[Setting, int, np.random.Generator], list[Estimate]]] = {
    "rounds": _rounds,
    "leverage_only": _leverage_only,
    "confidence_driven": _confidence_driven,
}
