"""From a reply in words to a label of the codebook, whatever its type. Never a guess.

Codes are read by ``parsing``; numbers by what they stand for; sets of codes part by part, each of which
must be a code.
"""

import json
import re
from collections.abc import Sequence

from annotator import label_sets
from annotator.codebook import Codebook
from annotator.labeling.parsing import bare, exact, parse_cut_label, parse_label, without_thoughts
from annotator.labeling.protocol import Status
from annotator.labeling.spelling import as_number, numbered

Reading = tuple[str | None, Status]

_LONGEST_SET = 20_000  # characters
_SEPARATORS = (re.compile(r"[;\n]"), re.compile(r"[;,\n]"))


def parse_answer(reply: str | None, codebook: Codebook) -> Reading:
    """The label a reply gives, as the tables write it, and what kind of reply it is.

    Returns:
        The label and ``"ok"``, or None and ``"empty"`` or ``"off_codebook"``.

    >>> from annotator.codebook import Code
    >>> book = Codebook(question="Which?", type="multilabel", labels=[Code(name="A"), Code(name="B")])
    >>> parse_answer("b; a", book), parse_answer("None.", book), parse_answer("A, perhaps", book)
    (('A;B', 'ok'), ('none', 'ok'), (None, 'off_codebook'))
    """
    if not codebook.is_multilabel and codebook.type != "numeric":
        return parse_label(reply, codebook.names)
    said = without_thoughts(reply)
    if not said:
        return None, "empty"
    label = _set(said, codebook.names) if codebook.is_multilabel else _number(said, codebook)
    return (label, "ok") if label is not None else (None, "off_codebook")


def parse_cut_answer(reply: str | None, codebook: Codebook) -> Reading:
    """As ``parse_answer``, for a reply that was cut by a token limit: of a set or number no part counts."""
    if codebook.is_multilabel or codebook.type == "numeric":
        return None, "truncated"
    return parse_cut_label(reply, codebook.names)


def _number(said: str, codebook: Codebook) -> str | None:
    """The code that is named or that the number stands for; None where these are two."""
    number = as_number(bare(said))
    found = {exact(said, codebook.names), None if number is None else numbered(number, codebook)} - {None}
    return found.pop() if len(found) == 1 else None


def _set(said: str, names: Sequence[str]) -> str | None:
    """The one set of codes that the text can be read as, however its parts are separated."""
    if len(said) > _LONGEST_SET:
        return None
    if bare(said) == label_sets.NONE:
        return label_sets.NONE
    readings = [_codes(each.split(said), names) for each in _SEPARATORS] + [_codes(_listed(said), names)]
    found = {label_sets.join(codes, names) for codes in readings if codes}
    return found.pop() if len(found) == 1 else None


def _codes(parts: Sequence[str] | None, names: Sequence[str]) -> list[str] | None:
    """The codes of these parts; None unless every part that is not blank is one."""
    codes = [exact(part, names) for part in parts or () if part.strip()]
    known = [code for code in codes if code is not None]
    return known if len(known) == len(codes) else None


def _listed(said: str) -> list[str] | None:
    """The texts of a JSON list."""
    try:
        found = json.loads(said)
    except (ValueError, RecursionError):
        return None
    is_list = isinstance(found, list) and all(isinstance(part, str) for part in found)
    return found if is_list else None
