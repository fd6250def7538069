"""How codes are written to a model and by it: by name, or by number where the codes are numbers."""

import re
import unicodedata

from annotator.codebook import Codebook

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)")
_MINUS = str.maketrans({"\u2212": "-", "\u2010": "-", "\u2011": "-", "\u2013": "-"})


def spelling(codebook: Codebook) -> dict[str, str]:
    """What stands for each code in a prompt.

    >>> from annotator.codebook import Code
    >>> often = Codebook(question="How often?", type="numeric",
    ...                  labels=[Code(name="never", value=0), Code(name="weekly", value=4.5)])
    >>> spelling(often)
    {'never': '0', 'weekly': '4.5'}
    """
    if codebook.type != "numeric" or codebook.numbers is None:
        return {name: name for name in codebook.names}
    return {
        name: name if as_number(name) == number else f"{number:.12g}"
        for name, number in zip(codebook.names, codebook.numbers, strict=True)
    }


def as_number(text: str) -> float | None:
    """The number a text is, if it is one and nothing else.

    >>> as_number(" 4.0 "), as_number("\\u22122"), as_number("4/5"), as_number("4 or 5")
    (4.0, -2.0, None, None)
    """
    plain = unicodedata.normalize("NFKC", text).translate(_MINUS).strip()
    return float(plain) if plain.isascii() and _NUMBER.fullmatch(plain) else None


def numbered(number: float, codebook: Codebook) -> str | None:
    """The one code that stands for this number; None where none or several do."""
    values = codebook.numbers or ()
    found = [name for name, value in zip(codebook.names, values, strict=True) if value == number]
    return found[0] if len(found) == 1 else None
