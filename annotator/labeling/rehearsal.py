"""What labelling would send, counted without sending anything."""

import json
from statistics import fmean

from annotator.codebook import Codebook
from annotator.labeling import structured, tokens
from annotator.labeling.completion import Completion
from annotator.labeling.dialogue import Question
from annotator.labeling.endpoint import Answer, Request


class Rehearsal:
    """Answers as a model might, and counts what a real one would be sent.

    Tokens are those of `annotator.labeling.tokens`. What has been asked once is not counted again.

    >>> from annotator.codebook import Code
    >>> rehearsal = Rehearsal(Codebook(question="?", labels=[Code(name="yes"), Code(name="no")]))
    >>> rehearsal.calls, rehearsal.tokens_in
    (0, 0.0)

    Args:
        codebook: the codes.
    """

    def __init__(self, codebook: Codebook) -> None:
        self.calls = 0
        self.tokens_in = 0.0
        self.tokens_out = 0.0
        names = codebook.names
        average = fmean(len(name) for name in names)
        code = min(names, key=lambda name: abs(len(name) - average))
        said: dict[str, object] = {"label": code, "probability": 0.85}
        if codebook.is_multilabel:  # all that is asked for, so that no repair is counted
            said = {"labels": [code], "probability": 0.85, "probabilities": dict.fromkeys(names, 0.5)}
        self._said = {
            "label": code,
            "structured": json.dumps(said),
            "confidence": tokens.PERCENTAGE,
        }
        self._tokens = {
            "label": tokens.of_a_code(names),
            "structured": structured.most_tokens(codebook) / 2,
            "confidence": tokens.of_a_percentage(),
        }
        self._asked: set[int] = set()

    async def ask(self, question: Question, request: Request) -> Answer:
        """A code, a code with a probability as JSON, or a percentage."""
        conversation = hash((json.dumps(question.messages), json.dumps(request.parameters), question.sample))
        if conversation not in self._asked:
            self._asked.add(conversation)
            self.calls += 1
            self.tokens_in += tokens.about(request.messages)
            self.tokens_out += self._tokens[question.role]
        return Answer(Completion(self._said[question.role], ending="stop"), attempts=0, seconds=0.0)
