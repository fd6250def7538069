"""The ``openai`` library as used here: one address, one key, no redirects, no retries of its own."""

import gc
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from annotator.errors import StudyError
from annotator.labeling.connection import http_client
from annotator.labeling.limits import Limits
from annotator.labeling.privacy import shown

if TYPE_CHECKING:
    import ssl

    from openai import AsyncOpenAI

NO_KEY = "no-key"


def sound_key(api_key: str | None) -> str:
    """The key, or a placeholder: a missing one must not be filled from the environment by the library.

    Raises StudyError where no header can carry it.
    """
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


class Client:
    """Sends requests and gives back bodies; its errors are those of ``openai``.

    There is one client of the library for each connection: one with many connections looks through all of
    them for each request, twice, and that took a tenth of a call.
    """

    def __init__(
        self, base_url: str, api_key: str, limits: Limits, *, local_only: bool, annotator: str
    ) -> None:
        self._base_url = base_url
        self._api_key = api_key
        self._limits = limits
        self._local_only = local_only
        self._annotator = annotator
        self._free: list[AsyncOpenAI] = []
        self._all: list[AsyncOpenAI] = []

    def open(self) -> None:
        """Load the library, which takes a while, unless that is done."""
        if not self._all:
            self._free.append(self._connect())
            gc.freeze()  # the library is large, and would be searched for garbage again and again

    async def complete(self, request: Mapping[str, Any]) -> bytes:
        """The body of the answer to one chat completion request.

        The request goes out as it is given: having the library look through each took a third of a call.
        """
        import httpx2  # noqa: PLC0415 (slow to import)

        library = self._free.pop() if self._free else self._connect()
        try:
            response = await library.post("/chat/completions", cast_to=httpx2.Response, body=dict(request))
        finally:
            self._free.append(library)
        return response.content

    async def close(self) -> None:
        """Close all connections."""
        for library in self._all:
            await library.close()
        gc.unfreeze()

    def _connect(self) -> "AsyncOpenAI":
        from openai import AsyncOpenAI  # noqa: PLC0415 (slow to import)

        client = http_client(
            self._base_url,
            seconds=self._limits.timeout,
            at_once=1,
            local_only=self._local_only,
            annotator=self._annotator,
            certificates=self._certificates,
        )
        library = AsyncOpenAI(
            api_key=self._api_key,
            base_url=self._base_url,
            timeout=client.timeout,
            max_retries=0,
            http_client=client,
        )
        self._all.append(library)
        return library

    @cached_property
    def _certificates(self) -> "ssl.SSLContext":
        import httpx2  # noqa: PLC0415 (slow to import)

        return httpx2.create_ssl_context()
