"""Asking an OpenAI-compatible endpoint: one boundary where its errors are sorted and requests are repeated.

The ``openai`` client's own retries are off, so that a request is never repeated by two hands.
"""

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from annotator.errors import ServiceError, ServiceUnavailableError, StudyError
from annotator.labeling.completion import Completion
from annotator.labeling.connection import http_client as http_client_of
from annotator.labeling.faults import Fault, sort_out
from annotator.labeling.limits import LONGEST_WAIT, Streak, backoff
from annotator.labeling.privacy import shown
from annotator.labeling.prompts import Message

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_PATIENCE = 20
NO_KEY = "no-key"


@dataclass(frozen=True, slots=True)
class Answer:
    """A completion, or why there is none, and what getting it took."""

    outcome: Completion | Fault
    attempts: int
    seconds: float


def sound_key(api_key: str | None) -> str:
    """The key, or a placeholder: a missing one must not be filled from the environment by the client."""
    key = (api_key or "").strip() or NO_KEY
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise StudyError(
            "the endpoint's key holds blanks or characters that no HTTP header can carry",
            hint="Set the environment variable again, with the key alone in it.",
        )
    return key


def sound_url(base_url: str) -> str:
    """The address, if it is one and carries nothing secret. Raises StudyError."""
    if not base_url.startswith(("http://", "https://")):
        raise StudyError(
            f"base_url {shown(base_url)!r} is no web address",
            hint="Write it in full, such as http://127.0.0.1:8000/v1.",
        )
    if shown(base_url) != base_url:
        raise StudyError(
            f"base_url {shown(base_url)} carries a user, password, query or fragment",
            hint="Give the bare address; a secret belongs in the key's environment variable.",
        )
    return base_url


class Endpoint:
    """One model at one address.

    Args:
        annotator: the annotator's name, for messages.
        model: the model's name at the endpoint.
        base_url: the address up to ``/v1``.
        api_key: the key, or None where none is needed.
        parameters: what is sent with every request beside model and messages.
        concurrency: most requests under way at once.
        timeout: seconds a single request may take.
        attempts: most tries of one request.
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
        parameters: Mapping[str, Any],
        concurrency: int,
        timeout: float,
        attempts: int,
        local_only: bool = False,
        rng: np.random.Generator | None = None,
    ) -> None:
        self.calls = 0
        self._annotator = annotator
        self._model = model
        self._base_url = sound_url(base_url)
        self._api_key = sound_key(api_key)
        self._parameters = dict(parameters)
        self._concurrency = concurrency
        self._timeout = timeout
        self._attempts = attempts
        self._local_only = local_only
        self._rng = rng or np.random.default_rng()

    async def __aenter__(self) -> Self:
        self._client = self._connect()
        self._gate = asyncio.Semaphore(self._concurrency)
        self._streak = Streak(_PATIENCE)
        self._stopping = asyncio.Event()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    def stop(self) -> None:
        """Send nothing more. What is under way may still be answered, since it may have been paid for."""
        self._stopping.set()

    async def ask(self, messages: Sequence[Message], *, attempts: int | None = None) -> Answer:
        """One completion, tried again where that may help (``attempts`` times at most, if given).

        Raises:
            ServiceUnavailableError: the endpoint as a whole does not answer.
            ServiceError: it refuses this key or model.
        """
        most = attempts or self._attempts
        answers_before = self._streak.answers
        attempt, seconds = 0, 0.0
        while True:
            attempt += 1
            async with self._gate:
                if self._stopping.is_set():
                    raise ServiceUnavailableError(f"machine annotator {self._annotator} was stopped")
                started = time.perf_counter()
                outcome = await self._send(messages)
                seconds += time.perf_counter() - started
            if isinstance(outcome, Completion):
                self._streak.answered()
                return Answer(outcome, attempt, seconds)
            if outcome.kind == "fatal":
                raise ServiceError(self._about(outcome), hint=outcome.hint)
            if not outcome.retryable or attempt == most:
                break
            wait = self._wait(outcome, attempt)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), wait)
        self._judge(outcome, answered_meanwhile=self._streak.answers > answers_before)
        return Answer(outcome, attempt, seconds)

    async def _send(self, messages: Sequence[Message]) -> Completion | Fault:
        self.calls += 1
        try:
            async with asyncio.timeout(self._timeout):
                create: Any = self._client.chat.completions.with_raw_response.create
                response = await create(model=self._model, messages=list(messages), **self._parameters)
            return Completion.read(self._redacted(response.content.decode("utf-8", "replace")))
        except Exception as error:
            return sort_out(error, self._redacted)

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

    def _connect(self) -> "AsyncOpenAI":
        """A client that retries nothing."""
        from openai import AsyncOpenAI  # noqa: PLC0415 (slow to import)

        http_client = http_client_of(
            self._base_url,
            seconds=self._timeout,
            at_once=self._concurrency,
            local_only=self._local_only,
            annotator=self._annotator,
        )
        return AsyncOpenAI(
            api_key=self._api_key,
            base_url=self._base_url,
            timeout=http_client.timeout,
            max_retries=0,
            http_client=http_client,
        )
