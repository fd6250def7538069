"""Reading a model's replies: a code of the codebook, or a probability, or nothing. Never a guess."""

import re
import unicodedata
from collections.abc import Sequence

from annotator.labeling.protocol import Status

MENTION_WORDS = 12
"""A longer reply that merely mentions a code is prose, not an answer."""

_LONGEST_ANSWER = 500  # characters; code names have at most 80
_THOUGHTS = re.compile(r"^.*</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_PREFIX = re.compile(
    r"^(?:the\s+|my\s+|your\s+)?(?:final\s+|best\s+|right\s+|correct\s+)?"
    r"(?:codes?|labels?|answers?|category|categories|class|classes|number|output|response)"
    r"\s*(?:is\b|are\b|[:=])\s*"
)
_DIGIT = re.compile(r"\d")
_DECORATION = "*_`~#\"'()[]{}<>|.,;:!? \t\r\n"
_QUOTES = str.maketrans("\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb", '\'\'\'"""""')
_NEGATION = re.compile(
    r"\b(?:not|no|non|never|neither|nor|none|nothing|cannot|cant|without|except|excluding|hardly|unlikely|unable"
    r"|instead|rather|than|unclear|n/a"
    r"|nicht|kein\w*|weder|ohne|pas|aucun\w*|jamais|sans|ni|ning[u\u00fa]n\w*|nunca|sin|niet|geen|nem|nie|ne|\u043d\u0435)\b"
    r"|n't\b"
)


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).translate(_QUOTES).casefold().strip()


def bare(text: str) -> str:
    """The text without markup, quotes, a list dash or an announcing "Code:" around it."""
    previous = None
    said = _fold(text)
    while said != previous:
        previous = said
        said = re.sub(r"^[-\u2022]\s+", "", said.strip(_DECORATION))
        said = _PREFIX.sub("", said)
    return said


def exact(text: str, names: Sequence[str]) -> str | None:
    """The one code the text equals, by the strictest comparison that knows it."""
    if len(text) > _LONGEST_ANSWER:
        return None
    for form in (str.strip, _fold, bare):
        forms = [form(name) for name in names]
        wanted = form(text)
        if wanted and forms.count(wanted) == 1:
            return names[forms.index(wanted)]
    return None


def _mentioned(text: str, names: Sequence[str]) -> str | None:
    """The one code a short, unnegated text mentions as whole words; longer names are matched first."""
    folded = _fold(text)
    if len(folded) > _LONGEST_ANSWER or len(folded.split()) > MENTION_WORDS:
        return None
    found: set[str] = set()
    for name in sorted(names, key=lambda name: len(_fold(name)), reverse=True):
        whole = rf"(?<![\w-])(?<!\w['.,/]){re.escape(_fold(name))}(?!\w|['.,/-]\w)"
        folded, count = re.subn(whole, " \x00 ", folded)
        if count:
            found.add(name)
    if len(found) != 1 or _NEGATION.search(folded):
        return None
    label = found.pop()
    # Beside a code that is a number, another number makes it a range, a share or a count.
    return None if _DIGIT.search(label) and _DIGIT.search(folded) else label


def without_thoughts(reply: str | None) -> str:
    """The reply after whatever a reasoning model thinks aloud before it."""
    return _THOUGHTS.sub("", reply or "").strip()


def _first_line(lines: Sequence[str], names: Sequence[str]) -> str | None:
    """The code alone on the first line, where an explanation without a rival line follows."""
    answers = [exact(line, names) for line in lines]
    return answers[0] if len({answer for answer in answers if answer is not None}) == 1 else None


def parse_label(reply: str | None, names: Sequence[str]) -> tuple[str | None, Status]:
    """The code a reply gives, and what kind of reply it is.

    A reply counts when, apart from case, quotes, markup, punctuation and an announcing "Code:", it is the
    name of a code; when its first line is; or when it is short (at most 12 words), free of negations
    and mentions exactly one code in whole words.

    Args:
        reply: what the model said.
        names: the codes, in codebook order.

    Returns:
        The code as the codebook spells it and ``"ok"``, or None and ``"empty"`` or ``"off_codebook"``.

    >>> names = ("health", "health care", "other")
    >>> parse_label("**Health care.**", names)
    ('health care', 'ok')
    >>> parse_label("The best code would be health.", names)
    ('health', 'ok')
    >>> parse_label("not health", names)
    (None, 'off_codebook')
    """
    said = without_thoughts(reply)
    if not said:
        return None, "empty"
    lines = [line for line in said.splitlines() if line.strip()]
    label = exact(said, names) or _first_line(lines, names) or _mentioned(said, names)
    return (label, "ok") if label is not None else (None, "off_codebook")


def parse_cut_label(reply: str | None, names: Sequence[str]) -> tuple[str | None, Status]:
    """As ``parse_label``, for a reply that was cut by a token limit: only its complete lines count.

    >>> parse_cut_label("health", ("health", "health care"))
    (None, 'truncated')
    >>> parse_cut_label("health\\nThe respondent mentions a hos", ("health", "health care"))
    ('health', 'ok')
    """
    said = _THOUGHTS.sub("", reply or "").lstrip()
    label = _first_line(said.split("\n")[:-1], names) if "\n" in said else None
    return (label, "ok") if label is not None else (None, "truncated")


_WORD = re.compile(r"[^\s()\[\]{}\"'*_`:;=]+")
_AMOUNT = re.compile(r"(?P<number>\d+|\d*[.,]\d+|\d+[.,])(?P<percent>%|percent|pct)?")
_SHARE = re.compile(r"(?P<part>\d+(?:[.,]\d+)?)/(?P<whole>100?)")
_PERCENT_NEXT = re.compile(r"\s*(?:%|percent\b|per\s+cent\b|pct\b)")
_OUT_OF_NEXT = re.compile(r"\s*(?:out\s+of|/)\s*(?P<whole>100?)(?![\w.,]*\d)")
_BOUND = re.compile(
    r"[<>\u2264\u2265\u00b1]|\b(?:at least|at most|more than|less than|greater than|fewer than"
    r"|lower than|higher than|over|under|above|below|up to|between|or more|or less|not)\b"
)


def _decimal(digits: str) -> float:
    whole, comma, rest = digits.partition(",")
    if comma and len(rest) == 3 and whole not in ("", "0"):
        return float(whole + rest)
    return float(digits.replace(",", "."))


def _percentage(token: str, after: str) -> float | None:
    """The share that one numeric token stands for, in [0, 1] if it is one at all."""
    if share := _SHARE.fullmatch(token):
        return _decimal(share["part"]) / float(share["whole"])
    amount = _AMOUNT.fullmatch(token)
    if amount is None:
        return None
    number = _decimal(amount["number"])
    if not amount["percent"] and (out_of := _OUT_OF_NEXT.match(after)):
        return number / float(out_of["whole"])
    says_percent = amount["percent"] or _PERCENT_NEXT.match(after)
    is_probability = not says_percent and not amount["number"].isdigit() and number <= 1
    return number if is_probability else number / 100


def parse_probability(reply: str | None) -> float | None:
    """The probability a reply states, in [0, 1], or None where it states no single one.

    Whole numbers are percentages; a number written with decimals and at most 1, without a percent
    sign, is a probability. Ranges, bounds, negative numbers and anything above 100 % are not read.

    >>> [parse_probability(reply) for reply in ("85%", "about 85 percent", "0.85", "90/100", "1.0", "1")]
    [0.85, 0.85, 0.85, 0.9, 1.0, 0.01]
    >>> [parse_probability(reply) for reply in ("80-90%", "120%", "-5", "very likely")]
    [None, None, None, None]
    """
    said = _fold(_THOUGHTS.sub("", reply or ""))
    if _BOUND.search(said):
        return None
    tokens = [word for word in _WORD.finditer(said) if any(map(str.isdecimal, word.group()))]
    if not tokens:
        return None
    token = tokens[0].group().lstrip("~\u2248").rstrip(".,!?")
    after = said[tokens[0].end() :]
    others = len(tokens) - 1
    if others and not (others == 1 and _OUT_OF_NEXT.match(after)):
        return None
    probability = _percentage(token, after)
    return probability if probability is not None and 0 <= probability <= 1 else None
