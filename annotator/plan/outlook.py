"""What is expected of every unit before it is coded: from a prior, or from the human codes so far."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from annotator.inference.rectify import Round, rectify
from annotator.sampling.campaign import (
    UNKNOWN,
    Campaign,
    expected_codes,
    uniform_share,
    worth_before_gold,
)
from annotator.sampling.score import Worth, worth
from models.arrays import BoolArray, FloatArray, IntArray
from models.base_rate import BaseRate, OneCoin, fit_one_coin
from models.candidates import inside
from models.error_map import ErrorMap
from models.signals import Signals

GOLDEN = (5.0**0.5 - 1.0) / 2.0
MACHINE_COUNTS_AS = 100.0
LEAST_SKILL = 0.5


@dataclass(frozen=True)
class Spreading:
    """How a round's budget is spread: by scores (N,), but for a share that is uniform."""

    score: FloatArray
    uniform_mix: float


@dataclass(frozen=True)
class Outlook:
    """What a plan starts from; N units, K codes.

    Attributes
    ----------
    campaign : Campaign
        With the estimands of the study.
    prediction : (N, K) array
        Expected probabilities of the codes: what the residuals of the rounds to come follow from.
    labels : (N, K) array
        Labels to solve the estimands with: those of the machine, or rectified ones. Rows sum to one, entries
        may leave [0, 1].
    gold : (N,) array of int
        Human codes of the closed rounds, -1 where there is none.
    rounds : tuple of Round
        The closed rounds.
    next_round, later_rounds : Spreading
        For the next round, and for those after it.
    """

    campaign: Campaign
    prediction: FloatArray
    labels: FloatArray
    gold: IntArray
    rounds: tuple[Round, ...]
    next_round: Spreading
    later_rounds: Spreading

    @property
    def n_units(self) -> int:
        """N, the number of units."""
        return self.gold.size

    @property
    def known(self) -> BoolArray:
        """Units that are coded, (N,)."""
        known: BoolArray = self.gold != UNKNOWN
        return known

    @property
    def n_coded(self) -> int:
        """How many units are coded."""
        return int(self.known.sum())


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
    said = campaign.signals.labels
    counts = np.bincount(said[said >= 0], minlength=campaign.n_codes) + 0.5
    share = counts / counts.sum()
    prediction = inside(_one_coin(said, share, skill), BaseRate(share), budget)
    units = np.arange(len(said))
    first = worth_before_gold(campaign)
    later = worth(campaign.estimands, prediction, prediction, units)
    return Outlook(
        campaign=campaign,
        prediction=prediction,
        labels=_machine_labels(said, share, 1.0),
        gold=np.full(len(said), UNKNOWN, dtype=np.int64),
        rounds=(),
        next_round=_spreading(first, campaign.uniform_mix, units, len(said)),
        later_rounds=_spreading(later, campaign.uniform_mix, units, len(said)),
    )


def after_rounds(campaign: Campaign, error_map: ErrorMap, rounds: Sequence[Round], gold: IntArray) -> Outlook:
    """The outlook after some closed rounds, from the error map on their human codes.

    The rounds to come are spread as `open_later_round` would spread the next one. The estimands are solved
    with rectified labels; those of few codes are too noisy for that, so that they are averaged with the
    machine's, which count as 100 codes.

    Parameters
    ----------
    campaign : Campaign
    error_map : ErrorMap
        On all gold.
    rounds : sequence of Round
        The closed rounds, at least one. Some units must be left.
    gold : (N,) array of int
        Human codes, -1 where there is none.
    """
    prediction = error_map.predict(campaign.signals)
    units = np.flatnonzero(gold == UNKNOWN)
    expected = expected_codes(error_map, prediction)
    of_units = worth(campaign.estimands, prediction, expected, units)
    size = min(int(rounds[-1].drawn.sum()), units.size)
    mix, _ = uniform_share(campaign, error_map, of_units, gold, size=size, expected=expected[units])
    spreading = _spreading(of_units, mix, units, gold.size)
    return Outlook(
        campaign=campaign,
        prediction=prediction,
        labels=_labels(campaign, error_map, prediction, rounds, gold),
        gold=gold,
        rounds=tuple(rounds),
        next_round=spreading,
        later_rounds=spreading,
    )


def as_if_labelled(n_units: int, share: Sequence[float]) -> Signals:
    """Signals of units nobody has labelled: labels with the given shares (K,), evenly spread over the corpus.

    Every stretch of the corpus gets the shares as nearly as it can, so that labels and covariates are
    unrelated even if the corpus is sorted by one.

    >>> said = as_if_labelled(1000, [0.5, 0.25, 0.25]).labels[:, 0]
    >>> np.bincount(said).tolist(), np.bincount(said[:100]).tolist()
    ([500, 251, 249], [49, 27, 24])
    """
    place = (0.5 + GOLDEN * np.arange(n_units)) % 1.0
    edges = np.cumsum(share)[:-1] / np.sum(share)
    labels = np.searchsorted(edges, place, side="right").astype(np.int64)
    return Signals(labels[:, None], np.full((n_units, 1), np.nan))


def _labels(
    campaign: Campaign, error_map: ErrorMap, prediction: FloatArray, rounds: Sequence[Round], gold: IntArray
) -> FloatArray:
    """Rectified labels averaged with the machine's, moved to the mean that the map gives.

    A machine that guesses now and then weakens every association by its skill. That is undone, but not wholly
    below a skill of one half, where little but noise would grow.
    """
    said, coded = campaign.signals.labels, gold != UNKNOWN
    n_coded = int(coded.sum())
    of_each = [fit_one_coin(one[coded], gold[coded], error_map.base, np.ones(n_coded)) for one in said.T]
    skill = float(np.mean([one.skill for one in of_each]))
    of_machine = _machine_labels(said, prediction.mean(axis=0), skill / max(skill, LEAST_SKILL) ** 2)
    rectified = rectify(rounds, gold, campaign.n_codes).labels
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
