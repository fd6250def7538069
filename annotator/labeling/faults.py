"""Everything that can go wrong with one request, sorted by what it means."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from annotator.labeling.completion import Completion, NotACompletionError
from annotator.labeling.limits import retry_after
from annotator.labeling.protocol import Status

Kind = Literal["unreachable", "busy", "timeout", "broken", "garbage", "refused", "fatal"]

_LONGEST_MESSAGE = 500
_BUSY_CODES = (408, 409, 425, 429, 502, 503, 504, 529)
_HINTS = {
    401: "The endpoint does not accept the key: check the environment variable that holds it.",
    402: "The account at the endpoint has no credit left.",
    403: "The key may not use this model or endpoint.",
    404: "Check the model's name, and that base_url ends as the endpoint's documentation says (often /v1).",
    407: "A proxy between here and the endpoint asks for a password: check the proxy settings.",
}
_FILTER_CODES = ("content_filter", "content_policy_violation", "ResponsibleAIPolicyViolation")


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a request brought no completion.

    ``unreachable``: no connection. ``busy``: asked to come later. ``timeout``: no answer in time.
    ``broken``: the endpoint failed or the connection was cut. ``garbage``: the answer is no completion.
    ``refused``: this request is not acceptable. ``fatal``: no request will be, as things stand.
    """

    kind: Kind
    message: str
    hint: str | None = None
    retry_after: float | None = None
    http_status: int | None = None

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed a little later."""
        return self.kind not in ("refused", "fatal")

    @property
    def status(self) -> Status:
        """What the unit's row says."""
        if self.kind == "timeout":
            return "timeout"
        if self.kind == "garbage":
            return "unparsable"
        family = (self.http_status or 0) // 100
        return "http_4xx" if family == 4 else "http_5xx" if family == 5 else "error"

    @property
    def is_turned_away(self) -> bool:
        """Whether the endpoint has too much to do, or this key asked too much of it."""
        return self.http_status in (429, 503, 529)


def sort_out(error: Exception, redact: Callable[[str], str]) -> Completion | Fault:
    """What an exception of one request means; a programmer's error is raised again.

    A content filter's refusal is an answer: a completion without text.
    """
    import openai  # noqa: PLC0415 (slow to import)

    if isinstance(error, NotACompletionError):
        return Fault("garbage", _clip(str(error)))
    if isinstance(error, TimeoutError | openai.APITimeoutError | openai.APIConnectionError):
        return _no_answer(error)
    if isinstance(error, openai.APIStatusError):
        return _status(error, redact)
    if isinstance(error, openai.OpenAIError):
        return Fault("garbage", _clip(redact(str(error))))
    raise error


def _no_answer(error: Exception) -> Fault:
    import httpx2  # noqa: PLC0415 (slow to import)

    cause = error.__cause__
    if isinstance(
        cause, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.ProxyError | httpx2.UnsupportedProtocol
    ):
        return Fault("unreachable", f"no connection ({_clip(str(cause)) or 'timed out'})")
    if isinstance(error, TimeoutError) or isinstance(cause, httpx2.TimeoutException):
        return Fault("timeout", "no answer in time")
    return Fault("broken", f"the connection was cut ({type(cause).__name__})")


def _status(error: Any, redact: Callable[[str], str]) -> Completion | Fault:
    code, status = str(error.code), error.status_code
    message = f"HTTP {status}: {_clip(redact(_said(error)))}"
    if code in _FILTER_CODES or (status == 400 and "content_filter" in message):
        return Completion(text=message, ending="content_filter")
    wait = retry_after(error.response.headers.get("retry-after")) if status in _BUSY_CODES else None
    hint = _HINTS[402] if code == "insufficient_quota" else _HINTS.get(status)
    return Fault(_kind(status, hint), message, hint=hint, retry_after=wait, http_status=status)


def _kind(status: int, hint: str | None) -> Kind:
    if hint is not None:
        return "fatal"
    if status in _BUSY_CODES:
        return "busy"
    return "broken" if status >= 500 else "refused"


def _said(error: Any) -> str:
    """The endpoint's own words, where it has any."""
    body = error.body if isinstance(error.body, dict) else {}
    inner = body.get("error", body)
    words = inner.get("message") or inner.get("detail") if isinstance(inner, dict) else inner
    return words if isinstance(words, str) and words else error.message


def _clip(text: str) -> str:
    flat = " ".join(text.encode("utf-8", "replace").decode("utf-8").split())
    return flat if len(flat) <= _LONGEST_MESSAGE else f"{flat[:_LONGEST_MESSAGE]}..."
