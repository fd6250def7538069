"""Names that Stata and R take, for columns called as a study calls them."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

LONGEST = 32  # characters, in Stata; R has no limit
# Stata's, those of its matrix language, and R's.
_WORDS = """
    byte double float if in int long str strL using with aggregate array boolean break case catch class
    colvector complex const continue default delegate delete do e else eltypedef end enum explicit export
    external final finally for friend function global goto inline local mata matrix namespace new NULL numeric
    operator orgtypedef pointer polymorphic pragma private protected public quad real return rowvector scalar
    short signed static string struct super switch template this throw transmorphic try typedef typename union
    unsigned vector version virtual void volatile while repeat next TRUE FALSE Inf NaN NA NA_integer_ NA_real_
    NA_complex_ NA_character_ T F
"""
RESERVED = frozenset(_WORDS.split())


def valid_names(columns: Sequence[str]) -> dict[str, str]:
    """A name for each column: letters (of any alphabet), digits and ``_``, at most `LONGEST`, none twice.

    The same columns in the same order always get the same names.

    >>> valid_names(["party", "rectified_très bien", "rectified_très-bien", "2020", "if"])
    ... # doctest: +NORMALIZE_WHITESPACE
    {'party': 'party', 'rectified_très bien': 'rectified_très_bien',
     'rectified_très-bien': 'rectified_très_bien_2', '2020': 'v2020', 'if': 'v_if'}
    """
    return dict(zip(columns, distinct_names(columns), strict=True))


def distinct_names(wished: Iterable[str]) -> list[str]:
    """The same for names of which some may be wished for twice.

    >>> distinct_names(["age", "age", "inclusion_probability_of_the_first_round"])
    ['age', 'age_2', 'inclusion_probability_of_the_fir']
    """
    found: list[str] = []
    for name in wished:
        found.append(_free(_valid(name), set(found)))
    return found


def _valid(column: str) -> str:
    composed = unicodedata.normalize("NFKC", column)
    name = "".join(char if _is_allowed(char) else "_" for char in composed)
    if not name or name in RESERVED or re.fullmatch(r"str\d+", name):
        return f"v_{name}"
    return name if name[0].isalpha() else f"v{name}"


def _is_allowed(char: str) -> bool:
    return unicodedata.category(char).startswith("L") or (char.isascii() and char.isdigit()) or char == "_"


def _free(name: str, taken: set[str]) -> str:
    found, number = name[:LONGEST], 1
    while found in taken:
        number += 1
        ending = f"_{number}"
        found = name[: LONGEST - len(ending)] + ending
    return found
