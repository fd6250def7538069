"""HTTP to one address with one key: no redirects, no retries."""

import asyncio
import json
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from annotator import __version__
from annotator.errors import StudyError
from annotator.labeling.limits import Limits
from annotator.labeling.privacy import is_local, shown

if TYPE_CHECKING:
    import ssl

    import httpx2

NO_KEY = "no-key"
_CONNECT_SECONDS = 10.0


def sound_key(api_key: str | None) -> str:
    """The key, or a placeholder: a missing one is not looked for anywhere else.

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
    """Sends requests and gives back bodies.

    This is plain HTTP, as the ``openai`` library would send it: what the library does beside (repeating,
    checking, naming errors) is done here, and took a third of a call's time. There is one client of
    ``httpx2`` for each connection: one that has many looks through all of them for each request, twice.
    """

    def __init__(self, base_url: str, api_key: str, limits: Limits) -> None:
        self._address = f"{base_url.rstrip('/')}/chat/completions"
        self._headers = {
            "Authorization": f"Bearer {api_key}",
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": f"annotator/{__version__}",
        }
        self._seconds = limits.timeout
        self._trusts_environment = not is_local(base_url)  # no proxy between this machine and itself
        self._free: list[httpx2.AsyncClient] = []
        self._all: list[httpx2.AsyncClient] = []

    async def complete(self, request: Mapping[str, Any]) -> bytes:
        """The body of the answer to one chat completion request.

        Raises what ``httpx2`` does, also for any answer but a success, and TimeoutError where it is not
        there as a whole in time.
        """
        import httpx2  # noqa: PLC0415 (slow to import)

        message = httpx2.Request(
            "POST",
            self._address,
            headers=self._headers,
            content=json.dumps(request, separators=(",", ":")).encode(),
            extensions={"timeout": self._timeout},
        )
        connection = self._free.pop() if self._free else self._connect()
        try:
            async with asyncio.timeout(self._seconds):
                response = await connection.send(message)
        finally:
            self._free.append(connection)
        response.raise_for_status()
        return response.content

    async def close(self) -> None:
        """Close all connections."""
        for connection in self._all:
            await connection.aclose()

    def _connect(self) -> "httpx2.AsyncClient":
        import httpx2  # noqa: PLC0415 (slow to import)

        connection = httpx2.AsyncClient(
            verify=self._certificates,
            limits=httpx2.Limits(max_connections=1, max_keepalive_connections=1),
            follow_redirects=False,  # texts go to the named address only
            trust_env=self._trusts_environment,
        )
        self._all.append(connection)
        return connection

    @cached_property
    def _certificates(self) -> "ssl.SSLContext":
        import httpx2  # noqa: PLC0415 (slow to import)

        return httpx2.create_ssl_context(trust_env=self._trusts_environment)

    @cached_property
    def _timeout(self) -> dict[str, float | None]:
        seconds = self._seconds
        return {"connect": min(seconds, _CONNECT_SECONDS), "read": seconds, "write": seconds, "pool": None}
