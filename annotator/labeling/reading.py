"""From a model's replies about one unit to its row: the same for every kind of model."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from annotator import label_sets
from annotator.codebook import Codebook
from annotator.labeling import structured
from annotator.labeling.answers import parse_answer, parse_cut_answer
from annotator.labeling.completion import Completion
from annotator.labeling.faults import Fault
from annotator.labeling.parsing import parse_probability
from annotator.labeling.protocol import Confidence
from annotator.labeling.spelling import spelling
from annotator.labeling.structured import Said
from annotator.labeling.token_probability import first_token, label_logprob

Outcome = Completion | Fault


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of one question.

    Attributes:
        outcome: the completion, or why there is none.
        attempts: requests sent for it in this call.
        seconds: time spent waiting for it in this call.
        cost: what this unit paid for it.
    """

    outcome: Outcome
    attempts: int
    seconds: float
    cost: float = 0.0


def read_label(outcome: Outcome, codebook: Codebook, *, as_json: bool = False) -> Said:
    """What a reply to the question for a label says, or the status that says why it says nothing."""
    if isinstance(outcome, Fault):
        return Said(None, outcome.status)
    if outcome.ending == "content_filter":
        return Said(None, "content_filter")
    if as_json:
        return structured.read(outcome, codebook)
    if outcome.ending == "refusal":
        return Said(None, "refusal")
    parse = parse_cut_answer if outcome.ending == "length" else parse_answer
    return Said(*parse(outcome.text, codebook))


def read_probability(outcome: Outcome) -> float | None:
    """The probability that a reply to the second question states."""
    if isinstance(outcome, Fault) or outcome.ending != "stop":
        return None
    return parse_probability(outcome.text)


def most_frequent(said: Sequence[Said]) -> int:
    """The place of the first reply that gives the most frequent label; 0 where none gives any.

    Samples come in no order, so that a tie is decided by lot.
    """
    counts = Counter(each.label for each in said if each.label is not None)
    most = max(counts.values(), default=0)
    tied = (place for place, each in enumerate(said) if each.label is not None and counts[each.label] == most)
    return next(tied, 0)


def agreement(label: str, outcomes: Iterable[tuple[Outcome, Said]]) -> float | None:
    """The share of replies that give the label; a request without a reply does not count."""
    same = [said.label == label for outcome, said in outcomes if isinstance(outcome, Completion)]
    return sum(same) / len(same) if same else None


def token_signals(
    outcome: Outcome, label: str, codebook: Codebook, *, as_json: bool
) -> tuple[float | None, dict[str, float]]:
    """The log-probability of the label, and what the alternatives to its first token tell."""
    is_set = codebook.is_multilabel
    if isinstance(outcome, Fault) or (as_json and is_set):
        return None, {}
    after = '"label"' if as_json else ""
    spelt = {label: label} if is_set else spelling(codebook)
    logprob = label_logprob(outcome.logprobs, spelt[label], after)
    if logprob is None:
        return None, {}
    signals = {"logprob": logprob}
    first = None if is_set else first_token(outcome, label, spelt, after)
    if first is not None:
        signals |= {} if first.margin is None else {"logprob_margin": first.margin}
        signals |= code_signals(first.codes)
    return logprob, signals


def code_signals(codes: Mapping[str, float]) -> dict[str, float]:
    """Probabilities of single codes, under the names they have among the signals."""
    return {f"code:{name}": value for name, value in codes.items()}


def code_shares(said: Sequence[Said], codebook: Codebook) -> dict[str, float]:
    """How many of the labels name each code of a multilabel codebook; nothing where there is no label."""
    sets = [label_sets.split(each.label, codebook.names) for each in said if each.label is not None]
    known = [codes for codes in sets if codes is not None]
    return {name: sum(name in codes for codes in known) / len(known) for name in codebook.names if known}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the replies about one unit add up to: its label, and all that tells how sure it is."""

    said: Said
    logprob: float | None = None
    signals: Mapping[str, float] = field(default_factory=dict)

    def confidence(self, elicitation: Confidence) -> float | None:
        """The one of the signals that the study takes for the confidence."""
        match elicitation:
            case "verbalized" | "structured":
                return self.signals.get("verbalized")
            case "logprob":
                return None if self.logprob is None else math.exp(self.logprob)
            case "self_consistency":
                return self.signals.get("agreement")
            case "prompt_agreement":
                return self.signals.get("prompt_agreement")
            case "none":
                return None


def words(outcome: Outcome) -> str:
    """What a reply said, or why there is none."""
    return outcome.message if isinstance(outcome, Fault) else outcome.text
