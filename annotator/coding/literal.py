"""Text of the study on Label Studio's page: shown as it is, never read as markup or as a field's name."""

import re
from html import escape

# What XML cannot carry at all.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def printable(text: str) -> str:
    """The text without the characters that XML cannot carry."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def literal(text: str) -> str:
    """Text that Label Studio shows as it is: $word would name a field of the task to it."""
    return printable(text).replace("$", "$\N{WORD JOINER}")


def html(text: str) -> str:
    """Text where HTML is shown."""
    return escape(printable(text), quote=True).replace("\n", "<br>")
