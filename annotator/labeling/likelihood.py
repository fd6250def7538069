"""How likely each token of a reply was, and what else might have stood in its place."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

ALTERNATIVES = 5


@dataclass(frozen=True, slots=True)
class Step:
    """One token of a reply: its log-probability, and the likeliest tokens in its place with theirs."""

    logprob: float
    likeliest: tuple[tuple[int, float], ...]


def likelihood(logits: Sequence["Tensor"], said: "Tensor") -> list[list[Step]]:
    """The steps of each unit; one step of all units at a time to save memory.

    Args:
        logits: for each step an array (units, vocabulary).
        said: the tokens (units, steps).
    """
    steps: list[list[Step]] = [[] for _ in range(said.shape[0])]
    for position, step in enumerate(logits):
        logprobs = step.float().log_softmax(dim=-1)
        chosen = logprobs.gather(1, said[:, position, None].to(step.device)).squeeze(1).tolist()
        top = logprobs.topk(min(ALTERNATIVES, logprobs.shape[1]), dim=1)
        rows = zip(chosen, top.indices.tolist(), top.values.tolist(), strict=True)
        for unit, (logprob, tokens, values) in enumerate(rows):
            steps[unit].append(Step(logprob, tuple(zip(tokens, values, strict=True))))
    return steps
