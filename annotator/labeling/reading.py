"""From a model's replies about one unit to its row: the same for every kind of model."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from annotator.labeling.completion import Completion
from annotator.labeling.faults import Fault
from annotator.labeling.parsing import label_logprob, parse_cut_label, parse_label, parse_probability
from annotator.labeling.protocol import Confidence, MachineLabel, Status, Unit

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


def read_label(outcome: Outcome, names: Sequence[str]) -> tuple[str | None, Status]:
    """The code of the first reply, or the status that says why there is none."""
    if isinstance(outcome, Fault):
        return None, outcome.status
    if outcome.ending in ("refusal", "content_filter"):
        return None, "refusal" if outcome.ending == "refusal" else "content_filter"
    if outcome.ending == "length":
        return parse_cut_label(outcome.text, names)
    return parse_label(outcome.text, names)


def to_row(
    unit: Unit,
    replies: Sequence[Reply],
    *,
    annotator: str,
    prompt_hash: str,
    names: Sequence[str],
    elicitation: Confidence,
) -> MachineLabel:
    """The row of a unit from its one or two replies.

    A failure of the second question leaves the label standing and the confidence null.
    """
    first = replies[0].outcome
    label, status = read_label(first, names)
    logprob = None if label is None or isinstance(first, Fault) else label_logprob(first.logprobs, label)
    completions = [reply.outcome for reply in replies if isinstance(reply.outcome, Completion)]
    return MachineLabel(
        unit_id=unit.unit_id,
        annotator=annotator,
        label=label,
        confidence=_confidence(elicitation, logprob, replies[1:]),
        logprob=logprob,
        status=status,
        raw="\n".join(_words(reply.outcome) for reply in replies),
        prompt_hash=prompt_hash,
        tokens_in=sum(completion.tokens_in for completion in completions),
        tokens_out=sum(completion.tokens_out for completion in completions),
        cost=sum(reply.cost for reply in replies),
        seconds=sum(reply.seconds for reply in replies),
        attempts=sum(reply.attempts for reply in replies),
    )


def _confidence(elicitation: Confidence, logprob: float | None, second: Sequence[Reply]) -> float | None:
    if elicitation == "logprob":
        return None if logprob is None else math.exp(logprob)
    if elicitation == "none" or not second:
        return None
    outcome = second[0].outcome
    if isinstance(outcome, Fault) or outcome.ending != "stop":
        return None
    return parse_probability(outcome.text)


def _words(outcome: Outcome) -> str:
    return outcome.message if isinstance(outcome, Fault) else outcome.text
