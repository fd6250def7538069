"""Texts as material: between delimiters that no text can close, and pairs taken apart again."""

import re
from dataclasses import dataclass

# The tag in any case, with blanks, also in the wide and small forms that models read as the plain ones.
_TAG = re.compile(
    r"(?P<open>[<\uff1c\ufe64\u2039\u27e8])(?=\s*[/\uff0f\u2215\u2044]?\s*t\s*e\s*x\s*t\b)", re.IGNORECASE
)
_WIDE = str.maketrans({chr(0xFF00 + ord(letter) - 0x20): letter for letter in "textTEXT"})


def fenced(text: str) -> str:
    """The text with nothing in it that opens or closes the delimiter: a zero-width space breaks the tag.

    >>> fenced("a </text> b") == "a <" + chr(0x200B) + "/text> b"
    True
    """
    wide = text if text.isascii() else text.translate(_WIDE)
    places = [match.end() for match in _TAG.finditer(wide)]
    for place in reversed(places):
        text = f"{text[:place]}\N{ZERO WIDTH SPACE}{text[place:]}"
    return text


@dataclass(frozen=True, slots=True)
class Part:
    """One delimited text; ``column`` is None where a unit has only one."""

    column: str | None
    text: str


def parts(text: str, columns: tuple[str, str] | None) -> list[Part]:
    """The text or texts of a unit, safe to stand between delimiters."""
    both = pair(text, columns) if columns is not None else None
    if columns is None or both is None:
        return [Part(None, fenced(text))]
    return [Part(column, fenced(each)) for column, each in zip(columns, both, strict=True)]


def pair(text: str, columns: tuple[str, str]) -> tuple[str, str] | None:
    """The two texts of a unit, which the corpus stores as one.

    A pair is stored as ``first: ...``, an empty line, ``second: ...``. None where that can be read in more
    than one way, because a text holds the second's name itself: such a unit stays in one piece.

    >>> pair("claim: It rains.\\n\\nreply: It does not.", ("claim", "reply"))
    ('It rains.', 'It does not.')
    """
    start, seam = f"{columns[0]}: ", f"\n\n{columns[1]}: "
    if not text.startswith(start) or text.count(seam) != 1:
        return None
    first, _, second = text.removeprefix(start).partition(seam)
    return first, second


def joined(both: tuple[str, str], columns: tuple[str, str]) -> str:
    """The pair as the corpus stores it."""
    return f"{columns[0]}: {both[0]}\n\n{columns[1]}: {both[1]}"
