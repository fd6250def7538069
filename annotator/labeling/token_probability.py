"""What the probabilities of a reply's tokens say about its code, and about the codes it did not give."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from annotator.labeling.completion import Completion

_BEFORE = " \t\r\n\"'`*_([{<#"
_AFTER = _BEFORE + ".,;:!?)]}>"


def label_logprob(tokens: Sequence[tuple[str, float]], label: str, after: str = "") -> float | None:
    """The log-probability of the tokens that spell the label; of the whole reply where it cannot be found.

    Args:
        tokens: the reply's tokens in order, each with its natural log-probability.
        label: the code that was read from the reply.
        after: text of the reply that stands before the code, such as a key.

    >>> label_logprob([("Code", -0.5), (": ", -0.1), ("hea", -0.2), ("lth", -0.05), (".", -1.0)], "health")
    -0.25
    """
    if not tokens or not all(math.isfinite(logprob) for _, logprob in tokens):
        return None
    text = "".join(token for token, _ in tokens).casefold()
    start = _find(text, label, after)
    end = start + len(label.casefold()) if start >= 0 else len(text)
    total, position = 0.0, 0
    for token, logprob in tokens:
        token_start, position = position, position + len(token.casefold())
        if start < position and token_start < end:
            total += logprob
    return min(total, 0.0)


@dataclass(frozen=True, slots=True)
class FirstToken:
    """How the model's probability is spread over the codes where the code begins.

    Attributes:
        codes: the share of each code among the codes found in the token list, by name.
        margin: log-probability of the code's first token less that of its closest rival; where no rival is
            listed, less the smallest listed: at least so much.
    """

    codes: Mapping[str, float]
    margin: float | None


def first_token(
    completion: Completion, label: str, spelling: Mapping[str, str], after: str = ""
) -> FirstToken | None:
    """The distribution over codes where the label begins.

    None where the endpoint gives no alternatives, the label is not in the reply as it is spelt, or its first
    token begins other codes too: codes that begin alike cannot be told apart by one token.

    Args:
        completion: a reply with the likeliest tokens of each place.
        label: the code that was read from it.
        spelling: how each code is written.
        after: text of the reply that stands before the code, such as a key.
    """
    place = _token_at(completion.logprobs, spelling[label], after)
    listed = completion.likeliest[place] if place is not None and place < len(completion.likeliest) else ()
    if place is None or not listed:
        return None
    begun = [(_begun(token, spelling), logprob) for token, logprob in listed]
    if _begun(completion.logprobs[place][0], spelling) != {label}:
        return None
    mass = {name: _log_sum([value for codes, value in begun if codes == {name}]) for name in spelling}
    rivals = [value for codes, value in begun if codes and codes != {label}]
    own = max(mass[label], completion.logprobs[place][1])
    others = {name: value for name, value in mass.items() if name != label and value > -math.inf}
    total = _log_sum([own, *others.values()])
    floor = max(rivals) if rivals else min(value for _, value in listed) if len(listed) > 1 else None
    return FirstToken(
        codes={label: math.exp(own - total), **{n: math.exp(v - total) for n, v in others.items()}},
        margin=None if floor is None else own - floor,
    )


def _find(text: str, words: str, after: str) -> int:
    """Where these words begin in a case-folded text, behind the first ``after``; -1 if nowhere."""
    return text.find(words.casefold(), max(text.find(after.casefold()), 0) + len(after))


def _token_at(tokens: Sequence[tuple[str, float]], words: str, after: str) -> int | None:
    """The place of the token in which these words begin."""
    start = _find("".join(token for token, _ in tokens).casefold(), words, after)
    position = 0
    for place, (token, _) in enumerate(tokens):
        position += len(token.casefold())
        if 0 <= start < position:
            return place
    return None


def _begun(token: str, spelling: Mapping[str, str]) -> set[str]:
    """The codes that a token begins."""
    words = token.casefold().lstrip(_BEFORE).rstrip(_AFTER)
    return {name for name, spelt in spelling.items() if words and spelt.casefold().startswith(words)}


def _log_sum(values: Sequence[float]) -> float:
    finite = [value for value in values if value > -math.inf]
    top = max(finite, default=-math.inf)
    return top + math.log(sum(math.exp(value - top) for value in finite)) if finite else top
