"""Labels from any endpoint that speaks the OpenAI chat protocol: OpenAI, vLLM, Ollama, llama.cpp and more."""

import asyncio
import ipaddress
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from annotator.codebook import Codebook
from annotator.errors import ServiceError, ServiceUnavailableError
from annotator.labeling.cache import ReplyCache, cache_key
from annotator.labeling.completion import Completion
from annotator.labeling.endpoint import Endpoint
from annotator.labeling.faults import Fault
from annotator.labeling.prompts import Message, Prompts
from annotator.labeling.protocol import Confidence, MachineLabel, Unit
from annotator.labeling.reading import Outcome, Reply, read_label, to_row

OPENAI_URL = "https://api.openai.com/v1"


class OpenAIAnnotator:
    """Two questions per unit, each reply cached before it is used.

    Identical texts share their replies, and so do endpoints on this machine whatever their port. Replies
    that are no labels (refusals, truncated ones) are replies too: they are paid for once. Requests that
    failed are not cached; a later call tries them again.

    Args:
        name: the annotator's name in the table.
        model: the model's name at the endpoint.
        base_url: the endpoint's address up to ``/v1``; None means OpenAI's own.
        api_key: the key, or None where none is needed. It is never taken from the environment here.
        prompts: the words to use.
        codebook: the codes that count.
        cache: replies paid for earlier.
        confidence: ``verbalized`` asks a second question; ``logprob`` reads the code's token
            probabilities (null where the endpoint gives none); ``none`` asks for neither.
        concurrency: most requests under way at once.
        timeout: seconds a single request may take.
        attempts: most tries of one request.
        temperature: sampling temperature; None leaves it to the endpoint.
        max_tokens: most tokens of one reply.
        price_in: price of a million prompt tokens.
        price_out: price of a million reply tokens.
        local_only: whether texts may only go to this machine or its private network.
        endpoint_class: how the endpoint is asked: request by request, or by batches.

    Raises:
        StudyError: the key or the address cannot be used.
    """

    def __init__(
        self,
        name: str,
        *,
        model: str,
        base_url: str | None,
        api_key: str | None,
        prompts: Prompts,
        codebook: Codebook,
        cache: ReplyCache,
        confidence: Confidence = "verbalized",
        concurrency: int = 16,
        timeout: float = 60.0,
        attempts: int = 5,
        temperature: float | None = 0.0,
        max_tokens: int = 32,
        price_in: float = 0.0,
        price_out: float = 0.0,
        local_only: bool = False,
        endpoint_class: type[Endpoint] = Endpoint,
    ) -> None:
        self.name = name
        self._model = model
        self._base_url = base_url or OPENAI_URL
        self._prompts = prompts
        self._names = codebook.names
        self._cache = cache
        self._confidence = confidence
        self._concurrency = concurrency
        self._prices = (price_in / 1e6, price_out / 1e6)
        self._parameters = _parameters(self._base_url, temperature, max_tokens, confidence)
        self.endpoint = endpoint_class(
            annotator=name,
            model=model,
            base_url=self._base_url,
            api_key=api_key,
            parameters=self._parameters,
            concurrency=concurrency,
            timeout=timeout,
            attempts=attempts,
            local_only=local_only,
        )

    @property
    def calls(self) -> int:
        """Requests sent to the endpoint so far, tries that failed included."""
        return self.endpoint.calls

    def label(self, units: Sequence[Unit]) -> list[MachineLabel]:
        """One row a unit, in the same order.

        Raises:
            ServiceUnavailableError: the endpoint as a whole does not answer; replies received are kept.
            ServiceError: it refuses the key or the model.
        """
        if not units:
            return []
        return asyncio.run(self._label(units))

    def check(self) -> str:
        """Send one tiny request and say that it was answered.

        Raises:
            ServiceUnavailableError: nobody answers.
            ServiceError: the endpoint refuses the key, the model or the parameters.
        """
        outcome = asyncio.run(self._try_once([{"role": "user", "content": "Answer with: OK"}]))
        if isinstance(outcome, Completion):
            return f"{self._model} answers at {self._base_url}"
        message = f"machine annotator {self.name} at {self._base_url}: {outcome.message}"
        if outcome.retryable:
            raise ServiceUnavailableError(message, hint="Look at the endpoint's own log, and try again.")
        raise ServiceError(message, hint="Check the model's name and what the endpoint accepts.")

    async def _try_once(self, messages: Sequence[Message]) -> Outcome:
        async with self.endpoint:
            return (await self.endpoint.ask(messages, attempts=1)).outcome

    async def _label(self, units: Sequence[Unit]) -> list[MachineLabel]:
        payers: dict[str, Unit] = {}
        for unit in units:
            payers.setdefault(unit.text, unit)
        under_way = asyncio.Semaphore(4 * self._concurrency)

        async def row(unit: Unit) -> MachineLabel:
            async with under_way:
                return await self._row(unit)

        async with self.endpoint:
            tasks = {text: asyncio.create_task(row(unit)) for text, unit in payers.items()}
            try:
                await asyncio.gather(*tasks.values())
            except Exception:
                self.endpoint.stop()
                raise
            except asyncio.CancelledError:
                for task in tasks.values():
                    task.cancel()
                raise
            finally:
                await asyncio.gather(*tasks.values(), return_exceptions=True)
        rows = {text: task.result() for text, task in tasks.items()}
        return [_of(unit, rows[unit.text]) for unit in units]

    async def _row(self, unit: Unit) -> MachineLabel:
        text = unit.text.encode("utf-8", "replace").decode("utf-8")
        replies = [await self._reply(unit, self._prompts.label(text))]
        label, _ = read_label(replies[0].outcome, self._names)
        if label is not None and self._confidence == "verbalized":
            replies.append(await self._reply(unit, self._prompts.confidence(text, label)))
        return to_row(
            unit,
            replies,
            annotator=self.name,
            prompt_hash=self._prompts.digest,
            names=self._names,
            elicitation=self._confidence,
        )

    async def _reply(self, unit: Unit, messages: list[Message]) -> Reply:
        """The reply to these messages: a known one, or a new one that is kept before it is used."""
        key = cache_key(
            kind="openai",
            endpoint=_place(self._base_url),
            model=self._model,
            parameters=self._parameters,
            messages=messages,
        )
        kept = self._cache.get(key)
        if kept is not None:
            completion = Completion.from_dict(kept["completion"])
            cost = self._cost(completion) if kept["unit_id"] == unit.unit_id else 0.0
            return Reply(completion, attempts=0, seconds=0.0, cost=cost)
        answer = await self.endpoint.ask(messages)
        if isinstance(answer.outcome, Fault):
            return Reply(answer.outcome, answer.attempts, answer.seconds)
        reply = {"completion": answer.outcome.to_dict(), "unit_id": unit.unit_id}
        self._cache.put(key, reply, model=self._model)
        return Reply(answer.outcome, answer.attempts, answer.seconds, self._cost(answer.outcome))

    def _cost(self, completion: Completion) -> float:
        price_in, price_out = self._prices
        return completion.tokens_in * price_in + completion.tokens_out * price_out


def _parameters(
    base_url: str, temperature: float | None, max_tokens: int, confidence: Confidence
) -> dict[str, Any]:
    limit = (
        "max_completion_tokens" if base_url == OPENAI_URL else "max_tokens"
    )  # the old name is the common one
    parameters: dict[str, Any] = {limit: max_tokens}
    if temperature is not None:
        parameters["temperature"] = temperature
    if confidence == "logprob":
        parameters["logprobs"] = True
    return parameters


def _place(base_url: str) -> str:
    """Which endpoint replies came from, as far as the cache cares: ports of this machine come and go."""
    host = urlsplit(base_url).hostname or ""
    try:
        here = ipaddress.ip_address(host).is_loopback
    except ValueError:
        here = host == "localhost"
    return "this machine" if here else base_url.rstrip("/")


def _of(unit: Unit, row: MachineLabel) -> MachineLabel:
    """The row of another unit with the same text, which cost nothing more."""
    if row.unit_id == unit.unit_id:
        return row
    return replace(row, unit_id=unit.unit_id, cost=0.0, seconds=0.0, attempts=0)
