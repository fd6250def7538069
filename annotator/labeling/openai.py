"""Labels from any endpoint that speaks the OpenAI chat protocol: OpenAI, vLLM, Ollama, llama.cpp and more."""

import asyncio
import ipaddress
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

from annotator.codebook import Codebook
from annotator.errors import ServiceError, ServiceUnavailableError
from annotator.labeling.cache import ReplyCache
from annotator.labeling.completion import Completion
from annotator.labeling.endpoint import Endpoint
from annotator.labeling.limits import Limits
from annotator.labeling.pipeline import Finished, Part, Pipeline, Tell
from annotator.labeling.prompts import Message, Prompts
from annotator.labeling.protocol import Confidence, MachineLabel, Unit
from annotator.labeling.reading import Outcome, read_label, to_row
from annotator.labeling.rehearsal import Rehearsal
from annotator.labeling.replies import Answering, Replies
from annotator.labeling.spending import Spending

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
        requests_per_minute: most requests a minute; None means no limit.
        tokens_per_minute: most tokens a minute, of prompts and replies together; None means no limit.
        temperature: sampling temperature; None leaves it to the endpoint.
        max_tokens: most tokens of one reply.
        price_in: price of a million prompt tokens.
        price_out: price of a million reply tokens.
        max_cost: most that may be spent; None means no cap.
        ask_again: where a known reply is no label, ask again.

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
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        temperature: float | None = 0.0,
        max_tokens: int = 32,
        price_in: float = 0.0,
        price_out: float = 0.0,
        max_cost: float | None = None,
        ask_again: bool = False,
    ) -> None:
        self.name = name
        self._model = model
        self._base_url = base_url or OPENAI_URL
        self._prompts = prompts
        self._names = codebook.names
        self._cache = cache
        self._confidence = confidence
        self._concurrency = concurrency
        self._max_tokens = max_tokens
        self._prices = (price_in / 1e6, price_out / 1e6)
        self._max_cost = max_cost
        self._ask_again = ask_again
        self._parameters = _parameters(self._base_url, temperature, max_tokens, confidence)
        self._endpoint = Endpoint(
            annotator=name,
            model=model,
            base_url=self._base_url,
            api_key=api_key,
            parameters=self._parameters,
            longest_reply=max_tokens,
            limits=Limits(concurrency, requests_per_minute, tokens_per_minute, timeout, attempts),
            database=cache.database,
        )

    @property
    def calls(self) -> int:
        """Requests sent to the endpoint so far, tries that failed included."""
        return self._endpoint.calls

    @property
    def spent(self) -> float:
        """What this annotator's replies cost so far, in this study."""
        return self._spending(None).spent

    def label(self, units: Sequence[Unit]) -> list[MachineLabel]:
        """One row a unit, in the same order.

        Raises:
            ServiceUnavailableError: the endpoint as a whole does not answer; replies received are kept.
            ServiceError: it refuses the key or the model.
        """
        rows: list[MachineLabel] = []
        self.label_parts([(0, units)], lambda _, labelled: rows.extend(labelled))
        return rows

    def label_parts(self, parts: Iterable[Part], finished: Finished, tell: Tell = lambda _: None) -> None:
        """Label parts of a corpus without a pause between them; each is handed on when it is whole.

        Raises:
            ServiceUnavailableError: the endpoint as a whole does not answer; replies received are kept.
            ServiceError: it refuses the key or the model.
            SpendingCapError: ``max_cost`` leaves no room for another request.
        """
        asyncio.run(self._label(parts, finished, tell))

    def rehearse(self, texts: Iterable[str]) -> Rehearsal:
        """Go through the labelling of these texts with nothing sent and nothing kept."""
        return asyncio.run(self._rehearse(texts))

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
        async with self._endpoint:
            return (await self._endpoint.ask(messages, attempts=1)).outcome

    async def _label(self, parts: Iterable[Part], finished: Finished, tell: Tell) -> None:
        replies = self._replies(self._endpoint)
        pipeline = Pipeline(lambda unit: self._row(unit, replies), finished, tell, 4 * self._concurrency)
        async with self._endpoint:
            await pipeline.run(parts, self._endpoint.stop)

    async def _rehearse(self, texts: Iterable[str]) -> Rehearsal:
        rehearsal = Rehearsal(self._names)
        replies = self._replies(rehearsal, keep=False)
        for text in texts:
            await self._row(Unit("", text), replies)
        return rehearsal

    def _replies(self, source: Answering, *, keep: bool = True) -> Replies:
        return Replies(
            source,
            self._cache,
            self._spending(self._max_cost if keep else None),
            model=self._model,
            depends_on={
                "kind": "openai",
                "endpoint": _place(self._base_url),
                "model": self._model,
                "parameters": self._parameters,
            },
            ask_again=self._ask_again,
            keep=keep,
        )

    def _spending(self, cap: float | None) -> Spending:
        price_in, price_out = self._prices
        return Spending(
            self._cache,
            self.name,
            price_in=price_in,
            price_out=price_out,
            longest_reply=self._max_tokens,
            cap=cap,
        )

    async def _row(self, unit: Unit, known: Replies) -> MachineLabel:
        text = unit.text.encode("utf-8", "replace").decode("utf-8")
        replies = [await known.reply(unit.unit_id, self._prompts.label(text), self._is_label)]
        label, _ = read_label(replies[0].outcome, self._names)
        if label is not None and self._confidence == "verbalized":
            replies.append(await known.reply(unit.unit_id, self._prompts.confidence(text, label)))
        return to_row(
            unit,
            replies,
            annotator=self.name,
            prompt_hash=self._prompts.digest,
            names=self._names,
            elicitation=self._confidence,
        )

    def _is_label(self, completion: Completion) -> bool:
        return read_label(completion, self._names)[1] == "ok"


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
