"""A provider's files and batches: one boundary where its errors become ours.

Nothing is sent twice here but what may be: reading and uploading. A batch that was perhaps created is looked
for by the key in its metadata, never created again blindly.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np

from annotator.backoff import backoff
from annotator.errors import ServiceError, ServiceUnavailableError
from annotator.labeling.client import NO_KEY, sound_key, sound_url
from annotator.labeling.connection import http_client
from annotator.labeling.faults import Fault, sort_out

if TYPE_CHECKING:
    from openai import AsyncOpenAI

T = TypeVar("T")

KEY = "annotator_key"
UNDER_WAY = ("validating", "in_progress", "finalizing", "cancelling")
QUEUE_IS_FULL = "token_limit_exceeded"
_PATH: Literal["/v1/chat/completions"] = "/v1/chat/completions"
_SECONDS = 600.0  # a file of 200 MB
_CLOCK_SKEW = 3600.0


@dataclass(frozen=True)
class BatchState:
    """Where a batch stands at the provider.

    Attributes:
        status: the provider's word for it.
        files: of its answers and errors, as far as there are any.
        complaint: what is wrong with the batch as a whole; empty if nothing is.
        code: the provider's code for that.
    """

    status: str
    files: tuple[str, ...] = ()
    complaint: str = ""
    code: str = ""

    @property
    def is_under_way(self) -> bool:
        """Whether there is something to wait for."""
        return self.status in UNDER_WAY


class BatchApi:
    """The batches of one account at one address.

    Every method raises ServiceUnavailableError where nobody answers and ServiceError where the provider
    refuses; no message holds the key.
    """

    def __init__(
        self, *, annotator: str, base_url: str, api_key: str | None, attempts: int, local_only: bool = False
    ) -> None:
        self._annotator = annotator
        self._base_url = sound_url(base_url)
        self._api_key = sound_key(api_key)
        self._attempts = attempts
        self._local_only = local_only

    def upload(self, lines: bytes) -> str:
        """The id of a file of requests."""

        async def call(client: "AsyncOpenAI") -> str:
            made = await client.files.create(file=("questions.jsonl", lines), purpose="batch")
            return made.id

        return self._call(call, self._attempts)

    def create(self, file_id: str, key: str) -> str:
        """The id of a batch of this file, which can be found again by its key."""

        async def call(client: "AsyncOpenAI") -> str:
            made = await client.batches.create(
                input_file_id=file_id, endpoint=_PATH, completion_window="24h", metadata={KEY: key}
            )
            return made.id

        return self._call(call, 1)

    def find(self, key: str, since: float) -> str | None:
        """The batch of this key, made after ``since`` (seconds since 1970), that has not failed."""

        async def call(client: "AsyncOpenAI") -> str | None:
            async for batch in client.batches.list(limit=100):
                if batch.created_at < since - _CLOCK_SKEW:
                    break
                if (batch.metadata or {}).get(KEY) == key and batch.status != "failed":
                    return batch.id
            return None

        return self._call(call, self._attempts)

    def state(self, batch_id: str) -> BatchState:
        """Where a batch stands."""

        async def call(client: "AsyncOpenAI") -> BatchState:
            batch = await client.batches.retrieve(batch_id)
            errors = (batch.errors.data if batch.errors else None) or []
            return BatchState(
                status=batch.status,
                files=tuple(filter(None, (batch.output_file_id, batch.error_file_id))),
                complaint=self._redacted("; ".join(error.message or "" for error in errors[:3])),
                code=next((error.code for error in errors if error.code), ""),
            )

        return self._call(call, self._attempts)

    def content(self, file_id: str) -> str:
        """What is in a file."""

        async def call(client: "AsyncOpenAI") -> str:
            body = await client.files.content(file_id)
            return self._redacted(body.content.decode("utf-8", "replace"))

        return self._call(call, self._attempts)

    def redact(self, text: str) -> str:
        """The text without the key."""
        return self._redacted(text)

    def _call(self, call: "Callable[[AsyncOpenAI], Awaitable[T]]", attempts: int) -> T:
        outcome = asyncio.run(self._tried(call, attempts))
        if not isinstance(outcome, Fault):
            return outcome
        message = f"machine annotator {self._annotator} at {self._base_url}: {outcome.message}"
        if outcome.retryable:
            raise ServiceUnavailableError(message, hint="Run again later: batches handed in are not lost.")
        raise ServiceError(message, hint=outcome.hint or "Does this endpoint have a batch interface?")

    async def _tried(self, call: "Callable[[AsyncOpenAI], Awaitable[T]]", attempts: int) -> T | Fault:
        rng = np.random.default_rng()
        async with self._connect() as client:
            for attempt in range(1, attempts + 1):
                try:
                    return await call(client)
                except Exception as error:
                    fault = _fault(error, self._redacted)
                if not fault.retryable or attempt == attempts:
                    break
                await asyncio.sleep(backoff(attempt, rng))
        return fault

    def _redacted(self, text: str) -> str:
        return text if self._api_key == NO_KEY else text.replace(self._api_key, "[key]")

    def _connect(self) -> "AsyncOpenAI":
        from openai import AsyncOpenAI  # noqa: PLC0415 (slow to import)

        return AsyncOpenAI(
            api_key=self._api_key,
            base_url=self._base_url,
            max_retries=0,
            timeout=_SECONDS,
            http_client=http_client(
                self._base_url,
                seconds=_SECONDS,
                at_once=1,
                local_only=self._local_only,
                annotator=self._annotator,
            ),
        )


def _fault(error: Exception, redact: Callable[[str], str]) -> Fault:
    found: Any = sort_out(error, redact)
    return found if isinstance(found, Fault) else Fault("refused", found.text)
