"""Labels from any endpoint that speaks the OpenAI chat protocol: OpenAI, vLLM, Ollama, llama.cpp and more."""

import asyncio
import ipaddress
from collections.abc import Callable, Iterable, Sequence
from urllib.parse import urlsplit

from annotator.codebook import Codebook
from annotator.errors import ServiceError, ServiceUnavailableError
from annotator.labeling.cache import ReplyCache
from annotator.labeling.claims import Claims
from annotator.labeling.completion import Completion
from annotator.labeling.dialogue import Question, Role, Variation, begin, go_on
from annotator.labeling.elicitation import Elicitation, Pictures
from annotator.labeling.endpoint import Endpoint
from annotator.labeling.limits import Limits
from annotator.labeling.parameters import Parameters
from annotator.labeling.pipeline import Finished, Part, Pipeline, Tell
from annotator.labeling.prompts import Prompts
from annotator.labeling.protocol import Confidence, MachineLabel, Unit
from annotator.labeling.reading import Outcome, Reply, read_label
from annotator.labeling.rehearsal import Rehearsal
from annotator.labeling.replies import Answering, Asking, Replies
from annotator.labeling.spending import Spending

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
        requests_per_minute: most requests a minute; None means no limit.
        tokens_per_minute: most tokens a minute, of prompts and replies together; None means no limit.
        temperature: sampling temperature; None leaves it to the endpoint.
        max_tokens: most tokens of one reply.
        price_in: price of a million prompt tokens.
        price_out: price of a million reply tokens.
        max_cost: most that may be spent; None means no cap.
        ask_again: where a known reply is no label, ask again.
        shared: whether other workers label with the same cache at the same time.
        occasion: what the replies are for; those of another occasion are not taken for these.
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
        variation: Variation | None = None,
        logprobs: bool = False,
        pictures: Pictures | None = None,
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
        shared: bool = False,
        occasion: str = "",
        local_only: bool = False,
        endpoint_class: type[Endpoint] = Endpoint,
    ) -> None:
        self.name = name
        self._model = model
        self._base_url = base_url or OPENAI_URL
        self._asked = Elicitation(name, codebook, prompts, confidence, variation or Variation(), pictures)
        self._cache = cache
        self._concurrency = concurrency
        self._prices = (price_in / 1e6, price_out / 1e6)
        self._max_cost = max_cost
        self._ask_again = ask_again
        self._shared = shared
        self._occasion = {"occasion": occasion} if occasion else {}
        self._parameters = Parameters(
            limit="max_completion_tokens" if self._base_url == OPENAI_URL else "max_tokens",
            max_tokens=max_tokens,
            temperature=temperature,
            sampling_temperature=self._asked.variation.temperature,
            logprobs=logprobs or confidence == "logprob",
            codebook=codebook,
        )
        self.endpoint = endpoint_class(
            annotator=name,
            model=model,
            base_url=self._base_url,
            api_key=api_key,
            limits=Limits(concurrency, requests_per_minute, tokens_per_minute, timeout, attempts),
            database=cache.database,
            local_only=local_only,
        )

    @property
    def calls(self) -> int:
        """Requests sent to the endpoint so far, tries that failed included."""
        return self.endpoint.calls

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

    def rehearse(self, units: Iterable[Unit]) -> Rehearsal:
        """Go through the labelling of these units with nothing sent and nothing kept."""
        return asyncio.run(self._rehearse(units))

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
        async with self.endpoint:
            return (await self.endpoint.ask(self._parameters.request(question), attempts=1)).outcome

    async def _label(self, parts: Iterable[Part], finished: Finished, tell: Tell) -> None:
        replies = self._replies(Asking(self.endpoint))
        pipeline = Pipeline(lambda unit: self._row(unit, replies), finished, tell, 4 * self._concurrency)
        async with self.endpoint:
            await pipeline.run(parts, self.endpoint.stop)

    async def _rehearse(self, units: Iterable[Unit]) -> Rehearsal:
        rehearsal = Rehearsal(self._asked.codebook)
        replies = self._replies(rehearsal, keep=False)
        for unit in units:
            await self._row(unit, replies)
        return rehearsal

    def _replies(self, source: Answering, *, keep: bool = True) -> Replies:
        return Replies(
            source,
            self._cache,
            self._spending(self._max_cost if keep else None),
            Claims(self._cache.database, shared=self._shared and keep),
            model=self._model,
            parameters=self._parameters,
            depends_on={
                "kind": "openai",
                "endpoint": _place(self._base_url),
                "model": self._model,
                **self._occasion,
            },
            ask_again=self._ask_again,
            keep=keep,
        )

    def _spending(self, cap: float | None) -> Spending:
        price_in, price_out = self._prices
        return Spending(self._cache, self.name, price_in=price_in, price_out=price_out, cap=cap)

    async def _row(self, unit: Unit, known: Replies) -> MachineLabel:
        """Lead the dialogue about one unit; questions that do not wait for each other go out together."""
        dialogue = self._asked.dialogue(unit)
        step = await asyncio.to_thread(begin, dialogue) if unit.image else begin(dialogue)
        while not isinstance(step, MachineLabel):
            step = go_on(dialogue, await self._all(unit, step, known))
        return step

    async def _all(self, unit: Unit, questions: Sequence[Question], known: Replies) -> list[Reply]:
        """All replies; where a question fails for good, the others are waited for, since they may be paid."""
        if len(questions) == 1:
            (only,) = questions
            return [await known.reply(unit.unit_id, only, self._usable(only))]
        asked = (known.reply(unit.unit_id, each, self._usable(each)) for each in questions)
        found = await asyncio.gather(*asked, return_exceptions=True)
        for failure in found:
            if isinstance(failure, BaseException):
                raise failure
        return [reply for reply in found if isinstance(reply, Reply)]

    def _usable(self, question: Question) -> Callable[[Completion], bool]:
        """Whether a known reply says what was asked for; that to a second question always does."""
        codebook, as_json = self._asked.codebook, self._asked.as_json
        if question.role == "confidence":
            return lambda _: True
        return lambda completion: read_label(completion, codebook, as_json=as_json).status == "ok"


def _place(base_url: str) -> str:
    """Which endpoint replies came from, as far as the cache cares: ports of this machine come and go."""
    host = urlsplit(base_url).hostname or ""
    try:
        here = ipaddress.ip_address(host).is_loopback
    except ValueError:
        here = host == "localhost"
    return "this machine" if here else base_url.rstrip("/")
