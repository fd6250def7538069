"""Asking an OpenAI-compatible endpoint: where its errors are sorted and requests repeated."""

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from annotator.backoff import LONGEST_WAIT, backoff
from annotator.errors import ServiceError, ServiceUnavailableError
from annotator.labeling import tokens
from annotator.labeling.client import NO_KEY, Client, sound_key, sound_url
from annotator.labeling.completion import Completion, NotACompletionError
from annotator.labeling.database import Database
from annotator.labeling.faults import Fault, sort_out
from annotator.labeling.gate import Gate
from annotator.labeling.limits import Limits, Streak
from annotator.labeling.pace import Pace
from annotator.labeling.prompts import Message

_PATIENCE = 20
_AFTERWARDS = 0.02
"""Seconds until an answer is dealt with. The next request goes out meanwhile: a connection without one is the
costliest thing here, and sending takes several turns of the event loop."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for once.

    Attributes:
        messages: the conversation so far.
        parameters: what is sent beside model and messages.
        longest_reply: most tokens of the reply.
        sample: tells apart requests that are the same but to be answered anew.
    """

    messages: Sequence[Message]
    parameters: Mapping[str, Any]
    longest_reply: int
    sample: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A completion, or why there is none, and what getting it took."""

    outcome: Completion | Fault
    attempts: int
    seconds: float


class Endpoint:
    """One model at one address.

    Args:
        annotator: the annotator's name, for messages.
        model: the model's name at the endpoint.
        base_url: the address up to ``/v1``.
        api_key: the key, or None where none is needed.
        limits: what the endpoint bears.
        database: where the pace of all processes is kept.
        local_only: whether texts may only go to this machine or its private network.
        rng: jitter of the waiting times.

    Raises:
        StudyError: the key or the address cannot be used.
    """

    def __init__(
        self,
        *,
        annotator: str,
        model: str,
        base_url: str,
        api_key: str | None,
        limits: Limits,
        database: Database,
        local_only: bool = False,
        rng: np.random.Generator | None = None,
    ) -> None:
        self.calls = 0
        self._annotator = annotator
        self._model = model
        self._base_url = sound_url(base_url)
        self._api_key = sound_key(api_key)
        self._limits = limits
        self._database = database
        self._local_only = local_only
        self._rng = rng or np.random.default_rng()

    async def __aenter__(self) -> Self:
        self._client = Client(
            self._base_url,
            self._api_key,
            self._limits,
            local_only=self._local_only,
            annotator=self._annotator,
        )
        self._gate = Gate(self._limits.concurrency)
        self._requests = self._pace("requests", self._limits.requests_per_minute)
        self._tokens = self._pace("tokens", self._limits.tokens_per_minute)
        self._streak = Streak(_PATIENCE)
        self._stopping = asyncio.Event()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    def stop(self) -> None:
        """Send nothing more. What is under way may still be answered, since it may have been paid for."""
        self._stopping.set()

    async def ask(self, request: Request, *, attempts: int | None = None) -> Answer:
        """One completion, tried again where that may help (``attempts`` times at most, if given).

        Raises:
            ServiceUnavailableError: the endpoint as a whole does not answer.
            ServiceError: it refuses this key or model.
        """
        most = attempts or self._limits.attempts
        answers_before = self._streak.answers
        attempt, seconds = 0, 0.0
        while True:
            attempt += 1
            async with self._gate:
                started_in = self._gate.round
                await self._in_turn(request)
                started = time.perf_counter()
                said = await self._send(request)
                seconds += time.perf_counter() - started
            await asyncio.sleep(_AFTERWARDS)
            outcome = self._read(said, request)
            is_turned_away = isinstance(outcome, Fault) and outcome.is_turned_away
            self._gate.note(started_in, turned_away=is_turned_away)
            if isinstance(outcome, Completion):
                self._streak.answered()
                return Answer(outcome, attempt, seconds)
            if outcome.kind == "fatal":
                raise ServiceError(self._about(outcome), hint=outcome.hint)
            if not outcome.retryable or attempt == most:
                break
            await self._sleep(self._wait(outcome, attempt))
        self._judge(outcome, answered_meanwhile=self._streak.answers > answers_before)
        return Answer(outcome, attempt, seconds)

    async def _in_turn(self, request: Request) -> None:
        """Wait until the pace allows this request. Raises ServiceUnavailableError when stopped meanwhile."""
        self._client.open()  # before the pace begins: what waited for it would go out in a bunch
        await self._requests.take()
        await self._tokens.take(_expected(request))
        if self._stopping.is_set():
            raise ServiceUnavailableError(f"machine annotator {self._annotator} was stopped")

    async def _sleep(self, seconds: float) -> None:
        """Wait, but not longer than until the end."""
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _send(self, request: Request) -> bytes | Completion | Fault:
        self.calls += 1
        body = {"model": self._model, "messages": list(request.messages), **request.parameters}
        try:
            async with asyncio.timeout(self._limits.timeout):
                return await self._client.complete(body)
        except Exception as error:
            return sort_out(error, self._redacted)

    def _read(self, said: bytes | Completion | Fault, request: Request) -> Completion | Fault:
        if not isinstance(said, bytes):
            return said
        try:
            completion = Completion.read(self._redacted(said.decode("utf-8", "replace")))
        except NotACompletionError as error:
            return sort_out(error, self._redacted)
        used = completion.tokens_in + completion.tokens_out
        if used:
            self._tokens.correct(used - _expected(request))
        return completion

    def _wait(self, fault: Fault, attempt: int) -> float:
        asked = fault.retry_after
        if not asked:
            return backoff(attempt, self._rng)
        if asked > LONGEST_WAIT:
            raise ServiceUnavailableError(
                self._about(fault), hint=f"The endpoint asks to be called again in {asked:.0f} seconds."
            )
        return asked + float(self._rng.uniform(0.0, 0.1))

    def _judge(self, fault: Fault, *, answered_meanwhile: bool) -> None:
        """Raise if this failure says something about the endpoint rather than about one unit."""
        self._streak.failed()
        if fault.kind == "unreachable" or (fault.kind == "busy" and not answered_meanwhile):
            raise ServiceUnavailableError(
                self._about(fault),
                hint="Start the endpoint or correct base_url, then run again: replies received are kept.",
            )
        if not self._streak.over:
            return
        if fault.retryable:
            raise ServiceUnavailableError(
                f"{self._about(fault)}; {_PATIENCE} texts in a row got no usable answer",
                hint="Look at the endpoint's own log, then run again: replies received are kept.",
            )
        if not self._streak.answers:
            raise ServiceError(
                f"{self._about(fault)}; the endpoint refused the first {_PATIENCE} texts",
                hint="Check the model's name and what the endpoint accepts.",
            )

    def _about(self, fault: Fault) -> str:
        return f"machine annotator {self._annotator} at {self._base_url}: {fault.message}"

    def _redacted(self, text: str) -> str:
        return text if self._api_key == NO_KEY else text.replace(self._api_key, "[key]")

    def _pace(self, what: str, per_minute: float | None) -> Pace:
        return Pace(self._database, f"{self._annotator} {what}", per_minute, self._sleep)


def _expected(request: Request) -> float:
    """Tokens of prompt and reply together, as far as can be told before."""
    return tokens.about(request.messages) + request.longest_reply
