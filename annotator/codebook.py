"""The codebook: the question coders and models answer, and the codes they may answer with."""

import hashlib
import json
import math
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from annotator import label_sets
from annotator.folding import folded

CodeName = Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=r"^\S(.*\S)?$")]


class Code(BaseModel):
    """One code: its name, what it means, and texts that carry it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: CodeName
    definition: str = ""
    examples: tuple[str, ...] = ()
    value: float | None = Field(None, allow_inf_nan=False, description="the number it stands for")


class Codebook(BaseModel):
    """A question with a closed set of codes; those of a rating may be numbers.

    Exactly one code applies to a unit, or any number of them where the type is ``multilabel``. The order of
    ``labels`` is the codebook order: columns, keys and reports follow it.

    >>> book = Codebook(question="Is it polite?", type="binary",
    ...                 labels=[Code(name="polite"), Code(name="impolite")])
    >>> book.names
    ('polite', 'impolite')
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    question: Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
    type: Literal["binary", "categorical", "ordinal", "numeric", "multilabel"] = "categorical"
    labels: Annotated[tuple[Code, ...], Field(min_length=2)]

    @model_validator(mode="after")
    def _codes_are_distinct(self) -> Self:
        compared = [folded(code.name) for code in self.labels]
        doubled = [each.name for each in self.labels if compared.count(folded(each.name)) > 1]
        if doubled:
            raise ValueError(
                "each code needs a name of its own, whatever its case and how its accents are composed; "
                f"given twice: {', '.join(doubled)}"
            )
        if self.type == "binary" and len(self.labels) != 2:
            raise ValueError(f"a binary codebook has two codes, this one has {len(self.labels)}")
        if self.is_multilabel:
            self._refuse_names_of_sets()
        given = [code.value is not None for code in self.labels]
        if any(given) and not all(given):
            raise ValueError("give every code a `value`, or none")
        if self.type == "numeric" and not all(given):
            for code in self.labels:
                _number(code.name)
        return self

    def _refuse_names_of_sets(self) -> None:
        for code in self.labels:
            if label_sets.SEPARATOR in code.name or folded(code.name) == label_sets.NONE:
                raise ValueError(
                    f"in a multilabel codebook no code may be called '{code.name}': "
                    f"labels are written 'one{label_sets.SEPARATOR}other', or '{label_sets.NONE}'"
                )
            if code.value is not None:
                raise ValueError("the codes of a multilabel codebook have no `value`")

    @property
    def is_multilabel(self) -> bool:
        """Whether any number of codes, also none, may apply to one unit."""
        return self.type == "multilabel"

    @property
    def choices(self) -> str:
        """What a label may be, in words."""
        names = ", ".join(self.names)
        if not self.is_multilabel:
            return f"one of: {names}"
        example = label_sets.join(self.names[:2], self.names)
        return f"any of: {names} (several as '{example}', or '{label_sets.NONE}')"

    def is_label(self, label: object) -> bool:
        """Whether this is a label exactly as the tables write it."""
        return isinstance(label, str) and self.spell(label) == label

    def spell(self, label: str) -> str | None:
        """A label as the tables write it, from one in other case, order or Unicode form; None if it is none.

        Tables write codes as the study file does.

        >>> book = Codebook(question="Which?", type="multilabel", labels=[Code(name="A"), Code(name="B")])
        >>> book.spell("b; a"), book.spell("None"), book.spell("c")
        ('A;B', 'none', None)
        """
        if self.is_multilabel:
            codes = label_sets.split(label, self.names)
            return None if codes is None else label_sets.join(codes, self.names)
        wanted = folded(label)
        return next((name for name in self.names if folded(name) == wanted), None)

    @property
    def names(self) -> tuple[str, ...]:
        """The codes in codebook order."""
        return tuple(code.name for code in self.labels)

    @property
    def numbers(self) -> tuple[float, ...] | None:
        """What each code stands for: its value; the number in its name; its place on an ordinal scale.

        None if the codes are not numbers.
        """
        values = [code.value for code in self.labels if code.value is not None]
        if values:
            return tuple(values)
        if self.type == "numeric":
            return tuple(_number(name) for name in self.names)
        if self.type == "ordinal":
            return tuple(float(place) for place in range(1, len(self.labels) + 1))
        return None

    def digest(self) -> str:
        """A short hash that changes whenever anything in the codebook does."""
        text = json.dumps(self.model_dump(mode="json", exclude_none=True), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _number(name: str) -> float:
    try:
        number = float(name)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(
            f"a numeric codebook needs numbers: name the code '{name}' by one, or give it a `value`"
        )
    return number
