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
    wide = text.translate(_WIDE)
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
    """The text or texts of a unit, safe to stand between delimiters.

    A pair is stored as ``first: ...``, an empty line, ``second: ...``. Where that can be read in more than
    one way, because a text holds the second's name itself, the pair stays in one piece.

    >>> [part.text for part in parts("claim: It rains.\\n\\nreply: It does not.", ("claim", "reply"))]
    ['It rains.', 'It does not.']
    """
    if columns is not None:
        start, seam = f"{columns[0]}: ", f"\n\n{columns[1]}: "
        if text.startswith(start) and text.count(seam) == 1:
            first, second = text.removeprefix(start).split(seam)
            return [Part(columns[0], fenced(first)), Part(columns[1], fenced(second))]
    return [Part(None, fenced(text))]
