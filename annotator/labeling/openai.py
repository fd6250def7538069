"""Labels from any endpoint that speaks the OpenAI chat protocol: OpenAI, vLLM, Ollama, llama.cpp and more."""

import asyncio
import ipaddress
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from annotator.codebook import Codebook
from annotator.errors import ServiceError, ServiceUnavailableError
from annotator.labeling.cache import ReplyCache, cache_key
from annotator.labeling.completion import Completion
from annotator.labeling.dialogue import Question, Role, Variation, begin, go_on
from annotator.labeling.elicitation import Elicitation, Pictures
from annotator.labeling.endpoint import Endpoint
from annotator.labeling.faults import Fault
from annotator.labeling.parameters import Parameters
from annotator.labeling.prompts import Prompts
from annotator.labeling.protocol import Confidence, MachineLabel, Unit
from annotator.labeling.reading import Outcome, Reply

OPENAI_URL = "https://api.openai.com/v1"


class OpenAIAnnotator:
    """One to many questions per unit, each reply cached before it is used.

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
        confidence: how it is elicited. ``logprob`` is null where the endpoint gives no token
            probabilities; ``structured`` sends a JSON schema, and reads the text where that is ignored.
        variation: how the first question is asked again, if it is.
        logprobs: whether token probabilities are asked for whatever the confidence is.
        pictures: how images are read; None where units have none.
        concurrency: most requests under way at once.
        timeout: seconds a single request may take.
        attempts: most tries of one request.
        temperature: sampling temperature; None leaves it to the endpoint.
        max_tokens: most tokens of one reply.
        price_in: price of a million prompt tokens.
        price_out: price of a million reply tokens.

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
        variation: Variation | None = None,
        logprobs: bool = False,
        pictures: Pictures | None = None,
        concurrency: int = 16,
        timeout: float = 60.0,
        attempts: int = 5,
        temperature: float | None = 0.0,
        max_tokens: int = 32,
        price_in: float = 0.0,
        price_out: float = 0.0,
    ) -> None:
        self.name = name
        self._model = model
        self._base_url = base_url or OPENAI_URL
        self._asked = Elicitation(name, codebook, prompts, confidence, variation or Variation(), pictures)
        self._cache = cache
        self._concurrency = concurrency
        self._prices = (price_in / 1e6, price_out / 1e6)
        self._parameters = Parameters(
            limit="max_completion_tokens" if self._base_url == OPENAI_URL else "max_tokens",
            max_tokens=max_tokens,
            temperature=temperature,
            sampling_temperature=self._asked.variation.temperature,
            logprobs=logprobs or confidence == "logprob",
            codebook=codebook,
        )
        self._endpoint = Endpoint(
            annotator=name,
            model=model,
            base_url=self._base_url,
            api_key=api_key,
            parameters={},
            concurrency=concurrency,
            timeout=timeout,
            attempts=attempts,
        )

    @property
    def calls(self) -> int:
        """Requests sent to the endpoint so far, tries that failed included."""
        return self._endpoint.calls

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
        role: Role = "structured" if self._asked.as_json else "label"
        question = Question([{"role": "user", "content": "Answer with: OK"}], role)
        outcome = asyncio.run(self._try_once(question))
        if isinstance(outcome, Completion):
            is_ignored = role == "structured" and "{" not in outcome.text
            remark = ", but not in JSON: it ignores response_format" if is_ignored else ""
            return f"{self._model} answers at {self._base_url}{remark}"
        message = f"machine annotator {self.name} at {self._base_url}: {outcome.message}"
        if outcome.retryable:
            raise ServiceUnavailableError(message, hint="Look at the endpoint's own log, and try again.")
        raise ServiceError(message, hint=self._parameters.hint(role))

    async def _try_once(self, question: Question) -> Outcome:
        async with self._endpoint:
            parameters = self._parameters.of(question)
            return (await self._endpoint.ask(question.messages, attempts=1, parameters=parameters)).outcome

    async def _label(self, units: Sequence[Unit]) -> list[MachineLabel]:
        payers: dict[object, Unit] = {}
        keys = [self._asked.same(unit) for unit in units]
        for key, unit in zip(keys, units, strict=True):
            payers.setdefault(key, unit)
        under_way = asyncio.Semaphore(4 * self._concurrency)

        async def row(unit: Unit) -> MachineLabel:
            async with under_way:
                return await self._row(unit)

        async with self._endpoint:
            tasks = {key: asyncio.create_task(row(unit)) for key, unit in payers.items()}
            try:
                await asyncio.gather(*tasks.values())
            except Exception:
                self._endpoint.stop()
                raise
            except asyncio.CancelledError:
                for task in tasks.values():
                    task.cancel()
                raise
            finally:
                await asyncio.gather(*tasks.values(), return_exceptions=True)
        rows = {key: task.result() for key, task in tasks.items()}
        return [_of(unit, rows[key]) for key, unit in zip(keys, units, strict=True)]

    async def _row(self, unit: Unit) -> MachineLabel:
        """Lead the dialogue about one unit; questions that do not wait for each other go out together."""
        dialogue = self._asked.dialogue(unit)
        step = await asyncio.to_thread(begin, dialogue) if unit.image else begin(dialogue)
        while not isinstance(step, MachineLabel):
            step = go_on(dialogue, await self._replies(unit, step))
        return step

    async def _replies(self, unit: Unit, questions: Sequence[Question]) -> list[Reply]:
        """All replies; where a question fails for good, the others are waited for, since they may be paid."""
        if len(questions) == 1:
            return [await self._reply(unit, questions[0])]
        asked = (self._reply(unit, question) for question in questions)
        found = await asyncio.gather(*asked, return_exceptions=True)
        replies = [reply for reply in found if isinstance(reply, Reply)]
        for failure in found:
            if isinstance(failure, BaseException):
                raise failure
        return replies

    async def _reply(self, unit: Unit, question: Question) -> Reply:
        """The reply to a question: a known one, or a new one that is kept before it is used."""
        parameters = self._parameters.of(question)
        key = cache_key(
            kind="openai",
            endpoint=_place(self._base_url),
            model=self._model,
            parameters=parameters,
            messages=question.messages,
            **({} if question.sample is None else {"sample": question.sample}),
        )
        kept = self._cache.get(key)
        if kept is not None:
            completion = Completion.from_dict(kept["completion"])
            cost = self._cost(completion) if kept["unit_id"] == unit.unit_id else 0.0
            return Reply(completion, attempts=0, seconds=0.0, cost=cost)
        answer = await self._endpoint.ask(question.messages, parameters=parameters)
        if isinstance(answer.outcome, Fault):
            return Reply(answer.outcome, answer.attempts, answer.seconds)
        reply = {"completion": answer.outcome.to_dict(), "unit_id": unit.unit_id}
        self._cache.put(key, reply, model=self._model)
        return Reply(answer.outcome, answer.attempts, answer.seconds, self._cost(answer.outcome))

    def _cost(self, completion: Completion) -> float:
        price_in, price_out = self._prices
        return completion.tokens_in * price_in + completion.tokens_out * price_out


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
