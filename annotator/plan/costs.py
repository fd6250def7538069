"""What a plan costs: hours of the coders, and the replies of models that charge for them."""

import math
from dataclasses import dataclass
from itertools import count, takewhile
from statistics import fmean

import pandas as pd

from annotator import schema
from annotator.coders import LabelStudioCoding, Overlap
from annotator.coding.effort import seconds_a_code
from annotator.labeling import tokens
from annotator.labeling.structured import most_tokens
from annotator.labeling.wording import prompts, variation
from annotator.machines import Machine, OpenAIMachine
from annotator.plan.adjudication import Adjudication, adjudication
from annotator.stages.collect import stored_codes
from annotator.study import Study
from annotator.workspace import SHARD_SIZE, Workspace, canary_labels, codes, shard

MINUTES_PER_CODE = 0.5


@dataclass(frozen=True)
class Coding:
    """What coders have done, and how fast they are.

    Attributes
    ----------
    n_given : int
        Codes given so far, of closed and open rounds.
    minutes_per_code : float
    from_coders : bool
        Whether that is the coders' own mean without outliers, not a guess.
    overlap : float
        Share of units that more than one person codes.
    coders : int
        How many people code those.
    daily_limit : int, optional
        Texts that a coder is to code a day at most.
    adjudication : Adjudication, optional
        What an adjudicator has to do beside.
    """

    n_given: int
    minutes_per_code: float
    from_coders: bool
    overlap: float
    coders: int = 2
    daily_limit: int | None = None
    adjudication: Adjudication | None = None

    def n_to_come(self, budget: int) -> int:
        """Codes still to be given when ``budget`` units are coded in the end.

        >>> Coding(100, 0.5, from_coders=False, overlap=0.2).n_to_come(200)
        140
        """
        return max(budget + self._doubling.n_more(budget) - self.n_given, 0)

    def n_decisions_to_come(self, budget: int) -> float:
        """Decisions that an adjudicator can be expected to make until then."""
        return 0.0 if self.adjudication is None else self.adjudication.n_to_come(self._n_doubled(budget))

    def hours_to_come(self, budget: int) -> float:
        """Both in hours."""
        decisions = (
            0.0 if self.adjudication is None else self.adjudication.hours_to_come(self._n_doubled(budget))
        )
        return self.n_to_come(budget) * self.minutes_per_code / 60.0 + decisions

    def days_to_come(self, budget: int) -> int | None:
        """How many days of one coder that takes at least, with a daily limit; None without one.

        >>> Coding(100, 0.5, from_coders=False, overlap=0.2, daily_limit=60).days_to_come(200)
        3
        """
        return None if self.daily_limit is None else math.ceil(self.n_to_come(budget) / self.daily_limit)

    def _n_doubled(self, budget: int) -> int:
        """Units that several people are still to code."""
        n_compared = 0 if self.adjudication is None else self.adjudication.n_compared
        return max(self._doubling.n_doubled(budget) - n_compared, 0)

    @property
    def _doubling(self) -> Overlap:
        return Overlap(share=self.overlap, coders=self.coders)


@dataclass(frozen=True)
class MachineCost:
    """Tokens and money of one machine annotator for the whole corpus.

    ``basis`` says where the tokens come from: ``replies``, ``text lengths``, or ``free`` for annotators that
    charge nothing. ``to_come`` is the part of the cost that is not spent yet, ``canary`` what asking again
    before the rounds to come adds to it, ``max_cost`` the cap on it all.
    """

    annotator: str
    basis: str
    tokens_in: float
    tokens_out: float
    cost: float
    to_come: float
    canary: float = 0.0
    max_cost: float | None = None


def coding(workspace: Workspace, minutes_per_code: float | None) -> Coding:
    """The coders' speed as given, or that of their codes (`seconds_a_code`), or half a minute before."""
    coded = takewhile(lambda number: workspace.store.exists(codes(number)), count(1))
    frames = [stored_codes(workspace, number) for number in coded]
    given = pd.concat([schema.CODES.empty_table().to_pandas(), *frames])
    seconds = seconds_a_code(given)
    from_coders = minutes_per_code is None and not math.isnan(seconds)
    if minutes_per_code is None:
        minutes_per_code = seconds / 60.0 if from_coders else MINUTES_PER_CODE
    n_given = int((~given["skipped"].astype(bool)).sum())
    section = workspace.study.coding
    limit = section.daily_limit if isinstance(section, LabelStudioCoding) else None
    overlap = section.overlap
    return Coding(
        n_given,
        minutes_per_code,
        from_coders,
        overlap.share,
        overlap.coders,
        limit,
        adjudication(workspace, minutes_per_code),
    )


def machine_costs(workspace: Workspace, texts: "pd.Series[str]") -> list[MachineCost]:
    """The cost of labelling these texts, in corpus order, with every annotator of the study."""
    return [_machine_cost(workspace, machine, texts) for machine in workspace.study.machine]


def _machine_cost(workspace: Workspace, machine: Machine, texts: "pd.Series[str]") -> MachineCost:
    if not isinstance(machine, OpenAIMachine):
        return MachineCost(machine.name, "free", 0.0, 0.0, 0.0, 0.0)
    is_paid = ~texts.duplicated().to_numpy()  # the same text is asked about once
    parts = range(-(-len(texts) // SHARD_SIZE))
    there = [index for index in parts if workspace.store.exists(shard(machine.name, index))]
    n_seen, seen_in, seen_out = 0, 0.0, 0.0
    for index in there:
        rows = workspace.store.read_frame(shard(machine.name, index))
        paid = rows[is_paid[index * SHARD_SIZE : index * SHARD_SIZE + len(rows)]]
        n_seen += len(paid)
        seen_in += float(paid["tokens_in"].sum())
        seen_out += float(paid["tokens_out"].sum())
    n_paid = int(is_paid.sum())
    if n_seen:
        tokens_in, tokens_out, spent = seen_in * n_paid / n_seen, seen_out * n_paid / n_seen, n_seen / n_paid
    else:
        tokens_in, tokens_out = tokens_from_lengths(workspace.study, machine, texts[is_paid])
        spent = 0.0
    full_price = (tokens_in * machine.price_in + tokens_out * machine.price_out) / 1e6
    cost = full_price * machine.price_factor
    basis = "replies" if n_seen else "text lengths"
    to_come = cost * (1.0 - spent)
    canary = full_price / n_paid * _n_asked_again(workspace, machine, len(texts))
    return MachineCost(machine.name, basis, tokens_in, tokens_out, cost, to_come, canary, machine.max_cost)


def _n_asked_again(workspace: Workspace, machine: OpenAIMachine, n_units: int) -> int:
    """How many units are to be put to the endpoint again, in all rounds to come."""
    numbers = range(1, workspace.study.design.rounds + 1)
    n_rounds = sum(not workspace.store.exists(canary_labels(machine.name, number)) for number in numbers)
    return n_rounds * min(machine.canary, n_units)


def tokens_from_lengths(study: Study, machine: OpenAIMachine, texts: "pd.Series[str]") -> tuple[float, float]:
    """Tokens of all prompts and of all replies, at about four characters a token.

    A text is put to the model once or as often as it is sampled, again where its confidence is asked for in
    words, and once in every other order and wording.
    """
    n_texts, length = len(texts), float(texts.str.len().sum())
    own, names = prompts(study, machine), study.codebook.names
    varied = variation(study, machine, own)
    wordings = [own] * max(varied.samples, 1) + [*varied.shuffled, *varied.paraphrased]
    is_structured = machine.confidence == "structured"
    reply = most_tokens(study.codebook) / 2 if is_structured else tokens.of_a_code(names)
    calls: list[tuple[float, float]] = [(tokens.about(each.label("")), reply) for each in wordings]
    if machine.confidence == "verbalized":
        second = fmean(tokens.about(own.confidence("", name)) for name in names)
        calls.append((second, tokens.of_a_percentage()))
    tokens_in = sum(n_texts * fixed + length / tokens.CHARACTERS_A_TOKEN for fixed, _ in calls)
    return tokens_in, n_texts * sum(out for _, out in calls)
