"""When two texts are the same code: whatever their case, blanks around them and their form in Unicode."""

import unicodedata


def folded(text: str) -> str:
    """The text as it is compared with others, never as it is written.

    An accent may be part of its letter or a character of its own: that is a matter of keyboards and systems
    of files, and cannot be seen. This is the canonical caseless match of the Unicode Standard (section 3.13,
    D145).

    >>> folded("Caf\\u00e9 ") == folded("cafe\\u0301")
    True
    """
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", text.strip()).casefold())
