"""How many tokens words take, without the model's own tokenizer: about, and at most."""

from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any

from annotator.labeling.prompts import Message

Content = str | list[dict[str, Any]]

CHARACTERS_A_TOKEN = 4.0
TOKENS_A_MESSAGE = 4.0  # what chat templates put around each
MOST_TOKENS_A_MESSAGE = 16
TOKENS_A_PICTURE = 800.0  # of about a megapixel, as providers count
MOST_TOKENS_A_PICTURE = 4000
PERCENTAGE = "85%"


def about(messages: Iterable[Message]) -> float:
    """Tokens of a prompt, at four characters a token and four tokens around each message.

    >>> about([{"role": "user", "content": "x" * 40}])
    14.0
    """
    lengths = [_characters(message["content"]) for message in messages]
    return sum(lengths) / CHARACTERS_A_TOKEN + TOKENS_A_MESSAGE * len(lengths)


def at_most(messages: Sequence[Message]) -> int:
    """Tokens a prompt can take with any tokenizer in use: none makes more than one of a byte of UTF-8.

    >>> at_most([{"role": "user", "content": "\N{EURO SIGN}uro"}])
    22
    """
    n_bytes = sum(
        len(text.encode("utf-8", "replace")) for message in messages for text in _texts(message["content"])
    )
    n_pictures = sum(isinstance(message["content"], list) for message in messages)
    return n_bytes + MOST_TOKENS_A_MESSAGE * len(messages) + MOST_TOKENS_A_PICTURE * n_pictures


def _texts(content: Content) -> list[str]:
    """The words of a message, which has a picture beside them if it comes in parts."""
    return [content] if isinstance(content, str) else [part.get("text", "") for part in content]


def _characters(content: Content) -> float:
    picture = 0.0 if isinstance(content, str) else TOKENS_A_PICTURE * CHARACTERS_A_TOKEN
    return picture + sum(map(len, _texts(content)))


def of_a_code(names: Sequence[str]) -> float:
    """Tokens of a code, on average over the codebook.

    >>> of_a_code(["polite", "impolite"])
    1.75
    """
    return fmean(len(name) for name in names) / CHARACTERS_A_TOKEN


def of_a_percentage() -> float:
    """Tokens of a stated confidence."""
    return len(PERCENTAGE) / CHARACTERS_A_TOKEN
