"""An endpoint that is asked by files: it answers what a batch has answered, and takes down the rest."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Self

from annotator.labeling.cache import cache_key
from annotator.labeling.completion import Completion
from annotator.labeling.endpoint import Answer, Endpoint, Request
from annotator.labeling.faults import Fault
from annotator.labeling.reading import Outcome

_LATER = Answer(Fault("busy", "no batch has answered this question yet"), attempts=0, seconds=0.0)


class BatchedEndpoint(Endpoint):
    """Stands in for an ``Endpoint``, and sends nothing.

    An annotator that labels through it says by its questions what is to be asked next, whatever its way of
    asking: when ``unanswered`` is empty afterwards, its rows are final.
    """

    unanswered: dict[str, dict[str, Any]]
    _known: dict[str, Answer]
    _attempts_in_batches: int

    def begin(self, turns: Iterable[Iterable[tuple[str, Outcome]]], attempts: int) -> None:
        """Start a pass over some units, knowing what each question's batches brought, in their order.

        A question whose reply failed in a way that may pass is asked ``attempts`` times in all.
        """
        self.unanswered, self._known = {}, {}
        for turn in turns:
            for question, outcome in turn:
                before = self._known.get(question, _LATER)
                self._known[question] = replace(before, outcome=outcome, attempts=before.attempts + 1)
        self._attempts_in_batches = attempts

    async def ask(self, request: Request, *, attempts: int | None = None) -> Answer:
        """The answer, if a batch brought one; otherwise the question is taken down."""
        del attempts
        body = {"model": self._model, "messages": list(request.messages), **request.parameters}
        question = cache_key(body=body, sample=request.sample)
        answer = self._known.get(question, _LATER)
        if self._is_final(answer):
            return answer
        self.unanswered[question] = body
        return _LATER

    def _is_final(self, answer: Answer) -> bool:
        if isinstance(answer.outcome, Completion) or answer.outcome.kind == "refused":
            return True
        return answer.attempts >= self._attempts_in_batches

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is open."""

    def stop(self) -> None:
        """Nothing is under way."""
