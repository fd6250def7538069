"""The words put to a model: first the code is asked for, then how likely it is to be right.

Two-stage verbalized confidence: the second question comes as a further turn of the same conversation,
after the model has committed itself to a code.
"""

import hashlib
from functools import cached_property
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined

from annotator.codebook import Codebook

Message = dict[str, str]


def _source(name: str) -> str:
    return files("annotator.labeling").joinpath("templates", name).read_text(encoding="utf-8")


class Prompts:
    """Renders the conversation about one unit.

    >>> from annotator.codebook import Code
    >>> book = Codebook(question="Polite?", labels=[Code(name="yes"), Code(name="no")])
    >>> [message["role"] for message in Prompts(book).confidence("Thanks!", "yes")]
    ['system', 'user', 'assistant', 'user']
    """

    def __init__(self, codebook: Codebook) -> None:
        self._environment = Environment(
            loader=FunctionLoader(_source), undefined=StrictUndefined, autoescape=False, trim_blocks=True
        )
        self._codebook = codebook

    def _render(self, template: str, **values: object) -> str:
        return self._environment.get_template(template).render(values).strip()

    @cached_property
    def _system(self) -> Message:
        return {"role": "system", "content": self._render("system.j2", codebook=self._codebook)}

    def label(self, text: str) -> list[Message]:
        """The first turn: which code does this text carry?"""
        fenced = text.replace("</text>", "<\N{ZERO WIDTH SPACE}/text>")
        return [self._system, {"role": "user", "content": self._render("unit.j2", text=fenced)}]

    def confidence(self, text: str, label: str) -> list[Message]:
        """The second turn: how likely is the code the model has just given?"""
        return [
            *self.label(text),
            {"role": "assistant", "content": label},
            {"role": "user", "content": self._render("confidence.j2", label=label)},
        ]

    @cached_property
    def digest(self) -> str:
        """A short hash of everything in the prompt but the unit's text."""
        parts = [self._system["content"], _source("unit.j2"), _source("confidence.j2")]
        return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:16]
