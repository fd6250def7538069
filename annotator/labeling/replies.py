"""An annotator's replies: known ones from the cache, others asked for once and kept before they are used."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from annotator.labeling.cache import ReplyCache, cache_key
from annotator.labeling.claims import Claims
from annotator.labeling.completion import Completion
from annotator.labeling.dialogue import Question
from annotator.labeling.endpoint import Answer, Endpoint, Request
from annotator.labeling.faults import Fault
from annotator.labeling.parameters import Parameters
from annotator.labeling.reading import Reply
from annotator.labeling.spending import Spending


class Answering(Protocol):
    """Whatever answers messages: an endpoint, or a rehearsal of one."""

    async def ask(self, question: Question, request: Request) -> Answer:
        """One completion, or why there is none."""
        ...


class Asking:
    """An endpoint, asked questions."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def ask(self, question: Question, request: Request) -> Answer:
        """Sends the request; the question is what it came from."""
        del question
        return await self._endpoint.ask(request)


def _is_fine(_: Completion) -> bool:
    return True


class Replies:
    """The replies of one run of one annotator.

    Args:
        source: who is asked.
        cache: replies paid for earlier.
        spending: what they cost, and how much they may.
        claims: what is being asked for by other workers.
        model: the model's name, for the cache's own table.
        parameters: what requests carry.
        depends_on: what a reply depends on beside messages and parameters.
        ask_again: ask again, once a run, where the known reply is not ``usable``.
        keep: whether new replies go to the cache (a rehearsal's do not).
    """

    def __init__(
        self,
        source: Answering,
        cache: ReplyCache,
        spending: Spending,
        claims: Claims,
        *,
        model: str,
        parameters: Parameters,
        depends_on: Mapping[str, Any],
        ask_again: bool = False,
        keep: bool = True,
    ) -> None:
        self._source = source
        self._cache = cache
        self._spending = spending
        self._claims = claims
        self._model = model
        self._parameters = parameters
        self._depends_on = dict(depends_on)
        self._ask_again = ask_again
        self._keep = keep
        self._under_way: dict[str, asyncio.Future[Reply]] = {}
        self._renewed: set[str] = set()

    async def reply(
        self, unit_id: str, question: Question, usable: Callable[[Completion], bool] = _is_fine
    ) -> Reply:
        """The reply to a question. Units that ask the same share it, and only the first pays.

        Args:
            unit_id: who asks.
            question: what is asked.
            usable: whether a known reply is worth keeping where this run asks again.

        Raises:
            ServiceError: the endpoint as a whole does not answer, or refuses.
            SpendingCapError: there is no money left for it.
        """
        request = self._parameters.request(question)
        key = cache_key(
            messages=question.messages,
            parameters=request.parameters,
            **({} if request.sample is None else {"sample": request.sample}),
            **self._depends_on,
        )
        if (same := self._under_way.get(key)) is not None:
            return replace(await asyncio.shield(same), attempts=0, seconds=0.0, cost=0.0)
        if (known := self._known(key, unit_id, usable)) is not None:
            return known
        asked = asyncio.get_running_loop().create_future()
        self._under_way[key] = asked
        try:
            async with self._claims.of(key) as has_waited:
                known = self._known(key, unit_id, usable) if has_waited else None
                reply = known or await self._new(key, unit_id, question, request)
        except asyncio.CancelledError:
            asked.cancel()
            raise
        except BaseException as error:
            asked.set_exception(error)
            asked.exception()  # seen, even where nobody else waits for it
            raise
        finally:
            del self._under_way[key]
        asked.set_result(reply)
        return reply

    def _known(self, key: str, unit_id: str, usable: Callable[[Completion], bool]) -> Reply | None:
        kept = self._cache.get(key)
        if kept is None:
            return None
        completion = Completion.from_dict(kept["completion"])
        if self._ask_again and key not in self._renewed and not usable(completion):
            return None
        cost = self._cost(completion) if kept["unit_id"] == unit_id else 0.0
        return Reply(completion, attempts=0, seconds=0.0, cost=cost)

    async def _new(self, key: str, unit_id: str, question: Question, request: Request) -> Reply:
        async with self._spending.room(request):
            answer = await self._source.ask(question, request)
            if isinstance(answer.outcome, Fault):
                return Reply(answer.outcome, answer.attempts, answer.seconds)
            if self._keep:
                self._cache.put(
                    key,
                    {"completion": answer.outcome.to_dict(), "unit_id": unit_id},
                    model=self._model,
                    payment=self._spending.payment(answer.outcome, request),
                    replace=self._ask_again,
                )
        if self._ask_again:
            self._renewed.add(key)
        return Reply(answer.outcome, answer.attempts, answer.seconds, self._cost(answer.outcome))

    def _cost(self, completion: Completion) -> float:
        return self._spending.cost(completion.tokens_in, completion.tokens_out)
