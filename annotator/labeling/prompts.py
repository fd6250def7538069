"""The words put to a model: which code is asked for, then how likely it is to be right.

Two-stage verbalized confidence: the second question comes as a further turn of the same conversation,
after the model has committed itself to a code. With JSON asked for, one reply says both.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from importlib.resources.abc import Traversable
from typing import Any

from annotator.codebook import Codebook
from annotator.labeling.fence import fenced, parts
from annotator.labeling.few_shot import Example
from annotator.labeling.spelling import spelling
from annotator.labeling.templating import Templates

Message = dict[str, Any]
"""One turn: ``role``, and ``content`` as text or, with an image, as a list of parts."""

_CUES = {"multilabel": "Codes:", "numeric": "Number:"}
_USED = ("system.j2", "unit.j2", "confidence.j2")


class Prompts:
    """Renders the conversation about one unit.

    Args:
        codebook: what is asked; a prompt lists the codes in its order, or in ``order``.
        folders: templates that take the place of the built-in ones of the same name.
        as_json: whether label and confidence are asked for at once, as a JSON object.
        examples: texts coded by people, shown with the codebook; a unit never sees itself.
        columns: the names of the two texts of a pair.
        order: the codes in the order in which they are listed; the codebook's if None.

    Raises StudyError where a template is wrong, naming its file and line.

    >>> from annotator.codebook import Code
    >>> book = Codebook(question="Polite?", labels=[Code(name="yes"), Code(name="no")])
    >>> [message["role"] for message in Prompts(book).confidence("Thanks!", "yes")]
    ['system', 'user', 'assistant', 'user']
    """

    def __init__(
        self,
        codebook: Codebook,
        *,
        folders: Sequence[Traversable] = (),
        as_json: bool = False,
        examples: Sequence[Example] = (),
        columns: tuple[str, str] | None = None,
        order: Sequence[str] | None = None,
    ) -> None:
        self._folders = folders
        self._codebook = codebook
        self._as_json = as_json
        self._examples = tuple(examples)
        self._columns = columns
        self._order = tuple(order or codebook.names)
        self._spelling = spelling(codebook)
        self._system_without = lru_cache(maxsize=None)(self._render_system)
        self._templates = Templates(folders, self._values)
        self._templates.refuse_idle(self._templates.sources(self._used))

    def with_order(self, order: Sequence[str]) -> "Prompts":
        """The same prompts with the codes listed in another order."""
        return Prompts(
            self._codebook,
            folders=self._folders,
            as_json=self._as_json,
            examples=self._examples,
            columns=self._columns,
            order=order,
        )

    @property
    def order(self) -> tuple[str, ...]:
        """The codes in the order in which the prompt lists them."""
        return self._order

    def label(self, text: str, unit_id: str | None = None) -> list[Message]:
        """The first turn: which code does this text carry?

        An example that has this text or unit id is left out.
        """
        return [self._system(text, unit_id), {"role": "user", "content": self._unit(text)}]

    def confidence(self, text: str, label: str, unit_id: str | None = None) -> list[Message]:
        """The second turn: how likely is the code the model has just given?"""
        said = self._spelling.get(label, label)
        return [
            *self.label(text, unit_id),
            {"role": "assistant", "content": said},
            {"role": "user", "content": self._templates.render("confidence.j2", label=said)},
        ]

    def repair(self, asked: Sequence[Message], reply: str) -> list[Message]:
        """A further turn where the reply was not the JSON object asked for."""
        said = {"role": "assistant", "content": reply}
        return [*asked, said, {"role": "user", "content": self._templates.render("repair.j2")}]

    def own_examples(self, text: str, unit_id: str | None) -> frozenset[int]:
        """Which of the examples are this very unit."""
        if not self._examples:
            return frozenset()
        words = text.strip()
        return frozenset(
            place
            for place, example in enumerate(self._examples)
            if example.text.strip() == words or (unit_id is not None and example.unit_id == unit_id)
        )

    @cached_property
    def digest(self) -> str:
        """A short hash of everything in the prompt but the unit's text."""
        sources = self._templates.sources(self._used)
        said = [self._system("", None)["content"], *(f"{name}\n{sources[name]}" for name in sorted(sources))]
        return hashlib.sha256("\x00".join(said).encode()).hexdigest()[:16]

    @property
    def _used(self) -> tuple[str, ...]:
        return (*_USED, "repair.j2") if self._as_json else _USED

    def _system(self, text: str, unit_id: str | None) -> Message:
        return {"role": "system", "content": self._system_without(self.own_examples(text, unit_id))}

    def _render_system(self, without: frozenset[int]) -> str:
        shown = [example for place, example in enumerate(self._examples) if place not in without]
        return self._templates.render(
            "system.j2", examples=[replace(each, text=fenced(each.text)) for each in shown]
        )

    def _unit(self, text: str) -> str:
        return self._templates.render("unit.j2", text=fenced(text), parts=parts(text, self._columns))

    @property
    def _values(self) -> dict[str, object]:
        codes = {code.name: code for code in self._codebook.labels}
        listed = self._codebook.model_copy(update={"labels": tuple(codes[name] for name in self._order)})
        return {
            "codebook": listed,
            "scale": [self._spelling[name] for name in self._codebook.names],
            "spelling": self._spelling,
            "is_multilabel": self._codebook.is_multilabel,
            "as_json": self._as_json,
            "columns": self._columns,
            "cue": _CUES.get(self._codebook.type, "Code:"),
        }
