"""Which unit of the corpus an item is."""

import hashlib
from collections.abc import Mapping

import pandas as pd

from annotator.adoption.item import Item

UNMATCHED, AMBIGUOUS, OTHER_TEXT = "unmatched", "ambiguous", "other_text"
NOT_COMPARED = "not_compared"


class Matching:
    """Finds units by their id where an item gives one, else by their exact text.

    >>> units = pd.DataFrame({"unit_id": ["a", "b"], "text": ["One.", "Two."]})
    >>> units["content_hash"] = [hashlib.sha256(text.encode()).hexdigest() for text in units["text"]]
    >>> find = Matching(units).unit
    >>> find(Item("task 1", None, ("other", "Two."), False, ()))
    ('b', '')
    >>> find(Item("task 2", "a", ("Two.",), True, ())), find(Item("task 3", "c", (), False, ()))
    ((None, 'other_text'), (None, 'unmatched'))
    >>> find(Item("task 4", "a", ("other",), False, ()))
    ('a', 'not_compared')
    """

    def __init__(self, units: pd.DataFrame) -> None:
        self._text: Mapping[str, str] = dict(zip(units["unit_id"], units["text"], strict=True))
        self._by_content: dict[str, list[str]] = {}
        for unit, content in zip(units["unit_id"], units["content_hash"], strict=True):
            self._by_content.setdefault(content, []).append(unit)

    def unit(self, item: Item) -> tuple[str | None, str]:
        """The unit's id and what is doubtful about it, or None and why there is none.

        ``ambiguous``: several units have this text; ``other_text``: the unit of this id has another one;
        ``not_compared``: the id alone is believed, as the item says not which of its fields is the text.
        """
        if item.unit is not None:
            return self._by_id(item)
        found = {unit for text in item.texts for unit in self._by_content.get(_content(text), ())}
        if len(found) == 1:
            return found.pop(), ""
        return None, AMBIGUOUS if found else UNMATCHED

    def _by_id(self, item: Item) -> tuple[str | None, str]:
        text = self._text.get(item.unit or "")
        if text is None:
            return None, UNMATCHED
        if text.split() in [each.split() for each in item.texts]:
            return item.unit, ""
        if item.is_text and item.texts:
            return None, OTHER_TEXT
        return item.unit, NOT_COMPARED if text else ""


def _content(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
