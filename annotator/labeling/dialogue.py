"""Questions about one unit, and taking them forward: yielded some at a time, and sent their replies.

Who asks them, one by one over a network or many units at a time on a GPU, makes no difference to what is
asked.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Literal

from annotator.labeling.prompts import Message, Prompts
from annotator.labeling.protocol import MachineLabel
from annotator.labeling.reading import Reply

Role = Literal["label", "structured", "confidence"]
"""What kind of reply is wanted: a code, a JSON object, or a probability."""

Dialogue = Generator[list["Question"], list[Reply], MachineLabel]


@dataclass(frozen=True, slots=True)
class Question:
    """One conversation that waits for a reply.

    Attributes:
        messages: the turns so far.
        role: what kind of reply is wanted.
        sample: which of several sampled replies; None for the likeliest one.
        wording: which of the annotator's prompts, 0 for its own.
    """

    messages: list[Message]
    role: Role
    sample: int | None = None
    wording: int = 0


@dataclass(frozen=True)
class Variation:
    """How the question for the label is asked again.

    Attributes:
        samples: replies sampled at ``temperature`` for each unit; 0 asks once for the likeliest reply.
        temperature: above 0.
        shuffled: the same prompts with the codes in other orders.
        paraphrased: the same question in other words.
        seed: of the samples of models on this machine.
    """

    samples: int = 0
    temperature: float = 0.7
    shuffled: Sequence[Prompts] = ()
    paraphrased: Sequence[Prompts] = ()
    seed: int = 0


Step = list[Question] | MachineLabel
"""What a dialogue wants next, or the row that it ends with."""


def begin(dialogue: Dialogue) -> Step:
    """The first questions."""
    try:
        return next(dialogue)
    except StopIteration as end:
        row: MachineLabel = end.value
        return row


def go_on(dialogue: Dialogue, replies: list[Reply]) -> Step:
    """What follows from the replies, which come in the order of the questions."""
    try:
        return dialogue.send(replies)
    except StopIteration as end:
        row: MachineLabel = end.value
        return row
