"""The codebook: the question coders and models answer, and the codes they may answer with."""

import hashlib
import json
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

CodeName = Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=r"^\S(.*\S)?$")]


class Code(BaseModel):
    """One code: its name, what it means, and texts that carry it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: CodeName
    definition: str = ""
    examples: tuple[str, ...] = ()


class Codebook(BaseModel):
    """A question with a closed set of mutually exclusive codes.

    The order of ``labels`` is the codebook order: columns, keys and reports follow it.

    >>> book = Codebook(question="Is it polite?", type="binary",
    ...                 labels=[Code(name="polite"), Code(name="impolite")])
    >>> book.names
    ('polite', 'impolite')
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    question: Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
    type: Literal["binary", "categorical", "ordinal"] = "categorical"
    labels: Annotated[tuple[Code, ...], Field(min_length=2)]

    @model_validator(mode="after")
    def _codes_are_distinct(self) -> Self:
        folded = [code.name.casefold() for code in self.labels]
        doubled = sorted({name for name in folded if folded.count(name) > 1})
        if doubled:
            raise ValueError(f"each code needs a name of its own; given twice: {', '.join(doubled)}")
        if self.type == "binary" and len(self.labels) != 2:
            raise ValueError(f"a binary codebook has two codes, this one has {len(self.labels)}")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The codes in codebook order."""
        return tuple(code.name for code in self.labels)

    def digest(self) -> str:
        """A short hash that changes whenever anything in the codebook does."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]
