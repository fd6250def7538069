"""One connection to Label Studio: tokens, patience, and its errors turned into ours.

What is done once a study goes through the vendor's client. What every command does speaks the HTTP
interface directly: few calls are needed, each with its own rule about what may be sent twice, and importing
the vendor's client takes seconds (docs/decisions/0005-the-vendors-client.md).
"""

import itertools
import json
import re
import time
import weakref
from collections.abc import Callable, Generator, Iterator
from typing import Any

import httpx
import numpy as np

from annotator.backoff import backoff
from annotator.errors import ServiceError, ServiceUnavailableError
from annotator.labeling.privacy import is_local, shown

TOKEN_HINT = (
    "Copy a token from Account & Settings in Label Studio (an access token, or a legacy token where the "
    "organisation allows it) and set LABEL_STUDIO_API_KEY to it."
)
_TOKEN = re.compile(r"[!-~]+")  # what is printed and is ASCII: a header carries nothing else unharmed
_LATER = {408, 425, 429, 502, 503, 504}
# Label Studio needs this long for large imports and for its first request after a start.
_TIMEOUT = httpx.Timeout(120.0, connect=10.0)


class TokenAuth(httpx.Auth):
    """Both kinds of token: a legacy one as it is, a personal access token by way of short-lived ones."""

    requires_response_body = True

    def __init__(self, token: str) -> None:
        """Blanks and ends of lines around a token do not matter. Raises ServiceError for what is none."""
        self.token = token.strip()
        if not _TOKEN.fullmatch(self.token):
            raise ServiceError(
                "the access token for Label Studio is empty, or has characters that no token has",
                hint=TOKEN_HINT,
            )
        self._is_personal = self.token.count(".") == 2
        self._access: str | None = None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header; renew a personal token's access when it has run out."""
        if not self._is_personal:
            request.headers["Authorization"] = f"Token {self.token}"
            yield request
            return
        if self._access is None:
            yield from self._renew(request)
        request.headers["Authorization"] = f"Bearer {self._access}"
        response = yield request
        if response.status_code == 401:
            yield from self._renew(request)
            request.headers["Authorization"] = f"Bearer {self._access}"
            yield request

    def _renew(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        # The base address may have a path, so the renewal's is found from the request's own.
        place = request.url.copy_with(
            path=request.url.path.split("/api/")[0] + "/api/token/refresh/", query=None
        )
        answer = yield httpx.Request("POST", place, json={"refresh": self.token})
        is_json = "json" in answer.headers.get("content-type", "")
        self._access = answer.json().get("access") if answer.status_code == 200 and is_json else None


class Client:
    """Label Studio's HTTP interface at ``url``; the attribute of that name has no password in it.

    A call that fails because the service is not reachable is repeated with growing pauses for about
    ``patience`` seconds in total. A request that may have been carried out (an answer was lost) is
    repeated only when it is ``repeatable``.
    """

    def __init__(self, url: str, auth: httpx.Auth | None, *, patience: float = 20.0) -> None:
        self.http = _http(url.rstrip("/"), auth)
        self.url = shown(url).rstrip("/")
        # Connections are closed with this object, which has no natural end in a command or a flow.
        weakref.finalize(self, self.http.close)
        self._patience = patience

    def get(self, path: str, **params: Any) -> Any:
        """The answer to a GET, read as JSON."""
        return self.request("GET", path, repeatable=True, params=params)

    def post(self, path: str, body: Any, *, repeatable: bool = False, **params: Any) -> Any:
        """The answer to a POST of JSON, read as JSON."""
        return self.request("POST", path, repeatable=repeatable, params=params, json=body)

    def patch(self, path: str, body: Any) -> Any:
        """Change fields; repeating it changes nothing more."""
        return self.request("PATCH", path, repeatable=True, json=body)

    def delete(self, path: str) -> None:
        """Delete, or find it gone already."""
        try:
            self.request("DELETE", path, repeatable=True)
        except NotFoundError:
            return

    def request(self, method: str, path: str, *, repeatable: bool, **options: Any) -> Any:
        """Send, wait and repeat where that is safe. Raises ServiceError, ServiceUnavailableError."""
        return self.patiently(lambda: self._once(method, path, repeatable, **options))

    def through_sdk(self, call: Callable[[Any], Any]) -> Any:
        """The answer of one call of the vendor's client, sent once. Raises ServiceError."""
        # Its import takes seconds, which only the command that needs it should spend.
        from label_studio_sdk import LabelStudio  # noqa: PLC0415
        from label_studio_sdk.core.api_error import ApiError  # noqa: PLC0415

        # Our connection signs every request itself. Given the token, the vendor's client would exchange a
        # personal one over a connection of its own, which knows neither our time-outs nor what is local.
        vendors_client: Any = LabelStudio
        try:
            return call(vendors_client(base_url=self.url, api_key="signed below", httpx_client=self.http))
        except ApiError as error:
            answer = httpx.Response(error.status_code or 500, text=json.dumps(error.body, default=str))
            raise _error(self.url, answer, repeatable=False) from error
        except httpx.TransportError as error:
            raise ServiceUnavailableError(f"{self.url}: no answer ({type(error).__name__})") from error

    def patiently(self, call: Callable[[], Any]) -> Any:
        """Repeat a call while the service is away, up to the patience of this connection."""
        for pause in pauses(self._patience):
            try:
                return call()
            except RepeatableError:
                time.sleep(pause)
        return call()

    def _once(self, method: str, path: str, repeatable: bool, **options: Any) -> Any:
        return _json(
            f"{method} {self.url}{path}", self.answer(method, path, repeatable=repeatable, **options)
        )

    def answer(self, method: str, path: str, *, repeatable: bool, **options: Any) -> httpx.Response:
        """Send once; the answer as it is, a redirect included. Raises our errors for all other failures."""
        place = f"{method} {self.url}{path}"
        try:
            response = self.http.request(method, path, **options)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise RepeatableError(
                f"Label Studio at {self.url} cannot be reached ({type(error).__name__})",
                hint="Is it running (`annotator status`, `annotator up`), and is the address right?",
            ) from error
        except httpx.TransportError as error:
            raise _away(repeatable)(f"{place}: no answer ({type(error).__name__})") from error
        if response.is_success or response.is_redirect:
            return response
        raise _error(place, response, repeatable)


class RepeatableError(ServiceUnavailableError):
    """The service is away, and the same request may be sent again at once without harm."""


class NotFoundError(ServiceError):
    """There is no such thing (any more)."""


def pauses(total: float) -> Iterator[float]:
    """Growing pauses with jitter (in seconds, eight at most) that add up to ``total``.

    >>> round(sum(pauses(20.0)), 6)
    20.0
    >>> list(pauses(0.0))
    []
    """
    rng = np.random.default_rng()
    left = total
    for attempt in itertools.count(1):
        if left <= 0:
            return
        pause = min(left, backoff(attempt, rng, longest=8.0))
        yield pause
        left -= pause


def _http(url: str, auth: httpx.Auth | None) -> httpx.Client:
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL:
        address = httpx.URL()
    if address.scheme not in {"http", "https"} or not address.host:
        raise ServiceError(
            f"{shown(url)!r} is no address of a Label Studio", hint="Write it like http://127.0.0.1:8080."
        )
    # What runs on this machine or its network is not reached through a proxy, which could carry texts away.
    is_direct = is_local(str(address))
    # Label Studio's own server sends head and body of an answer apart. On a connection that is used again the
    # body waits 40 ms until the head is acknowledged; a new connection costs less than a millisecond.
    kept = 0 if address.scheme == "http" else 20
    return httpx.Client(
        base_url=address,
        auth=auth,
        timeout=_TIMEOUT,
        trust_env=not is_direct,
        limits=httpx.Limits(max_keepalive_connections=kept),
    )


def _away(repeatable: bool) -> type[ServiceUnavailableError]:
    return RepeatableError if repeatable else ServiceUnavailableError


def _error(place: str, response: httpx.Response, repeatable: bool) -> ServiceError:
    status = response.status_code
    detail = _detail(response)
    if status in _LATER or (status == 500 and "database is locked" in detail):
        return _away(repeatable)(f"{place}: Label Studio is busy or starting (HTTP {status})")
    if status in {401, 403}:
        return ServiceError(f"{place}: Label Studio refused the access (HTTP {status})", hint=TOKEN_HINT)
    if status == 404:
        return NotFoundError(f"{place}: not found (HTTP 404) {detail}".rstrip())
    return ServiceError(f"{place}: Label Studio refused (HTTP {status}) {detail}".rstrip())


def _json(place: str, response: httpx.Response) -> Any:
    if response.is_redirect:
        raise ServiceError(
            f"{place}: sent on to {response.headers.get('location')}",
            hint="Give the final address of Label Studio (https instead of http, perhaps).",
        )
    if not response.content:
        return None
    try:
        return response.json()
    except json.JSONDecodeError as error:
        raise ServiceError(
            f"{place}: the answer is no JSON", hint="Is there really a Label Studio at this address?"
        ) from error


def _detail(response: httpx.Response) -> str:
    """What Label Studio says is wrong, shortened."""
    try:
        body = response.json()
    except json.JSONDecodeError:
        return response.text[:200] if "locked" in response.text else ""
    if not isinstance(body, dict):
        return ""
    said = [str(body[key]) for key in ("detail", "validation_errors") if body.get(key)]
    return "; ".join(said)[:300]
