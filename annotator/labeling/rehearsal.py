"""What labelling would send, counted without sending anything."""

from collections.abc import Sequence
from statistics import fmean

from annotator.labeling import tokens
from annotator.labeling.completion import Completion
from annotator.labeling.endpoint import Answer
from annotator.labeling.prompts import Message


class Rehearsal:
    """Answers as a model might, and counts what a real one would be sent.

    Tokens are those of `annotator.labeling.tokens`. What has been asked once is not counted again.

    >>> rehearsal = Rehearsal(["yes", "no"])
    >>> rehearsal.calls, rehearsal.tokens_in
    (0, 0.0)

    Args:
        names: the codes, in codebook order.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.calls = 0
        self.tokens_in = 0.0
        self.tokens_out = 0.0
        average = fmean(len(name) for name in names)
        self._code = min(names, key=lambda name: abs(len(name) - average))
        self._names = names
        self._asked: set[int] = set()

    async def ask(self, messages: Sequence[Message]) -> Answer:
        """A code for a first question, a percentage for a further one."""
        is_first = len(messages) <= 2
        conversation = hash(tuple(message["content"] for message in messages))
        if conversation not in self._asked:
            self._asked.add(conversation)
            self.calls += 1
            self.tokens_in += tokens.about(messages)
            self.tokens_out += tokens.of_a_code(self._names) if is_first else tokens.of_a_percentage()
        said = self._code if is_first else tokens.PERCENTAGE
        return Answer(Completion(said, ending="stop"), attempts=0, seconds=0.0)
