"""What stays the same from round to round: questions about every unit, and what is asked of their answers."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from annotator.combinations import combined_codes, combined_probabilities
from annotator.inference.estimands import Estimand
from annotator.sampling.score import Worth, worth
from annotator.sampling.training import Training
from annotator.sampling.weights import planned_weights
from models.arrays import FloatArray, IntArray
from models.base_rate import fit_base_rate
from models.candidates import CANDIDATES
from models.signals import Signals

UNKNOWN = -1
Gold = Sequence[IntArray]
"""The human code of every unit for each part of a campaign, (N,) each, -1 for none."""


@dataclass(frozen=True)
class Part:
    """One question about every unit, with K answers that exclude each other.

    Attributes
    ----------
    signals : Signals
        Of the N units of the corpus; the labels are answers to this question.
    codes : sequence of str
        Names of the answers, K of them.
    estimands : sequence of Estimand
        What is asked of this question's answers.
    taught : (N,) array of int, optional
        Human codes of units whose sampling is unknown, -1 for none: maps learn from them, and nothing else
        may.
    """

    signals: Signals
    codes: Sequence[str]
    estimands: Sequence[Estimand] = ()
    taught: IntArray | None = None

    @property
    def n_codes(self) -> int:
        """K."""
        return len(self.codes)

    def learnt(self, gold: IntArray) -> IntArray:
        """What maps are fitted on, (N,): gold, and where there is none what was taught; -1 for neither."""
        return gold if self.taught is None else np.where(gold >= 0, gold, self.taught)


@dataclass(frozen=True)
class Inquiry:
    """Estimands of the combined answers (`combined_codes`) to some parts of a campaign.

    Attributes
    ----------
    places : sequence of int
        Positions of the parts, ascending; of one part the answers are its own.
    codes : sequence of str
        Names of the combined answers.
    estimands : sequence of Estimand
    """

    places: Sequence[int]
    codes: Sequence[str]
    estimands: Sequence[Estimand]

    def expected(self, of_parts: Sequence[FloatArray]) -> FloatArray:
        """Probabilities of the combined answers (N, K) from those of each part, as if independent."""
        return combined_probabilities([of_parts[j] for j in self.places])


@dataclass(frozen=True)
class Campaign:
    """What stays the same from round to round.

    Attributes
    ----------
    parts : sequence of Part
        Questions that the same human label answers: one, unless several codes may apply to a unit. They
        share every draw; each has an error map of its own.
    across : sequence of Inquiry
        What is asked of several parts at once.
    uniform_mix : float
        Smallest share of a round's budget that is spread uniformly.
    candidates : sequence of str
        Candidates for the error maps beside the base rate.
    training : Training
        The part of later rounds' budgets for units that teach a classifier most, coded for certain.
    """

    parts: Sequence[Part]
    across: Sequence[Inquiry] = ()
    uniform_mix: float = 0.1
    candidates: Sequence[str] = field(default=CANDIDATES)
    training: Training = field(default_factory=Training)

    @property
    def n_units(self) -> int:
        """N, the number of units."""
        return self.parts[0].signals.n_units

    @property
    def inquiries(self) -> list[Inquiry]:
        """What is asked of each part, and then of several together."""
        of_parts = [Inquiry([j], part.codes, part.estimands) for j, part in enumerate(self.parts)]
        return [*of_parts, *self.across]

    @property
    def estimands(self) -> list[Estimand]:
        """Everything that is asked."""
        return [estimand for inquiry in self.inquiries for estimand in inquiry.estimands]

    def has_labels(self, gold: Gold) -> bool:
        """Whether there is any human code for a map to learn from."""
        return any(bool(np.any(codes >= 0)) for codes in self.learnt(gold))

    def learnt(self, gold: Gold) -> list[IntArray]:
        """What the map of each part is fitted on, (N,) each: see `Part.learnt`."""
        return [part.learnt(codes) for part, codes in zip(self.parts, gold, strict=True)]

    def combined(self, inquiry: Inquiry, codes: Gold) -> IntArray:
        """The combined codes (N,) of an inquiry's parts."""
        sizes = [self.parts[j].n_codes for j in inquiry.places]
        return combined_codes([codes[j] for j in inquiry.places], sizes)


@dataclass(frozen=True)
class Expected:
    """What is expected of the units in each part.

    Attributes
    ----------
    labels : sequence of (N, K) arrays
        To solve the estimands with.
    codes : sequence of (N, K) arrays
        Probabilities that residuals follow.
    """

    labels: Sequence[FloatArray]
    codes: Sequence[FloatArray]

    def at(self, units: IntArray) -> list[FloatArray]:
        """The probabilities that the residuals of some units follow."""
        return [of[units] for of in self.codes]


def campaign_worth(campaign: Campaign, expected: Expected, units: IntArray) -> tuple[list[Worth], Worth]:
    """What a code of each of some units is worth: to every inquiry, and together.

    A question that makes several estimands, as one for each of several codes, has the say of one.
    """
    times = Counter(estimand.name for estimand in campaign.estimands)
    found = [
        worth(
            inquiry.estimands,
            inquiry.expected(expected.labels),
            inquiry.expected(expected.codes),
            units,
            [1.0 / times[estimand.name] for estimand in inquiry.estimands],
        )
        for inquiry in campaign.inquiries
    ]
    return found, Worth.together(found)


def worth_before_gold(campaign: Campaign) -> Worth:
    """What a code of each unit of the corpus is worth when only its influence is known."""
    bases = [
        fit_base_rate(p.signals.labels, np.empty(0, dtype=np.int64), p.n_codes, np.empty(0)).share
        for p in campaign.parts
    ]
    labels = [_machine_shares(p, base) for p, base in zip(campaign.parts, bases, strict=True)]
    codes = [np.broadcast_to(base, of.shape) for base, of in zip(bases, labels, strict=True)]
    return campaign_worth(campaign, Expected(labels, codes), np.arange(campaign.n_units))[1]


def round_weights(campaign: Campaign, sizes: Sequence[int], before: FloatArray | None = None) -> FloatArray:
    """The weight of each planned round, (R,): see `planned_weights`."""
    return planned_weights(worth_before_gold(campaign).variance, sizes, campaign.uniform_mix, before)


def _machine_shares(part: Part, base: FloatArray) -> FloatArray:
    """The share of the annotators that gave each code, (N, K); the base rate where all failed."""
    shares = np.zeros((part.signals.n_units, part.n_codes))
    for label in part.signals.labels.T:
        given = np.flatnonzero(label >= 0)
        shares[given, label[given]] += 1.0
    total = shares.sum(axis=1, keepdims=True)
    return np.where(total > 0, shares / np.maximum(total, 1.0), base)
