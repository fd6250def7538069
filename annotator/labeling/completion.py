"""One completion of the OpenAI chat protocol, read without trusting the endpoint that sent it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

_SHOWN = 500  # characters
_MOST_TOKENS = 2**31
_LARGEST_LOGPROB = 1e6


class NotACompletionError(ValueError):
    """The endpoint's body is not a chat completion. It stands in the message, from its beginning."""

    def __init__(self, what: str, body: bytes | str) -> None:
        text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
        super().__init__(f"{what}: {text[:_SHOWN]}" if text.strip() else f"{what}, but empty")


def _clean(text: str) -> str:
    """Text that UTF-8 can hold: lone surrogates, which JSON escapes allow, become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        return 0
    return value if 0 <= value < _MOST_TOKENS else 0


def _content(content: object) -> str:
    """The text of a message, which some endpoints send in parts."""
    parts = [_dict(part).get("text") for part in content] if isinstance(content, list) else [content]
    return "".join(_clean(part) for part in parts if isinstance(part, str))


Tokens = tuple[tuple[str, float], ...]
"""Tokens, each with its natural log-probability."""


def _tokens(entries: object) -> Tokens:
    """The tokens of a list of the protocol; none where one of them is unsound."""
    pairs = []
    for entry in entries if isinstance(entries, list) else ():
        token, logprob = _dict(entry).get("token"), _dict(entry).get("logprob")
        if not isinstance(token, str) or not isinstance(logprob, int | float):
            return ()
        if not abs(logprob) <= _LARGEST_LOGPROB:
            return ()
        pairs.append((_clean(token), float(logprob)))
    return tuple(pairs)


def _likeliest(entries: object) -> tuple[Tokens, ...]:
    """The alternatives of each token; empty where the endpoint lists none at all."""
    listed = entries if isinstance(entries, list) else []
    found = tuple(_tokens(_dict(entry).get("top_logprobs")) for entry in listed)
    return found if any(found) else ()


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model said.

    Attributes:
        text: the reply; empty where the model declined.
        ending: ``stop``, ``length`` (cut by the token limit), ``refusal`` (the model declined) or
            ``content_filter`` (the endpoint's filter did).
        tokens_in: tokens of the prompt, as billed.
        tokens_out: tokens of the reply, as billed.
        logprobs: the reply's tokens with their log-probabilities; empty where the endpoint gives none.
        likeliest: for each token those that were likeliest in its place; may end early, or be empty.
    """

    text: str
    ending: str
    tokens_in: int = 0
    tokens_out: int = 0
    logprobs: Tokens = ()
    likeliest: tuple[Tokens, ...] = ()

    @classmethod
    def read(cls, body: bytes | str) -> Self:
        """The first choice of a ``chat.completion`` body.

        Raises:
            NotACompletionError: the body is no JSON, or JSON of another shape.
        """
        try:
            data = _dict(json.loads(body))
        except (ValueError, RecursionError):
            raise NotACompletionError("the endpoint's answer is not JSON", body) from None
        choices = data.get("choices")
        choice = _dict(choices[0]) if isinstance(choices, list) and choices else {}
        message = choice.get("message")
        if not isinstance(message, dict):
            raise NotACompletionError("the endpoint's answer is JSON, but no chat completion", body)
        usage = _dict(data.get("usage"))
        refusal, finish = message.get("refusal"), choice.get("finish_reason")
        tokens = _dict(choice.get("logprobs")).get("content")
        return cls(
            text=_content(refusal if refusal else message.get("content")),
            ending="refusal" if refusal else finish if finish in ("length", "content_filter") else "stop",
            tokens_in=_count(usage.get("prompt_tokens")),
            tokens_out=_count(usage.get("completion_tokens")),
            logprobs=_tokens(tokens),
            likeliest=_likeliest(tokens),
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of ``to_dict``, also after a trip through JSON."""
        likeliest = tuple(_pairs(listed) for listed in data.get("likeliest", ()))
        counts = (data["tokens_in"], data["tokens_out"])
        return cls(data["text"], data["ending"], *counts, _pairs(data["logprobs"]), likeliest)


def _pairs(listed: Any) -> Tokens:
    return tuple((str(token), float(logprob)) for token, logprob in listed)
