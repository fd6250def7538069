"""What is expected of every unit before it is coded: from a prior, or from the human codes so far."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from annotator.inference.rectify import Round, rectify
from annotator.sampling.campaign import (
    UNKNOWN,
    Campaign,
    Expected,
    Gold,
    Part,
    campaign_worth,
    worth_before_gold,
)
from annotator.sampling.rounds import expected_codes, uniform_share
from annotator.sampling.score import Worth
from models.arrays import BoolArray, FloatArray, IntArray
from models.base_rate import BaseRate, OneCoin, fit_one_coin
from models.candidates import inside
from models.error_map import ErrorMap
from models.signals import Signals

MACHINE_COUNTS_AS = 100.0
LEAST_SKILL = 0.5


@dataclass(frozen=True)
class Spreading:
    """How a round's budget is spread: by scores (N,), but for a share that is uniform."""

    score: FloatArray
    uniform_mix: float


@dataclass(frozen=True)
class Outlook:
    """What a plan starts from; N units, and K codes in each part of the campaign.

    Attributes
    ----------
    campaign : Campaign
        With the estimands of the study.
    prediction : sequence of (N, K) arrays
        Expected probabilities of the codes: what the residuals of the rounds to come follow from.
    labels : sequence of (N, K) arrays
        Labels to solve the estimands with: those of the machine, or rectified ones. Rows sum to one, entries
        may leave [0, 1].
    gold : sequence of (N,) arrays of int
        Human codes of the closed rounds, -1 where there is none.
    rounds : sequence of sequences of Round
        The closed rounds of each part.
    next_round, later_rounds : Spreading
        For the next round, and for those after it.
    """

    campaign: Campaign
    prediction: Sequence[FloatArray]
    labels: Sequence[FloatArray]
    gold: Gold
    rounds: Sequence[Sequence[Round]]
    next_round: Spreading
    later_rounds: Spreading

    @property
    def n_units(self) -> int:
        """N, the number of units."""
        return self.campaign.n_units

    @property
    def known(self) -> BoolArray:
        """Units that are coded, (N,)."""
        known: BoolArray = self.gold[0] != UNKNOWN
        return known

    @property
    def n_coded(self) -> int:
        """How many units are coded."""
        return int(self.known.sum())

    @property
    def closed(self) -> Sequence[Round]:
        """The closed rounds as they were drawn; predictions are those of the first part."""
        return self.rounds[0]


def before_gold(campaign: Campaign, skill: float, budget: int) -> Outlook:
    """The outlook before the first round is closed, from a prior skill of the machine.

    A machine label is taken to tell the code with probability ``skill`` and to be a guess otherwise, so that
    ``P(code | label) = skill * 1[label] + (1 - skill) * share``; several annotators are averaged, as they may
    err together. The shares are those of the machine labels. Like a map fitted on ``budget`` codes, the
    prediction leaves room for the errors that so many codes cannot rule out (`inside`).

    Parameters
    ----------
    campaign : Campaign
    skill : float
        Share of units, beyond chance, that the machine is right about, from 0 to 1.
    budget : int
        Human codes of the whole plan.
    """
    prediction, labels = [], []
    for part in campaign.parts:
        said = part.signals.labels
        counts = np.bincount(said[said >= 0], minlength=part.n_codes) + 0.5
        share = counts / counts.sum()
        prediction.append(inside(_one_coin(said, share, skill), BaseRate(share), budget))
        labels.append(_machine_labels(said, share, 1.0))
    units = np.arange(campaign.n_units)
    later = campaign_worth(campaign, Expected(prediction, prediction), units)[1]
    return Outlook(
        campaign=campaign,
        prediction=prediction,
        labels=labels,
        gold=[np.full(campaign.n_units, UNKNOWN, dtype=np.int64) for _ in campaign.parts],
        rounds=[() for _ in campaign.parts],
        next_round=_spreading(worth_before_gold(campaign), campaign.uniform_mix, units, units.size),
        later_rounds=_spreading(later, campaign.uniform_mix, units, units.size),
    )


def after_rounds(
    campaign: Campaign,
    error_maps: Sequence[ErrorMap],
    rounds: Sequence[Sequence[Round]],
    gold: Gold,
) -> Outlook:
    """The outlook after some closed rounds, from the error maps on their human codes.

    The rounds to come are spread as `open_later_round` would spread the next one. The estimands are solved
    with rectified labels; those of few codes are too noisy for that, so that they are averaged with the
    machine's, which count as 100 codes.

    Parameters
    ----------
    campaign : Campaign
    error_maps : sequence of ErrorMap
        Of each part, on all gold.
    rounds : sequence of sequences of Round
        The closed rounds of each part, at least one. Some units must be left.
    gold : sequence of (N,) arrays of int
        Human codes, -1 where there is none.
    """
    prediction = [m.predict(part.signals) for m, part in zip(error_maps, campaign.parts, strict=True)]
    units = np.flatnonzero(gold[0] == UNKNOWN)
    expected = Expected(prediction, expected_codes(error_maps, prediction))
    each, of_units = campaign_worth(campaign, expected, units)
    size = min(int(rounds[0][-1].drawn.sum()), units.size)
    mix, _ = uniform_share(campaign, error_maps, each, gold, size=size, expected=expected.at(units))
    spreading = _spreading(of_units, mix, units, campaign.n_units)
    return Outlook(
        campaign=campaign,
        prediction=prediction,
        labels=[
            _labels(*of_part)
            for of_part in zip(campaign.parts, error_maps, prediction, rounds, gold, strict=True)
        ],
        gold=gold,
        rounds=rounds,
        next_round=spreading,
        later_rounds=spreading,
    )


def as_if_labelled(n_units: int, shares: Sequence[Sequence[float]]) -> list[Signals]:
    """Signals of units nobody has labelled, for each part: labels with its shares (K,), evenly spread.

    Every stretch of the corpus gets the shares as nearly as it can, so that labels and covariates are
    unrelated even if the corpus is sorted by one; so are the parts to each other (an additive recurrence in
    as many dimensions, Roberts 2018; the golden ratio in one).

    >>> said = as_if_labelled(1000, [[0.5, 0.25, 0.25]])[0].labels[:, 0]
    >>> np.bincount(said).tolist(), np.bincount(said[:100]).tolist()
    ([500, 251, 249], [49, 27, 24])
    """
    root = 2.0
    for _ in range(60):
        root = (1.0 + root) ** (1.0 / (len(shares) + 1))
    found = []
    for j, share in enumerate(shares, start=1):
        place = (0.5 + root**-j * np.arange(n_units)) % 1.0
        edges = np.cumsum(share)[:-1] / np.sum(share)
        labels = np.searchsorted(edges, place, side="right").astype(np.int64)
        found.append(Signals(labels[:, None], np.full((n_units, 1), np.nan)))
    return found


def _labels(
    part: Part, error_map: ErrorMap, prediction: FloatArray, rounds: Sequence[Round], gold: IntArray
) -> FloatArray:
    """Rectified labels averaged with the machine's, moved to the mean that the map gives.

    A machine that guesses now and then weakens every association by its skill. That is undone, but not wholly
    below a skill of one half, where little but noise would grow.
    """
    said, coded = part.signals.labels, gold != UNKNOWN
    n_coded = int(coded.sum())
    of_each = [fit_one_coin(one[coded], gold[coded], error_map.base, np.ones(n_coded)) for one in said.T]
    skill = float(np.mean([one.skill for one in of_each]))
    of_machine = _machine_labels(said, prediction.mean(axis=0), skill / max(skill, LEAST_SKILL) ** 2)
    rectified = rectify(rounds, gold, part.n_codes).labels
    return (n_coded * rectified + MACHINE_COUNTS_AS * of_machine) / (n_coded + MACHINE_COUNTS_AS)


def _one_coin(said: IntArray, share: FloatArray, skill: float) -> FloatArray:
    """P(code | machine labels), (N, K), from labels (N, A); a failed label tells nothing."""
    expected: FloatArray = OneCoin(share, skill).by_label()[said].mean(axis=1)
    return expected


def _machine_labels(said: IntArray, share: FloatArray, strength: float) -> FloatArray:
    """Machine labels (N, K) moved to a mean (K,), their deviations from it ``strength`` times as large."""
    hard = _one_coin(said, share, 1.0)
    labels: FloatArray = share + strength * (hard - hard.mean(axis=0))
    return labels


def _spreading(of_units: Worth, uniform_mix: float, units: IntArray, n_units: int) -> Spreading:
    """Units (m,) of equal worth make the round uniform."""
    score = np.zeros(n_units)
    if of_units.is_equal:
        score[units] = 1.0
        return Spreading(score, 1.0)
    score[units] = of_units.score
    return Spreading(score, uniform_mix)
