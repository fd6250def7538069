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


def _logprobs(choice: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    tokens = _dict(choice.get("logprobs")).get("content")
    pairs = []
    for entry in tokens if isinstance(tokens, list) else ():
        token, logprob = _dict(entry).get("token"), _dict(entry).get("logprob")
        if not isinstance(token, str) or not isinstance(logprob, int | float):
            return ()
        if not abs(logprob) <= _LARGEST_LOGPROB:
            return ()
        pairs.append((_clean(token), float(logprob)))
    return tuple(pairs)


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
    """

    text: str
    ending: str
    tokens_in: int = 0
    tokens_out: int = 0
    logprobs: tuple[tuple[str, float], ...] = ()

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
        return cls(
            text=_content(refusal if refusal else message.get("content")),
            ending="refusal" if refusal else finish if finish in ("length", "content_filter") else "stop",
            tokens_in=_count(usage.get("prompt_tokens")),
            tokens_out=_count(usage.get("completion_tokens")),
            logprobs=_logprobs(choice),
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of ``to_dict``, also after a trip through JSON."""
        pairs = tuple((str(token), float(logprob)) for token, logprob in data["logprobs"])
        return cls(data["text"], data["ending"], data["tokens_in"], data["tokens_out"], pairs)
