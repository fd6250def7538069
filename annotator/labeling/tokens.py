"""How many tokens words take, without the model's own tokenizer: about, and at most."""

from collections.abc import Iterable, Sequence
from statistics import fmean

from annotator.labeling.prompts import Message

CHARACTERS_A_TOKEN = 4.0
TOKENS_A_MESSAGE = 4.0  # what chat templates put around each
MOST_TOKENS_A_MESSAGE = 16
PERCENTAGE = "85%"


def about(messages: Iterable[Message]) -> float:
    """Tokens of a prompt, at four characters a token and four tokens around each message.

    >>> about([{"role": "user", "content": "x" * 40}])
    14.0
    """
    lengths = [len(message["content"]) for message in messages]
    return sum(lengths) / CHARACTERS_A_TOKEN + TOKENS_A_MESSAGE * len(lengths)


def at_most(messages: Sequence[Message]) -> int:
    """Tokens a prompt can take with any tokenizer in use: none makes more than one of a byte of UTF-8.

    >>> at_most([{"role": "user", "content": "\N{EURO SIGN}uro"}])
    22
    """
    n_bytes = sum(len(message["content"].encode("utf-8", "replace")) for message in messages)
    return n_bytes + MOST_TOKENS_A_MESSAGE * len(messages)


def of_a_code(names: Sequence[str]) -> float:
    """Tokens of a code, on average over the codebook.

    >>> of_a_code(["polite", "impolite"])
    1.75
    """
    return fmean(len(name) for name in names) / CHARACTERS_A_TOKEN


def of_a_percentage() -> float:
    """Tokens of a stated confidence."""
    return len(PERCENTAGE) / CHARACTERS_A_TOKEN
