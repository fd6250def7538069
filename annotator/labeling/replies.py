"""An annotator's replies: known ones from the cache, others asked for once and kept before they are used."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from annotator.labeling.cache import ReplyCache, cache_key
from annotator.labeling.completion import Completion
from annotator.labeling.endpoint import Answer
from annotator.labeling.faults import Fault
from annotator.labeling.prompts import Message
from annotator.labeling.reading import Reply
from annotator.labeling.spending import Spending


class Answering(Protocol):
    """Whatever answers messages: an endpoint, or a rehearsal of one."""

    async def ask(self, messages: Sequence[Message]) -> Answer:
        """One completion, or why there is none."""
        ...


def _is_fine(_: Completion) -> bool:
    return True


class Replies:
    """The replies of one run of one annotator.

    Args:
        source: who is asked.
        cache: replies paid for earlier.
        spending: what they cost, and how much they may.
        model: the model's name, for the cache's own table.
        depends_on: what a reply depends on beside the messages.
        ask_again: ask again, once a run, where the known reply is not ``usable``.
        keep: whether new replies go to the cache (a rehearsal's do not).
    """

    def __init__(
        self,
        source: Answering,
        cache: ReplyCache,
        spending: Spending,
        *,
        model: str,
        depends_on: Mapping[str, Any],
        ask_again: bool = False,
        keep: bool = True,
    ) -> None:
        self._source = source
        self._cache = cache
        self._spending = spending
        self._model = model
        self._depends_on = dict(depends_on)
        self._ask_again = ask_again
        self._keep = keep
        self._under_way: dict[str, asyncio.Future[Reply]] = {}
        self._renewed: set[str] = set()

    async def reply(
        self, unit_id: str, messages: list[Message], usable: Callable[[Completion], bool] = _is_fine
    ) -> Reply:
        """The reply to these messages. Units that ask the same share it, and only the first pays.

        Args:
            unit_id: who asks.
            messages: the conversation so far.
            usable: whether a known reply is worth keeping where this run asks again.

        Raises:
            ServiceError: the endpoint as a whole does not answer, or refuses.
            SpendingCapError: there is no money left for it.
        """
        key = cache_key(messages=messages, **self._depends_on)
        if (same := self._under_way.get(key)) is not None:
            return replace(await asyncio.shield(same), attempts=0, seconds=0.0, cost=0.0)
        if (known := self._known(key, unit_id, usable)) is not None:
            return known
        asked = asyncio.get_running_loop().create_future()
        self._under_way[key] = asked
        try:
            reply = await self._new(key, unit_id, messages)
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

    async def _new(self, key: str, unit_id: str, messages: list[Message]) -> Reply:
        async with self._spending.room(messages):
            answer = await self._source.ask(messages)
            if isinstance(answer.outcome, Fault):
                return Reply(answer.outcome, answer.attempts, answer.seconds)
            if self._keep:
                self._cache.put(
                    key,
                    {"completion": answer.outcome.to_dict(), "unit_id": unit_id},
                    model=self._model,
                    payment=self._spending.payment(answer.outcome, messages),
                    replace=self._ask_again,
                )
        if self._ask_again:
            self._renewed.add(key)
        return Reply(answer.outcome, answer.attempts, answer.seconds, self._cost(answer.outcome))

    def _cost(self, completion: Completion) -> float:
        return self._spending.cost(completion.tokens_in, completion.tokens_out)
